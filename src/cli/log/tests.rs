use super::*;
use crate::config::Placed;

fn said(message: &str, fields: &[(&'static str, &str)]) -> Said {
    Said {
        message: message.into(),
        fields: fields.iter().map(|(name, value)| (*name, Given::Text(cut(value)))).collect(),
    }
}

const AT: Wall = Wall(1_795_252_374_031);

#[test]
fn the_keys_a_filter_is_anchored_to_come_first_in_their_order() {
    let event =
        said("no", &[("user", "sam"), ("ip", "192.0.2.7"), ("event", "login.failure"), ("stream", "audit")]);
    assert_eq!(
        event.json(AT, Level::WARN),
        concat!(
            r#"{"ts":"2026-11-21T09:12:54.031Z","level":"warn","stream":"audit","event":"login.failure","#,
            r#""ip":"192.0.2.7","message":"no","user":"sam"}"#,
            "\n"
        )
    );
}

#[test]
fn a_line_is_one_line_of_json_whatever_is_in_it() {
    let hostile = "x\n{\"ts\":\"\u{1b}[31m\u{2028}\u{9b}\\\"\u{feff}";
    let line =
        said(hostile, &[("agent", hostile), ("ts", "forged"), ("level", "forged")]).json(AT, Level::INFO);
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    assert!(!line.trim_end().chars().any(out::steers), "{line}");
    let read: serde_json::Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(read["agent"], hostile);
    assert_eq!(read["message"], hostile);
    assert_eq!(read["stream"], "app");
    assert_eq!(read["level"], "info");
    assert!(!line.contains("forged"), "{line}");
}

#[test]
fn a_long_value_is_cut() {
    let long = "é".repeat(1 << 20);
    assert_eq!(cut(&long).chars().count(), LONGEST + 1);
    assert_eq!(cut("short"), "short");
    let mut text = Cut::default();
    let _longer = write!(text, "{long:?}");
    assert_eq!(text.0.chars().count(), LONGEST + 1, "a formatted value is cut too");
}

#[test]
fn text_for_people_is_one_line_too() {
    let event = said("listening", &[("on", "127.0.0.1:8009"), ("why", "a b"), ("agent", "x\u{1b}y\nz")]);
    assert_eq!(
        event.text(AT, Level::INFO, false),
        "09:12:54 INFO  listening on=127.0.0.1:8009 why=\"a b\" agent=x\\u{1b}y\\u{a}z\n"
    );
}

#[test]
fn wrong_settings_are_all_told() {
    let settings = LogSettings { level: Placed::of("loud".into()), format: Some(Placed::of("xml".into())) };
    let faults = Log::from_settings(&settings).unwrap_err();
    assert_eq!(faults.0.len(), 2, "{faults}");
    assert!(faults.0.iter().all(|fault| fault.hint.is_some()), "{faults}");
}
