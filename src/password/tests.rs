//! The pool as others use it. Few hashes, for each takes its time on purpose.

use super::*;
use crate::clock::Wall;

const GOOD: &str = "seven purple otters juggling";

fn passwords() -> Passwords {
    Passwords::start(1, Clock::manual(Wall(0)).0).expect("threads start")
}

async fn judged(passwords: &Passwords, password: &str, own: &[&str]) -> Result<NewPassword, Weak> {
    let own = own.iter().map(ToString::to_string).collect();
    passwords.judge(&Secret::new(password), own).await.expect("the pool is idle")
}

#[tokio::test]
async fn a_password_is_hashed_and_verified() {
    let passwords = passwords();
    let new = judged(&passwords, GOOD, &[]).await.expect("a good password");
    let stored = passwords.hash(new).await.unwrap();
    assert!(
        stored.as_str().starts_with("$argon2id$v=19$m=65536,t=3,p=4$"),
        "the parameters that are promised, not {}",
        stored.as_str()
    );
    let read = StoredHash::parse(stored.as_str()).expect("our own hash is accepted");
    for (shown, right) in [(GOOD, true), ("seven purple otters jugglinG", false), ("", false)] {
        let checked = passwords.verify(Some(read.clone()), Secret::new(shown)).await.unwrap();
        assert_eq!(matches!(checked, Checked::Right), right, "{shown:?} was answered {checked:?}");
    }
    assert!(matches!(passwords.verify(None, Secret::new(GOOD)).await, Ok(Checked::Wrong)));
    assert!(passwords.memory() >= 64 << 20, "the memory is kept for the next");
}

#[tokio::test]
async fn every_byte_of_a_long_password_counts() {
    let passwords = passwords();
    let long = format!("{GOOD} {}", "x".repeat(LONGEST - GOOD.len() - 1));
    assert_eq!(long.len(), LONGEST);
    let stored = passwords.hash(judged(&passwords, &long, &[]).await.unwrap()).await.unwrap();
    for position in [72, 73, 199, LONGEST - 1] {
        let mut other = long.clone().into_bytes();
        other[position] = b'y';
        let other = String::from_utf8(other).unwrap();
        let checked = passwords.verify(Some(stored.clone()), Secret::new(other)).await.unwrap();
        assert!(matches!(checked, Checked::Wrong), "byte {position} altered: {checked:?}");
    }
    assert!(matches!(passwords.verify(Some(stored), Secret::new(long)).await, Ok(Checked::Right)));
}

#[tokio::test]
async fn too_long_a_password_is_refused_without_work() {
    let passwords = passwords();
    let stored = StoredHash::parse(OTHERS[0].0).unwrap();
    let place = passwords.place().unwrap();
    passwords.close();
    let checked = place.verify(Some(stored), Secret::new("x".repeat(LONGEST + 1))).await;
    assert!(matches!(checked, Ok(Checked::Wrong)), "a closed pool was asked: {checked:?}");
}

/// Hashes made by others, and what they were made of: the test vectors of Argon2's reference program
/// (one without a version, which is its first) and of `crypt_blowfish`.
const OTHERS: [(&str, &str); 5] = [
    ("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"),
    ("$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ", "password"),
    ("$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"),
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
];

#[tokio::test]
async fn hashes_of_others_are_verified_and_replaced() {
    let passwords = passwords();
    for (text, password) in OTHERS {
        let stored = StoredHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let wrong = passwords.verify(Some(stored.clone()), Secret::new("wrong")).await.unwrap();
        assert!(matches!(wrong, Checked::Wrong), "{text} with a wrong password: {wrong:?}");
        match passwords.verify(Some(stored), Secret::new(password)).await.unwrap() {
            Checked::RightAndOld(new) => {
                assert!(new.as_str().starts_with("$argon2id$v=19$m=65536,t=3,p=4$"), "{}", new.as_str());
                let again = passwords.verify(Some(new), Secret::new(password)).await.unwrap();
                assert!(matches!(again, Checked::Right), "{text}, replaced: {again:?}");
            }
            other => panic!("{text} with its password: {other:?}"),
        }
    }
}

