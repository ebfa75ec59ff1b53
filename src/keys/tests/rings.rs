//! The key ring on the disk: made once, kept private, refused when anything is wrong with it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn open(installation: &Installation) -> Result<Keys, Fault> {
    Keys::open(installation.directory.path(), &settings(None, None), NOW)
}

/// Something done to the key ring.
type Edit<'a> = &'a dyn Fn(&mut Value);

/// Opening must fail, say where, and leave the file as it is.
#[track_caller]
fn is_refused(what: &str, installation: &Installation) {
    let before = fs::read(installation.file()).ok();
    let fault = open(installation).err().unwrap_or_else(|| panic!("{what}: the ring was opened"));
    assert!(fault.source.is_some() && fault.hint.is_some(), "{what}: no place or hint in: {fault}");
    assert!(!fault.to_string().contains("PRIVATE KEY"), "{what}: a key in: {fault}");
    assert_eq!(fs::read(installation.file()).ok(), before, "{what}: the file was changed");
}

#[test]
fn keys_are_made_once_and_are_private() {
    let installation = Installation::new(None, None);
    assert_eq!(mode(&installation.file()), 0o600);
    assert_eq!(mode(installation.file().parent().unwrap()), 0o700);
    let token = installation.token();
    let again = open(&installation).expect("the same keys");
    assert!(again.verify_access(&token, NOW).is_ok(), "a token of before the restart");
    assert_eq!(again.jwks(), installation.keys.jwks());
    let left: Vec<_> = fs::read_dir(installation.directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left in the data directory: {left:?}");
}

#[test]
fn what_a_crash_left_behind_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("keys.new")).unwrap();
    fs::write(directory.path().join("keys.new/keys.json"), "{").unwrap();
    Keys::open(directory.path(), &settings(None, None), NOW).expect("new keys are made");
    fs::write(directory.path().join("keys/keys.json.new"), "{").unwrap();
    Keys::open(directory.path(), &settings(None, None), NOW).expect("the ring is whole");
    Keys::rotate(directory.path(), &settings(None, None), NOW, Former::Kept).expect("and can be rotated");
}

#[test]
fn a_ring_that_others_can_read_is_refused() {
    let installation = Installation::new(None, None);
    let folder = installation.file().parent().unwrap().to_path_buf();
    for (path, right) in [(installation.file(), 0o600), (folder, 0o700)] {
        for wrong in [right | 0o004, right | 0o040, right | 0o020] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wrong)).unwrap();
            is_refused(&format!("mode {wrong:o} of {}", path.display()), &installation);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(right)).unwrap();
    }
    open(&installation).expect("private again");
}

#[test]
fn a_damaged_ring_is_refused_and_never_replaced() {
    let installation = Installation::new(None, None);
    let whole = fs::read(installation.file()).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(installation.file(), &whole[..length]).unwrap();
        is_refused(&format!("cut to {length} bytes"), &installation);
    }

    let other = Installation::new(None, None);
    let stranger = other.entry("access");
    let edits: [(&str, Edit<'_>); 14] = [
        ("no private half", &|ring| drop(ring["keys"][0].as_object_mut().unwrap().remove("private"))),
        ("no public half", &|ring| drop(ring["keys"][0].as_object_mut().unwrap().remove("public"))),
        ("another's private half", &|ring| ring["keys"][0]["private"] = stranger["private"].clone()),
        ("another's public half", &|ring| ring["keys"][0]["public"] = stranger["public"].clone()),
        ("no key for assertions", &|ring| drop(ring["keys"].as_array_mut().unwrap().remove(1))),
        ("no key at all", &|ring| ring["keys"] = json!([])),
        ("another kid", &|ring| ring["keys"][0]["public"]["kid"] = "x".into()),
        ("no kid", &|ring| drop(ring["keys"][0]["public"].as_object_mut().unwrap().remove("kid"))),
        ("another algorithm", &|ring| ring["keys"][0]["public"]["alg"] = "RS256".into()),
        ("one key for both", &|ring| {
            ring["keys"][1] = ring["keys"][0].clone();
            ring["keys"][1]["purpose"] = "assertion".into();
        }),
        ("two that sign", &|ring| ring["keys"].as_array_mut().unwrap().push(stranger.clone())),
        ("a former one that could sign", &|ring| {
            let mut former = stranger.clone();
            former["retired_at"] = NOW.0.into();
            ring["keys"].as_array_mut().unwrap().push(former);
        }),
        ("a later version", &|ring| ring["version"] = 2.into()),
        ("something unknown", &|ring| ring["more"] = 2.into()),
    ];
    for (what, edit) in edits {
        let mut ring: Value = serde_json::from_slice(&whole).unwrap();
        edit(&mut ring);
        fs::write(installation.file(), ring.to_string()).unwrap();
        is_refused(what, &installation);
    }

    fs::remove_file(installation.file()).unwrap();
    is_refused("no file in the folder", &installation);
    fs::remove_dir_all(installation.file().parent().unwrap()).unwrap();
    let new = open(&installation).expect("where nothing is, there are new keys");
    assert!(new.verify_access(&installation.token(), NOW).is_err());
}

