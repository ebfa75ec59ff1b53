//! Text that others wrote, made fit to be kept. Owns what one line is. Never escapes: that is for who shows it.

/// `text` as one line: without control characters, and at most `longest` characters of it.
pub fn one_line(text: &str, longest: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(longest).collect()
}

/// What a browser or a program says of itself, as it is kept.
pub fn user_agent(text: &str) -> String {
    one_line(text, 200)
}
