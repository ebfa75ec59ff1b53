//! How good a password is: its length, and how soon it would be guessed.
//!
//! Promises: what is wrong is one sentence the person can act on; the time it takes is bounded.
//! Never: asks for particular characters, or keeps what it was shown.

use std::fmt;

use zxcvbn::feedback::Feedback;
use zxcvbn::{Score, zxcvbn};

use super::LONGEST;

/// The shortest password, in characters.
const SHORTEST: usize = 12;
/// How many of the user's own words are looked for, and how long each may be.
const WORDS: usize = 32;
const WORD: usize = 64;

/// Why a password is not good enough: a sentence or two for the person who chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weak(String);

impl fmt::Display for Weak {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether the length is right.
pub(super) fn length(password: &str) -> Result<(), Weak> {
    if password.len() > LONGEST {
        Err(Weak(format!("Use a shorter password: at most {LONGEST} bytes.")))
    } else if password.chars().count() < SHORTEST {
        Err(Weak(format!("Use at least {SHORTEST} characters. A few uncommon words do well.")))
    } else {
        Ok(())
    }
}

/// Whether it would stand up to guessing, by who also knows `own_words`. The first time it takes 10 ms
/// more, and from then on the process is 5 MB larger: the word lists.
pub(super) fn guessable(password: &str, own_words: &[String]) -> Result<(), Weak> {
    let words = parts(own_words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let judged = zxcvbn(password, &words);
    if judged.score() >= Score::Three {
        return Ok(());
    }
    let warning = judged.feedback().and_then(Feedback::warning).map(|warning| warning.to_string());
    let advice =
        judged.feedback().and_then(|feedback| feedback.suggestions().first()).map(ToString::to_string);
    Err(Weak(format!(
        "{} {}",
        warning.as_deref().unwrap_or("This password would be guessed too soon."),
        advice.as_deref().unwrap_or("Add another word or two. Uncommon words are better."),
    )))
}

/// Each of `own_words`, and what it is made of: of an address also its name and its domain.
fn parts(own_words: &[String]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in own_words {
        let pieces = word.split(|character: char| !character.is_alphanumeric());
        for part in std::iter::once(word.as_str()).chain(pieces) {
            let part: String = part.chars().take(WORD).collect();
            if words.len() < WORDS && part.chars().count() > 2 && !words.contains(&part) {
                words.push(part);
            }
        }
    }
    words
}
