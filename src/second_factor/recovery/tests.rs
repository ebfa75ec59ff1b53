//! Recovery codes against a real store.

use std::collections::BTreeSet;

use super::*;
use crate::second_factor::tests::{NOW, house, recorded};
use crate::store::WriteError;

/// A code as somebody types it.
type Typed = fn(&str) -> String;

async fn made(recovery: &RecoveryCodes, user: UserId) -> Vec<Secret> {
    let (codes, write) = RecoveryCodes::make(recorded(), user, NOW);
    recovery.store.write(write).await.expect("the codes are made");
    codes
}

/// Whether showing this does anything.
async fn counts(recovery: &RecoveryCodes, user: UserId, code: &str) -> bool {
    match recovery.check(user, &Secret::new(code), NOW).await.expect("the store answers") {
        None => false,
        Some(proof) => {
            assert_eq!(proof.method, Method::RecoveryCode);
            let Write { steps, changes, .. } = proof.write;
            recovery.store.write(Write { steps, changes, recorded: true }).await.is_ok()
        }
    }
}

#[tokio::test]
async fn ten_codes_count_once_each_and_for_their_owner_alone() {
    let house = house().await;
    let recovery = RecoveryCodes::new(house.store.clone());
    let codes = made(&recovery, house.sam).await;
    let distinct: BTreeSet<_> = codes.iter().map(Secret::reveal).collect();
    assert_eq!((codes.len(), distinct.len()), (COUNT, COUNT), "{distinct:?}");
    for (used, code) in codes.iter().enumerate() {
        let (code, left) = (code.reveal(), u32::try_from(COUNT - used).unwrap());
        assert!(!counts(&recovery, house.ann, code).await, "{code} of another account");
        assert_eq!(recovery.left(house.sam).await, Ok(left));
        assert!(counts(&recovery, house.sam, code).await, "{code}, of its owner");
        assert!(!counts(&recovery, house.sam, code).await, "{code}, a second time");
        assert_eq!(house.notice().await, format!("recovery_code.used {{\"left\":{}}}", left - 1));
    }
    assert_eq!(recovery.left(house.sam).await, Ok(0));
}

#[test]
fn letters_that_are_taken_for_digits_are_read_as_those() {
    let read = |code: &str| letters_of(&Secret::new(code)).map(|letters| letters.to_string());
    assert_eq!(read("oOiI-lL01-abcd-efgh").as_deref(), Some("00111101abcdefgh"));
    assert_eq!(read("u000-0000-0000-0000"), None, "u is no letter of a code");
}

#[tokio::test]
async fn a_code_is_read_as_people_type_it() {
    let house = house().await;
    let recovery = RecoveryCodes::new(house.store.clone());
    let ways: [(&str, Typed); 7] = [
        ("as it is", str::to_owned),
        ("in capitals", str::to_uppercase),
        ("without dashes", |code| code.replace('-', "")),
        ("with blanks", |code| format!(" {} ", code.replace('-', " "))),
        ("with a typesetter's dashes", |code| code.replace('-', "\u{2013}")),
        ("with o for 0 and l for 1", |code| code.replace('0', "o").replace('1', "l")),
        ("with O for 0 and I for 1", |code| code.replace('0', "O").replace('1', "I")),
    ];
    let codes = made(&recovery, house.sam).await;
    for ((how, typed), code) in ways.iter().zip(&codes) {
        let typed = typed(code.reveal());
        assert!(counts(&recovery, house.sam, &typed).await, "{how}: {typed:?} for {}", code.reveal());
    }
    let good = codes[9].reveal();
    let wrongs = [
        String::new(),
        good[1..].to_owned(),
        format!("{good}0"),
        format!("{good}-{good}"),
        good.replace('-', "_"),
        "u".repeat(16),
        "\u{ff10}".repeat(16),
        "0".repeat(1_000_000),
    ];
    for wrong in &wrongs {
        let shown: String = wrong.chars().take(40).collect();
        assert!(!counts(&recovery, house.sam, wrong).await, "{shown:?} counts");
    }
    assert!(counts(&recovery, house.sam, good).await, "the last one");
}

#[tokio::test]
async fn new_codes_void_the_old_ones() {
    let house = house().await;
    let recovery = RecoveryCodes::new(house.store.clone());
    let (old, anns) = (made(&recovery, house.sam).await, made(&recovery, house.ann).await);
    let waiting = recovery.check(house.sam, &old[1], NOW).await.unwrap().expect("a proof of before");
    let new = made(&recovery, house.sam).await;
    assert!(!counts(&recovery, house.sam, old[0].reveal()).await, "an old code");
    let late = house.store.write(Write { recorded: true, ..waiting.write }).await;
    assert_eq!(late, Err(WriteError::Unexpected(0)), "a proof of an old code");
    assert!(counts(&recovery, house.sam, new[0].reveal()).await, "a new code");
    house.store.write(RecoveryCodes::remove_all(recorded(), house.sam)).await.unwrap();
    assert!(!counts(&recovery, house.sam, new[1].reveal()).await, "after all were removed");
    assert!(counts(&recovery, house.ann, anns[0].reveal()).await, "another account's codes");
}

#[tokio::test]
async fn fifty_who_show_one_code_at_once_are_one() {
    let house = house().await;
    let recovery = RecoveryCodes::new(house.store.clone());
    let codes = made(&recovery, house.sam).await;
    let mut proofs = Vec::new();
    for _ in 0..50 {
        let proof = recovery.check(house.sam, &codes[0], NOW).await.unwrap();
        proofs.push(proof.expect("not used yet").write);
    }
    assert_eq!(house.happened(proofs).await, 1, "writes that happened");
    assert_eq!(recovery.left(house.sam).await, Ok(9));
}

#[tokio::test]
async fn the_store_holds_no_code() {
    let house = house().await;
    let recovery = RecoveryCodes::new(house.store.clone());
    let codes = made(&recovery, house.sam).await;
    let all = house.bytes().await;
    for code in &codes {
        let letters = code.reveal().replace('-', "");
        for text in [code.reveal(), letters.as_str()] {
            let stands = all.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()));
            assert!(!stands, "{text} stands in the database");
        }
        let unsalted = fingerprint(&letters);
        assert!(!all.windows(32).any(|part| part == unsalted), "the hash of {letters} without its account");
        let kept = stored(house.sam, &letters);
        assert!(all.windows(32).any(|part| part == kept), "{letters} is kept by no hash: look elsewhere");
    }
}