#[tokio::test]
async fn bcrypt_looks_at_72_bytes_and_its_replacement_at_all() {
    let passwords = passwords();
    let typed = format!("{}{}", "p".repeat(72), "tail");
    let stored = StoredHash::parse(&bcrypt::hash("p".repeat(72), 4).unwrap()).unwrap();
    let Checked::RightAndOld(new) = passwords.verify(Some(stored), Secret::new(&typed)).await.unwrap() else {
        panic!("bcrypt of others truncates at 72 bytes, so the whole is right");
    };
    let short = passwords.verify(Some(new), Secret::new("p".repeat(72))).await.unwrap();
    assert!(matches!(short, Checked::Wrong), "the replacement is of all that was typed: {short:?}");

    let stored = StoredHash::parse(&bcrypt::hash("abc", 4).unwrap()).unwrap();
    let checked = passwords.verify(Some(stored), Secret::new("abc\0abc")).await.unwrap();
    assert!(matches!(checked, Checked::Wrong), "a NUL inside makes bcrypt repeat itself: {checked:?}");
}

#[test]
fn a_stored_hash_is_bounded_before_it_is_computed() {
    let salt = "c29tZXNhbHRzb21lc2FsdA";
    let output = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for params in ["m=65536,t=3,p=4", "m=19456,t=2,p=1", "t=6,m=131072,p=8", "m=8,t=1,p=1", "m=8,t=98304,p=1"]
    {
        let text = format!("$argon2id$v=19${params}${salt}${output}");
        assert!(StoredHash::parse(&text).is_ok(), "{text} is within bounds");
    }
    let refused = [
        format!("$argon2id$v=19$m=4194304,t=1,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=131073,t=1,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=131072,t=7,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=8,t=4294967295,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=65536,t=1,p=17${salt}${output}"),
        format!("$argon2id$v=19$m=65536,t=0,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=7,t=1,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4,data=c2VjcmV0${salt}${output}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4,keyid=c2VjcmV0${salt}${output}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4,x=1${salt}${output}"),
        format!("$argon2id$v=19$m=65536,m=65536,t=3,p=4${salt}${output}"),
        format!("$argon2id$v=19$t=3,p=4${salt}${output}"),
        format!("$argon2id$v=18$m=65536,t=3,p=4${salt}${output}"),
        format!("$argon2x$v=19$m=65536,t=3,p=4${salt}${output}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4${salt}$CTFhFdXPJO1aFaM"),
        format!("$argon2id$v=19$m=65536,t=3,p=4${salt}"),
        "$argon2id$v=19$m=65536,t=3,p=4$$".into(),
        format!("$argon2id$v=19$m=65536,t=3,p=4${salt}${output}$"),
        format!("$argon2id$v=19$m=65536,t=3,p=4${salt}${}", "A".repeat(1_000)),
        "$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
        "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
        "$2b$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
        "$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe".into(),
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOé".into(),
        "$1$salt$hash".into(),
        "hunter2hunter2".into(),
        String::new(),
    ];
    for text in &refused {
        assert!(StoredHash::parse(text).is_err(), "{text} is out of bounds or malformed, and was accepted");
    }
}

#[tokio::test]
async fn a_password_is_judged_by_how_soon_it_is_guessed() {
    let passwords = passwords();
    for good in [GOOD, "xk2!Pq9@vLm4", "пурпурные выдры жонглируют", "a b c d e f g h 1 2 3 4 5"]
    {
        let answer = judged(&passwords, good, &["sam", "sam@example.com"]).await;
        assert!(answer.is_ok(), "{good:?} is refused: {answer:?}");
    }
    let long = "x".repeat(LONGEST + 1);
    for bad in ["", "short", "elevenchars", "passwordpassword", "aaaaaaaaaaaaaaaa", "qwertyuiopas", &long] {
        let answer = judged(&passwords, bad, &[]).await;
        let weak = answer.err().unwrap_or_else(|| panic!("{bad:?} is accepted"));
        assert!(weak.to_string().ends_with('.'), "a sentence for the person, not {weak}");
    }
}

#[tokio::test]
async fn the_users_own_words_are_easily_guessed() {
    let passwords = passwords();
    let password = "zyxwhvarnsborg1";
    assert!(judged(&passwords, password, &[]).await.is_ok(), "nobody's words");
    let own = judged(&passwords, password, &["sam@zyxwhvarnsborg.example"]).await;
    assert!(own.is_err(), "the user's own domain with a digit is accepted");
}

#[test]
fn nothing_of_a_password_is_printed() {
    let stored = StoredHash::parse(OTHERS[0].0).unwrap();
    assert_eq!(format!("{stored:?}"), "StoredHash(…)");
    assert_eq!(format!("{:?}", Checked::RightAndOld(stored)), "RightAndOld(StoredHash(…))");
    assert_eq!(format!("{:?}", NewPassword(Secret::new(GOOD))), "NewPassword(…)");
}
