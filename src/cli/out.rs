//! What is printed: results to standard output, what went wrong to standard error.
//!
//! Promises: text from elsewhere cannot steer a terminal; a reader who has gone away (`| head`)
//! is no failure, anything else that keeps a result from being written is one.
//! Never: colours where `NO_COLOR` is set or nobody looks.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;
use std::sync::OnceLock;

use serde::Serialize;

use super::{Failure, Outcome};
use crate::error::{Fault, Faults};

/// Why a result could not be written, where one could not.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Bytes as they are. Says whether anybody reads them.
pub(super) fn raw(bytes: &[u8]) -> bool {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                let _first = LOST.set(error);
            }
            false
        }
    }
}

/// Whether all that was printed was also written, to be asked at the end.
pub(super) fn written() -> Outcome {
    let Some(error) = LOST.get() else { return Ok(()) };
    let fault = Fault::new(format!("the result cannot be written: {error}"))
        .hint("what was to be changed is changed; a link or a token that was printed is lost: make another");
    Err(fault.at("standard output".as_ref(), None).into())
}

/// One line, or several, of our own words; what is put into it from elsewhere goes through [`tame`].
pub(super) fn line(text: &str) {
    raw(format!("{text}\n").as_bytes());
}

/// One JSON document and a line end.
pub(super) fn json(value: &impl Serialize) -> Outcome {
    let mut text = serde_json::to_vec(value).map_err(|error| Failure::said(error.to_string()))?;
    text.push(b'\n');
    raw(&text);
    Ok(())
}

/// Rows in columns under headings. The last column is not padded.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    raw(columns(headings, rows).as_bytes());
}

fn columns<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_uppercase))
        .chain(rows.iter().map(|row| row.each_ref().map(|cell| tame(cell))))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `text` with whatever could steer a terminal or turn the direction of reading written out.
pub(super) fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            tamed.extend(character.escape_unicode());
        } else {
            tamed.push(character);
        }
    }
    tamed
}

/// Whether a character moves a terminal's cursor, ends a line, or turns the direction of reading.
pub(super) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether colours are welcome on standard error.
#[expect(clippy::disallowed_methods, reason = "NO_COLOR is about the terminal, and no setting of ours")]
pub(super) fn coloured() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// Lines in a box, on standard error.
pub(super) fn boxed(lines: &[&str]) {
    use std::fmt::Write as _;
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let bar = "─".repeat(width + 2);
    let mut text = format!("┌{bar}┐\n");
    for line in lines {
        let padding = " ".repeat(width - line.chars().count());
        let _ = writeln!(text, "│ {line}{padding} │");
    }
    let _ = writeln!(text, "└{bar}┘");
    let _gone = stderr().lock().write_all(text.as_bytes());
}

/// `error: …` and its hint, once a fault.
pub(super) fn faults(faults: &Faults) {
    let (label, hint) = if coloured() {
        ("\u{1b}[1;31merror:\u{1b}[0m", "\u{1b}[1;36mhint:\u{1b}[0m")
    } else {
        ("error:", "hint:")
    };
    let mut lines = Vec::new();
    for fault in &faults.0 {
        let mut said = fault.clone();
        let advice = said.hint.take();
        lines.push(format!("{label} {}\n", tame_lines(&said.to_string())));
        if let Some(advice) = advice {
            lines.push(format!("  {hint} {}\n", tame_lines(&advice)));
        }
    }
    let _gone = stderr().lock().write_all(lines.concat().as_bytes());
}

/// [`tame`], line by line: for what has lines of its own.
pub(super) fn tame_lines(text: &str) -> String {
    text.lines().map(tame).collect::<Vec<_>>().join("\n")
}

/// What clap has to say: help and version are what was asked for, the rest is a usage error.
pub(super) fn usage(told: &clap::Error) -> ExitCode {
    let _gone = told.print();
    u8::try_from(told.exit_code()).map_or(ExitCode::from(2), ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_in_columns_and_cannot_steer_the_terminal() {
        let rows = [["sam".to_owned(), "\u{1b}[2Jx\ny".to_owned()], ["annelise".to_owned(), String::new()]];
        let shown = columns(["user", "name"], &rows);
        assert_eq!(shown, "USER      NAME\nsam       \\u{1b}[2Jx\\u{a}y\nannelise\n");
    }

    #[test]
    fn direction_marks_are_written_out() {
        assert_eq!(tame("a\u{202e}b\u{9b}c é 名"), "a\\u{202e}b\\u{9b}c é 名");
    }
}
