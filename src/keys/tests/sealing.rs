//! What is sealed: read again by these keys and in its place, and nowhere else.

use std::os::unix::fs::MetadataExt as _;

use super::*;

const PLAIN: &[u8] = b"twenty secret bytes.";

fn again(installation: &Installation) -> Keys {
    Keys::open(installation.directory.path(), &settings(None, None), NOW).expect("the ring is whole")
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
    assert_eq!(left.len(), 1, "a rotation leaves more than the ring: {left:?}");
}

#[test]
fn a_ring_of_aegis_0_1_0_opens_with_its_keys_and_gets_one_that_seals() {
    let installation = Installation::new(None, None);
    let token = installation.token();
    let mut ring = installation.written();
    ring.as_object_mut().unwrap().remove("sealing");
    ring["version"] = 1.into();
    fs::write(installation.file(), ring.to_string()).unwrap();

    let keys = again(&installation);
    assert_eq!(installation.written()["keys"], ring["keys"], "the keys that sign");
    assert_eq!(fs::metadata(installation.file()).unwrap().mode() & 0o7777, 0o600);
    assert!(keys.verify_access(&token, NOW).is_ok(), "a token of before");
    assert_eq!(keys.jwks(), installation.keys.jwks(), "nothing of it is published");
    let sealed = keys.seal("totp:sam", PLAIN).unwrap();
    assert_eq!(unsealed(&again(&installation), "totp:sam", &sealed).as_deref(), Some(PLAIN));
}
