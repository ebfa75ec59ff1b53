//! What is sealed: read again by these keys and in its place, and nowhere else.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

/// Something done to the sealing keys.
type Edit<'a> = &'a dyn Fn(&mut Value);

const PLAIN: &[u8] = b"twenty secret bytes.";

fn again(installation: &Installation) -> Keys {
    Keys::open(installation.directory.path(), &settings(None, None), NOW).expect("the ring is whole")
}

fn sealing_file(installation: &Installation) -> std::path::PathBuf {
    installation.directory.path().join("keys/sealing.json")
}

fn unsealed(keys: &Keys, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    keys.unseal(context, sealed).ok().map(|plain| plain.to_vec())
}

#[test]
fn what_is_sealed_is_read_again_after_a_restart_and_gives_nothing_away() {
    let installation = Installation::new(None, None);
    for plain in [PLAIN, b"", &[0; 1000]] {
        let sealed = installation.keys.seal("totp:sam", plain).unwrap();
        assert_eq!(sealed.len(), 1 + 8 + 12 + plain.len() + 16, "its form");
        let shows = !plain.is_empty() && sealed.windows(plain.len()).any(|part| part == plain);
        assert!(!shows, "the plain text stands in what is sealed");
        assert_ne!(installation.keys.seal("totp:sam", plain).unwrap(), sealed, "sealed twice");
        assert_eq!(unsealed(&again(&installation), "totp:sam", &sealed).as_deref(), Some(plain));
    }
}

#[test]
fn what_is_sealed_opens_in_its_own_place_and_by_its_own_keys_alone() {
    let installation = Installation::new(None, None);
    let sealed = installation.keys.seal("totp:sam", PLAIN).unwrap();
    for context in ["totp:ann", "totp:sa", "totp:samm", "totp-offer:sam", ""] {
        assert_eq!(unsealed(&installation.keys, context, &sealed), None, "as {context:?}");
    }
    let other = Installation::new(None, None);
    assert_eq!(unsealed(&other.keys, "totp:sam", &sealed), None, "by another installation");
    // Even where its id is that of a key of ours.
    let theirs = other.keys.seal("totp:sam", PLAIN).unwrap();
    let renamed = [&sealed[..9], &theirs[9..]].concat();
    assert_eq!(unsealed(&installation.keys, "totp:sam", &renamed), None, "another's under our key's name");
}

#[test]
fn every_alteration_is_refused() {
    let installation = Installation::new(None, None);
    let sealed = installation.keys.seal("totp:sam", PLAIN).unwrap();
    let refused = |altered: &[u8], what: String| {
        assert_eq!(unsealed(&installation.keys, "totp:sam", altered), None, "{what}");
    };
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        refused(&altered, format!("bit {bit} is another"));
    }
    for length in 0..sealed.len() {
        refused(&sealed[..length], format!("cut to {length} bytes"));
    }
    refused(&[sealed.as_slice(), &[0]].concat(), "a byte more".to_owned());
}

#[test]
fn former_sealing_keys_unseal_for_ever_and_seal_no_more() {
    let installation = Installation::new(None, None);
    let directory = installation.directory.path();
    let mut values = vec![installation.keys.seal("totp:sam", PLAIN).unwrap()];
    let mut now = NOW;
    for former in [Former::Kept, Former::Dropped, Former::Kept] {
        now = now.plus(FORMER_KEY_LIFE + Duration::from_hours(1));
        Keys::rotate(directory, &settings(None, None), now, former).unwrap();
        let keys = Keys::open(directory, &settings(None, None), now).unwrap();
        let new = keys.seal("totp:sam", PLAIN).unwrap();
        assert!(values.iter().all(|old| old[..9] != new[..9]), "{former:?}: a former key seals");
        values.push(new);
        for (number, value) in values.iter().enumerate() {
            let plain = unsealed(&keys, "totp:sam", value);
            assert_eq!(plain.as_deref(), Some(PLAIN), "value {number} after {former:?}");
        }
    }
    let left: Vec<_> = fs::read_dir(directory.join("keys")).unwrap().collect();
    assert_eq!(left.len(), 2, "a rotation leaves more than both files: {left:?}");
}

