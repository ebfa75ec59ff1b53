//! The room, and what it does with answers that are none. Against the Bot API of the show: see `demo`.
