//! What a line of the bus says has changed.

use std::path::Path;

use super::super::super::bus::{Lines, News};
use super::*;

fn bus() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tailscale/bus-4098.jsonl")).unwrap()
}

#[test]
fn every_recorded_line_of_the_bus_says_what_it_changes() {
    let mut said = [0; 3];
    for line in bus().split_inclusive(|byte| *byte == b'\n') {
        let fields: Value = serde_json::from_slice(line).unwrap();
        let has = |names: &[&str]| names.iter().any(|name| !fields[*name].is_null());
        let expected = if has(&["State", "Prefs", "SelfChange", "NetMap", "LoginFinished"]) {
            News::Own
        } else if has(&["PeersChanged", "PeersRemoved", "UserProfiles"]) {
            News::Peers
        } else {
            News::Nothing
        };
        assert_eq!(Lines::default().read(line), expected, "{}", String::from_utf8_lossy(line));
        said[expected as usize] += 1;
    }
    assert!(said.iter().all(|times| *times > 3), "the record has every kind of line: {said:?}");
}

#[test]
fn what_a_line_does_not_say_clearly_counts_as_everything() {
    for (line, expected) in [
        ("\n", News::Nothing),
        (" \r\n", News::Nothing),
        ("{}\n", News::Nothing),
        ("{\"Health\":{}}\n", News::Nothing),
        ("{\"State\":0}\n", News::Own),
        ("{\"LoginFinished\":{}}\n", News::Own),
        ("{\"NetMap\":{\"Peers\":[]}}\n", News::Own),
        ("{\"PeersRemoved\":[]}\n", News::Peers),
        ("{\"UserProfiles\":{}}\n{\"State\":6}\n{}\n", News::Own),
        ("{\"State\":\n", News::Own),
        ("null\n", News::Own),
        ("busy\n", News::Own),
        ("{\"State\":6", News::Nothing),
    ] {
        assert_eq!(Lines::default().read(line.as_bytes()), expected, "{line:?}");
    }
}

#[test]
fn a_line_of_any_length_is_told_of_once_and_not_kept() {
    let mut lines = Lines::default();
    let mut told = Vec::new();
    told.push(lines.read(b"{\"Engine\":\""));
    for _ in 0..512 {
        told.push(lines.read(&[b'x'; 4096]));
        assert!(lines.kept() <= 64 * 1024, "{} bytes are kept", lines.kept());
    }
    told.push(lines.read(b"\"}\n"));
    assert_eq!(told.iter().filter(|news| **news == News::Own).count(), 1, "{told:?}");
    assert_eq!(lines.read(b"{\"PeersRemoved\":[2]}\n"), News::Peers, "the next line is a line again");
    let mut whole = vec![b'x'; 1 << 20];
    whole.extend_from_slice(b"\n{}\n");
    assert_eq!(Lines::default().read(&whole), News::Own, "all of it at once");
}

proptest! {
    #[test]
    fn how_the_bytes_of_the_bus_come_makes_no_difference(
        cuts in proptest::collection::vec(1..400_usize, 1..40),
        noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = bus();
        bytes.truncate(6_000);
        let middle = noise.len();
        bytes.splice(0..0, noise.into_iter().chain(*b"\n"));
        let whole = Lines::default().read(&bytes);
        let (mut lines, mut rest, mut most) = (Lines::default(), &bytes[..], News::Nothing);
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            most = most.max(lines.read(now));
            rest = later;
            if rest.is_empty() { break; }
        }
        prop_assert_eq!(most, whole, "{} bytes of noise", middle);
    }
}
