//! The client of `telegram` against the stand-in.
