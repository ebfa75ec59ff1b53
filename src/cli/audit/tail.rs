//! `aegis audit tail`.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::audit::{self, Line};
use crate::cli::{Common, Failure, Outcome, desk, out};

/// How often it is asked what is new.
const RHYTHM: Duration = Duration::from_millis(500);
/// How many are read at once.
const MOST: u32 = 10_000;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST)))]
    lines: u32,
    /// Go on with what happens next
    #[arg(short, long)]
    follow: bool,
    /// Print JSON, one entry a line
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: i64,
    at: String,
    event: &'a str,
    actor: &'a str,
    user_id: Option<&'a str>,
    username: Option<&'a str>,
    address: Option<&'a str>,
    detail: &'a RawValue,
}

/// Prints entries of the record, oldest first.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        // One at least, to know after which to go on.
        let mut lines = audit::newest(&desk.store, 0, arguments.lines.max(1)).await?;
        let mut last = lines.last().map_or(0, |line| line.id);
        if arguments.lines == 0 {
            lines.clear();
        }
        loop {
            let text: String =
                lines.iter().map(|line| printed(line, arguments.json)).collect::<Result<_, _>>()?;
            let is_read = out::raw(text.as_bytes());
            if !arguments.follow || !is_read {
                return Ok(());
            }
            desk.clock.wait(RHYTHM).await;
            lines = audit::newest(&desk.store, last, MOST).await?;
            last = lines.last().map_or(last, |line| line.id);
        }
    })
}

fn printed(line: &Line, json: bool) -> Result<String, Failure> {
    if !json {
        return Ok(format!("{}\n", in_words(line)));
    }
    let broken = |error: serde_json::Error| Failure::said(format!("entry {} is broken: {error}", line.id));
    let shown = Shown {
        id: line.id,
        at: line.at.rfc3339(),
        event: &line.event,
        actor: &line.actor,
        user_id: line.about.as_deref(),
        username: line.username.as_deref(),
        address: line.address.as_deref(),
        detail: serde_json::from_str(&line.detail).map_err(broken)?,
    };
    let mut text = serde_json::to_string(&shown).map_err(broken)?;
    text.push('\n');
    Ok(text)
}

/// `2026-11-21T09:12:54Z  user.roles_changed  sam  by command  roles=admin`
fn in_words(line: &Line) -> String {
    let mut parts = vec![line.at.rfc3339(), line.event.clone()];
    parts.extend(line.username.clone().or_else(|| line.about.clone()));
    let own = line.about.as_ref().is_some_and(|about| line.actor.strip_prefix("user:") == Some(about));
    if !own {
        parts.push(format!("by {}", line.actor));
    }
    parts.extend(line.address.as_ref().map(|address| format!("from {address}")));
    if let Ok(serde_json::Value::Object(detail)) = serde_json::from_str(&line.detail) {
        parts.extend(detail.iter().map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        }));
    }
    out::tame(&parts.join("  "))
}
