//! The log: one event, one line, on standard error. JSON where no person looks, else text.
//!
//! Promises: JSON keys stand in the order `ts, level, stream, event, ip`, then the rest, so that an
//! anchored filter (fail2ban) cannot be deceived; every value is escaped and cut at 1,024 characters;
//! a log that cannot be written stops nothing.
//! Never: prints a panic's text unless it is a literal of the source, since it may quote a secret.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal as _, Write as _, stderr};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::out;
use crate::clock::{Clock, Wall};
use crate::config::LogSettings;
use crate::error::{Fault, Faults};

/// The longest value of a field, in characters.
const LONGEST: usize = 1024;
/// Fields that come first, in this order; what is not there is left out, but for `stream`.
const FIRST: [&str; 3] = ["stream", "event", "ip"];

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text { coloured: bool },
}

/// What `[log]` comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    level: LevelFilter,
    format: Format,
}

impl Log {
    /// Reads `[log]`; where it names no format, a terminal gets text.
    pub(super) fn from_settings(settings: &LogSettings) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let level = match settings.level.value.as_str() {
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            other => {
                let fault = Fault::new(format!("`log.level` cannot be `{other}`"))
                    .hint("one of `error`, `warn`, `info`, `debug`, `trace`");
                faults.add(settings.level.fault(fault));
                LevelFilter::INFO
            }
        };
        let text = Format::Text { coloured: out::coloured() };
        let format = match &settings.format {
            None if stderr().is_terminal() => text,
            None => Format::Json,
            Some(format) => match format.value.as_str() {
                "text" => text,
                "json" => Format::Json,
                other => {
                    let fault = Fault::new(format!("`log.format` cannot be `{other}`"))
                        .hint("`text` or `json`; without it text on a terminal, else JSON");
                    faults.add(format.fault(fault));
                    text
                }
            },
        };
        faults.or(Self { level, format })
    }

    /// Makes this the log of the process, panics included. Others' libraries are heard from `warn` on.
    pub(super) fn start(self) {
        let ours = Targets::new()
            .with_default(self.level.min(LevelFilter::WARN))
            // It quotes what visitors send; what it refuses `aegis` says in words of ours.
            .with_target("webauthn_rs", LevelFilter::OFF)
            .with_target("aegis", self.level);
        let lines = Lines { format: self.format, clock: Clock::system() };
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(ours));
        if tracing::subscriber::set_global_default(subscriber).is_ok() {
            std::panic::set_hook(Box::new(panicked));
        }
    }
}

/// Says where a panic was. Its text is left out unless it is a literal: a formatted one may quote
/// what a visitor typed.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let literal = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown)");
    let thread = std::thread::current();
    tracing::error!(event = "panic", at, thread = thread.name().unwrap_or_default(), "panicked: {literal}");
}

/// Writes each event as one line.
struct Lines {
    format: Format,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let wall = self.clock.now().wall;
        let level = *event.metadata().level();
        let line = match self.format {
            Format::Json => said.json(wall, level),
            Format::Text { coloured } => said.text(wall, level, coloured),
        };
        // One write a line, so that lines of several threads do not mix; a full disk stops nothing.
        let _full = stderr().lock().write_all(line.as_bytes());
    }
}

/// The fields of one event, in the order they were given.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, Given)>,
}

/// A value that JSON writes bare, or text.
enum Given {
    Bare(String),
    Text(String),
}

impl Visit for Said {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), Given::Bare(value.to_string())));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Given::Bare(value.to_string())));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), Given::Bare(value.to_string())));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), Given::Text(cut(value))));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Cut::default();
        // A value longer than the cut ends its own formatting with an error; that is wanted.
        let _longer = write!(text, "{value:?}");
        if field.name() == "message" {
            self.message = text.0;
        } else {
            self.fields.push((field.name(), Given::Text(text.0)));
        }
    }
}

impl Said {
    fn json(&self, wall: Wall, level: Level) -> String {
        let level = level.as_str().to_ascii_lowercase();
        let mut line = format!(r#"{{"ts":"{}","level":"{level}""#, moment(wall));
        for name in FIRST {
            match self.fields.iter().find(|(given, _)| *given == name) {
                Some((_, value)) => pair(&mut line, name, value),
                None if name == "stream" => line.push_str(r#","stream":"app""#),
                None => {}
            }
        }
        if !self.message.is_empty() {
            line.push_str(r#","message":"#);
            quoted(&mut line, &self.message);
        }
        for (name, value) in &self.fields {
            if !FIRST.contains(name) && !matches!(*name, "ts" | "level" | "message") {
                pair(&mut line, name, value);
            }
        }
        line.push_str("}\n");
        line
    }

    fn text(&self, wall: Wall, level: Level, coloured: bool) -> String {
        let colour = match level {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            _ => "2",
        };
        let time = moment(wall);
        let time = time.get(11..19).unwrap_or(&time);
        let mut line = if coloured {
            format!("\u{1b}[2m{time}\u{1b}[0m \u{1b}[{colour}m{:5}\u{1b}[0m", level.as_str())
        } else {
            format!("{time} {:5}", level.as_str())
        };
        if !self.message.is_empty() {
            line.push(' ');
            line.push_str(&out::tame(&self.message));
        }
        for (name, value) in &self.fields {
            let (Given::Bare(value) | Given::Text(value)) = value;
            line.push(' ');
            line.push_str(name);
            line.push('=');
            if value.is_empty() || value.contains([' ', '"', '=']) {
                quoted(&mut line, value);
            } else {
                line.push_str(&out::tame(value));
            }
        }
        line.push('\n');
        line
    }
}

/// `2026-11-21T09:12:54.031Z`.
fn moment(wall: Wall) -> String {
    let seconds = wall.rfc3339();
    match seconds.strip_suffix('Z') {
        Some(seconds) => format!("{seconds}.{:03}Z", wall.0.rem_euclid(1000)),
        None => seconds,
    }
}

fn pair(line: &mut String, name: &str, value: &Given) {
    line.push(',');
    quoted(line, name);
    line.push(':');
    match value {
        Given::Bare(value) => line.push_str(value),
        Given::Text(value) => quoted(line, value),
    }
}

/// A JSON string (RFC 8259, section 7), with all that could steer a terminal escaped too.
fn quoted(line: &mut String, text: &str) {
    line.push('"');
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            character if out::steers(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(line, "\\u{unit:04x}");
                }
            }
            character => line.push(character),
        }
    }
    line.push('"');
}

fn cut(text: &str) -> String {
    let mut short = Cut::default();
    let _longer = short.write_str(text);
    short.0
}

/// Takes text until it is too long, then an ellipsis and an error.
#[derive(Default)]
struct Cut(String, usize);

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.1 == LONGEST {
                self.0.push('…');
                return Err(fmt::Error);
            }
            self.0.push(character);
            self.1 += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
