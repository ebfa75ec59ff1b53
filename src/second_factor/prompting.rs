//! How often somebody is asked on Telegram. Pure.
