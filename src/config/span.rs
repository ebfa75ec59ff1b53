//! Spans of time as people write them: `7d`, `24h`, `30m`, `10s`. Owns their one parser.
//! Never decides which span is sensible for what.

use std::time::Duration;

use super::Placed;
use crate::error::Fault;

const LONGEST: u64 = 100 * 365 * 86_400;

/// Reads a whole number followed by `d`, `h`, `m` or `s`: more than nothing, at most 100 years.
pub fn span(written: &Placed<String>) -> Result<Duration, Fault> {
    seconds(&written.value).map(Duration::from_secs).ok_or_else(|| {
        written.fault(
            Fault::new(format!("`{}` is not a span of time", written.value.escape_debug()))
                .hint("write a number with its unit, such as `7d`, `24h`, `30m` or `10s`"),
        )
    })
}

fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().next_back()? {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=LONGEST).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, expected) in
            [("7d", 604_800), ("24h", 86_400), ("30m", 1_800), ("10s", 10), ("36500d", LONGEST)]
        {
            assert_eq!(span(&Placed::of(text.into())), Ok(Duration::from_secs(expected)), "{text}");
        }
        for text in
            ["", "d", "7", "7 d", "-7d", "+7d", "7D", "1.5h", "0s", "36501d", "99999999999999999999d", "7ä"]
        {
            assert!(span(&Placed::of(text.into())).is_err(), "{text:?} is no span");
        }
    }
}