#[test]
fn former_keys_verify_for_400_days_and_sign_no_more() {
    let installation = Installation::new(None, None);
    let directory = installation.directory.path();
    let token =
        installation.keys.sign_access(&AccessClaims { exp: Wall(i64::MAX), ..honest_claims() }).unwrap();
    Keys::rotate(directory, &settings(None, None), NOW, Former::Kept).unwrap();
    let written = installation.written();
    let privates =
        written["keys"].as_array().unwrap().iter().filter(|key| key["private"].is_string()).count();
    assert_eq!(privates, 2, "the former private halves are destroyed");

    let keys = open(&installation).unwrap();
    let last = NOW.plus(FORMER_KEY_LIFE).minus(Duration::from_millis(1));
    assert!(keys.verify_access(token.reveal(), last).is_ok(), "a moment before its end");
    let over = NOW.plus(FORMER_KEY_LIFE);
    assert_eq!(keys.verify_access(token.reveal(), over).err(), Some(NotVerified::Key), "at its end");
    let signed = keys.sign_access(&honest_claims()).unwrap();
    assert_ne!(header(signed.reveal())["kid"], header(token.reveal())["kid"], "the new key signs");
    let published: Value = serde_json::from_slice(keys.jwks()).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 4, "present and former: {published}");

    let later = Keys::open(directory, &settings(None, None), over).unwrap();
    let published: Value = serde_json::from_slice(later.jwks()).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2, "only the present ones: {published}");
    Keys::rotate(directory, &settings(None, None), over, Former::Kept).unwrap();
    assert_eq!(installation.written()["keys"].as_array().unwrap().len(), 4, "what is over is forgotten");
}

#[test]
fn a_stolen_key_is_dropped() {
    let installation = Installation::new(None, None);
    let token = installation.token();
    Keys::rotate(installation.directory.path(), &settings(None, None), NOW, Former::Dropped).unwrap();
    let keys = open(&installation).unwrap();
    assert_eq!(keys.verify_access(&token, NOW).err(), Some(NotVerified::Key));
    assert!(!keys.is_ours(&token));
}

#[test]
fn another_algorithm_makes_new_keys_and_keeps_the_former() {
    let installation = Installation::new(None, None);
    let token = installation.token();
    for algorithm in ["EdDSA", "RS256", "ES256"] {
        let keys = Keys::open(installation.directory.path(), &settings(Some(algorithm), None), NOW).unwrap();
        assert!(keys.verify_access(&token, NOW).is_ok(), "{algorithm} now, and the token is of before");
        let new = keys.sign_access(&honest_claims()).unwrap();
        assert_eq!(header(new.reveal())["alg"], algorithm);
        assert!(keys.verify_access(new.reveal(), NOW).is_ok());
    }
}

#[test]
fn settings_that_make_no_sense_are_faults() {
    let good = [
        settings(None, None),
        settings(Some("RS256"), Some(JWT_SECRET)),
        settings(Some("HS256"), Some(JWT_SECRET)),
    ];
    for settings in good {
        assert_eq!(Keys::check(&settings), Ok(()), "{settings:?}");
    }
    let mut no_issuer = settings(None, None);
    no_issuer.issuer = Placed::of(String::new());
    let bad = [
        settings(Some("none"), None),
        settings(Some("HS256"), None),
        settings(Some("es256"), None),
        settings(None, Some("")),
        settings(None, Some("short")),
        settings(None, Some(&"ab".repeat(32))),
        settings(None, Some(PUBLISHED_SECRET)),
        no_issuer,
    ];
    for (number, settings) in bad.iter().enumerate() {
        assert!(Keys::check(settings).is_err(), "bad settings {number} are accepted: {settings:?}");
    }
}