#[test]
fn a_ring_of_aegis_0_1_0_stays_as_it_is_and_gets_a_key_that_seals_beside_it() {
    let installation = Installation::new(None, None);
    let token = installation.token();
    let file = sealing_file(&installation);
    fs::remove_file(&file).unwrap();
    let ring = fs::read(installation.file()).unwrap();

    let keys = again(&installation);
    assert_eq!(fs::read(installation.file()).unwrap(), ring, "the ring, which 0.1.0 may have to read again");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    assert!(keys.verify_access(&token, NOW).is_ok(), "a token of before");
    assert_eq!(keys.jwks(), installation.keys.jwks(), "nothing of it is published");
    let sealed = keys.seal("totp:sam", PLAIN).unwrap();
    assert_eq!(unsealed(&again(&installation), "totp:sam", &sealed).as_deref(), Some(PLAIN));

    // Nor does a rotation need one.
    fs::remove_file(&file).unwrap();
    Keys::rotate(installation.directory.path(), &settings(None, None), NOW, Former::Kept).unwrap();
    assert!(again(&installation).seal("totp:sam", PLAIN).is_ok());
}

#[test]
fn sealing_keys_that_are_damaged_or_open_to_others_are_refused_and_never_replaced() {
    let (installation, other) = (Installation::new(None, None), Installation::new(None, None));
    let (file, whole) = (sealing_file(&installation), fs::read(sealing_file(&installation)).unwrap());
    let stranger: Value = serde_json::from_slice(&fs::read(sealing_file(&other)).unwrap()).unwrap();
    let key = serde_json::from_slice::<Value>(&whole).unwrap()["keys"][0]["key"].clone();
    let is_refused = |what: &str| {
        let before = (fs::read(&file).unwrap(), fs::read(installation.file()).unwrap());
        let directory = installation.directory.path();
        let faults = [
            Keys::open(directory, &settings(None, None), NOW).err(),
            Keys::rotate(directory, &settings(None, None), NOW, Former::Kept).err(),
        ];
        for fault in faults {
            let fault = fault.unwrap_or_else(|| panic!("{what}: accepted"));
            assert!(fault.source.is_some() && fault.hint.is_some(), "{what}: no place or hint in: {fault}");
            assert!(!fault.to_string().contains(key.as_str().unwrap()), "{what}: a key in: {fault}");
        }
        let after = (fs::read(&file).unwrap(), fs::read(installation.file()).unwrap());
        assert!(after == before, "{what}: a file was changed");
    };
    for length in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(&file, &whole[..length]).unwrap();
        is_refused(&format!("cut to {length} bytes"));
    }
    let edits: [(&str, Edit<'_>); 7] = [
        ("none", &|ring| ring["keys"] = json!([])),
        ("a former one alone", &|ring| ring["keys"][0]["retired_at"] = NOW.0.into()),
        ("two that seal", &|ring| ring["keys"].as_array_mut().unwrap().push(stranger["keys"][0].clone())),
        ("one twice", &|ring| {
            let mut former = ring["keys"][0].clone();
            former["retired_at"] = NOW.0.into();
            ring["keys"].as_array_mut().unwrap().push(former);
        }),
        ("half a key", &|ring| ring["keys"][0]["key"] = "AAAAAAAAAAAAAAAAAAAAAA".into()),
        ("a later version", &|ring| ring["version"] = 2.into()),
        ("something unknown", &|ring| ring["more"] = 2.into()),
    ];
    for (what, edit) in edits {
        let mut ring: Value = serde_json::from_slice(&whole).unwrap();
        edit(&mut ring);
        fs::write(&file, ring.to_string()).unwrap();
        is_refused(what);
    }
    fs::write(&file, &whole).unwrap();
    for mode in [0o604, 0o640, 0o620] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        is_refused(&format!("mode {mode:o}"));
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    again(&installation);
}
