//! The vectors of RFC 6238, and authenticator apps against a real store.

use super::*;
use crate::second_factor::tests::{House, NOW, house, recorded};
use crate::store::WriteError;

const SESSION: SessionId = SessionId(uuid::Uuid::from_u128(1));

fn after(seconds: u64) -> Wall {
    NOW.plus(Duration::from_secs(seconds))
}

fn step(now: Wall) -> i64 {
    now.seconds() / 30
}

/// The code an app shows for this secret.
fn shown(seed: &[u8], now: Wall) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    Secret::new(code_at(&key, step(now)).expect("a code"))
}

/// Sam's app: set up, and its first code used at [`NOW`].
async fn enrolled(house: &House, user: UserId) -> (Totp, Seed) {
    let totp = Totp::new(house.store.clone(), house.keys.clone());
    let offer = totp.offer(user, SESSION, NOW).unwrap();
    let code = shown(offer.seed.as_slice(), NOW);
    let proof = totp.enrol(recorded(), user, &offer, &code, NOW).unwrap().expect("the right code");
    house.store.write(proof.write).await.expect("there was none yet");
    (totp, offer.seed)
}

async fn proof(totp: &Totp, user: UserId, code: &Secret, now: Wall) -> Option<Write> {
    let proof = totp.check(user, code, now).await.expect("the store and the keys answer")?;
    assert_eq!(proof.method, Method::Totp);
    Some(Write { recorded: true, ..proof.write })
}

/// Whether showing this does anything.
async fn counts(house: &House, totp: &Totp, code: &Secret, now: Wall) -> bool {
    match proof(totp, house.sam, code, now).await {
        None => false,
        Some(write) => house.store.write(write).await.is_ok(),
    }
}

#[test]
fn the_vectors_of_rfc_6238_appendix_b() {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345678901234567890");
    // Ours are the last six of its eight digits.
    for (seconds, code) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        let step = step(Wall::from_seconds(seconds));
        assert_eq!(code_at(&key, step).as_deref(), Some(&code[2..]), "at {seconds}");
        let judged = step_of(b"12345678901234567890", &Secret::new(&code[2..]), Wall::from_seconds(seconds));
        assert_eq!(judged, Some(step), "the step at {seconds}");
    }
}

#[test]
fn the_present_step_and_the_one_before_count_and_no_other() {
    let seed = [7; 20];
    let now = Wall::from_seconds(1_795_252_380); // the beginning of a step
    for offset in -3i64..=3 {
        let code = shown(&seed, Wall::from_seconds(now.seconds() + offset * 30));
        let expected = [-1, 0].contains(&offset).then(|| step(now) + offset);
        assert_eq!(step_of(&seed, &code, now), expected, "the code of step {offset} at its beginning");
        let end = Wall(now.0 + 29_999);
        assert_eq!(step_of(&seed, &code, end), expected, "and in its last millisecond");
    }
}

#[test]
fn six_digits_are_a_code_and_nothing_else_is() {
    let seed = [7; 20];
    let right = shown(&seed, NOW).reveal().to_owned();
    let spaced = format!(" {} {}\u{a0}", &right[..3], &right[3..]);
    for good in [&right, &spaced] {
        assert_eq!(step_of(&seed, &Secret::new(good), NOW), Some(step(NOW)), "{good:?}");
    }
    let full_width: String =
        right.chars().map(|digit| char::from_u32(u32::from(digit) - 0x30 + 0xff10).unwrap()).collect();
    for wrong in [
        String::new(),
        right[1..].to_owned(),
        format!("{right}0"),
        format!("0{right}"),
        format!("+{}", &right[1..]),
        format!("{}-{}", &right[..3], &right[3..]),
        format!("{right}\0"),
        full_width,
        right.repeat(100_000),
    ] {
        let shown: String = wrong.chars().take(20).collect();
        assert_eq!(step_of(&seed, &Secret::new(wrong), NOW), None, "{shown:?}");
    }
}

#[tokio::test]
async fn a_code_counts_once_at_enrolment_and_after_it() {
    let house = house().await;
    let (totp, seed) = enrolled(&house, house.sam).await;
    assert!(!counts(&house, &totp, &shown(seed.as_slice(), NOW), NOW).await, "the code of the enrolment");
    let before = shown(seed.as_slice(), NOW.minus(Duration::from_secs(30)));
    assert!(!counts(&house, &totp, &before, NOW).await, "the code before that of the enrolment");

    let next = shown(seed.as_slice(), after(30));
    assert!(!counts(&house, &totp, &next, NOW).await, "before its time");
    assert!(counts(&house, &totp, &next, after(30)).await, "in its time");
    assert!(!counts(&house, &totp, &next, after(31)).await, "again");
    assert!(!counts(&house, &totp, &next, after(60)).await, "again, in the next step");
    let used_at = totp.of(house.sam).await.unwrap().expect("there is one").used_at;
    assert_eq!(used_at, Some(after(30)));

    // The later code was used: the earlier one, still in its time, is worth nothing.
    let (early, late) = (shown(seed.as_slice(), after(90)), shown(seed.as_slice(), after(120)));
    assert!(counts(&house, &totp, &late, after(120)).await, "the present code");
    assert!(!counts(&house, &totp, &early, after(120)).await, "the one before it, afterwards");
}

#[tokio::test]
async fn fifty_who_show_one_code_at_once_are_one() {
    let house = house().await;
    let (totp, seed) = enrolled(&house, house.sam).await;
    let code = shown(seed.as_slice(), after(30));
    let mut proofs = Vec::new();
    for _ in 0..50 {
        proofs.push(proof(&totp, house.sam, &code, after(30)).await.expect("not used yet"));
    }
    assert_eq!(house.happened(proofs).await, 1, "writes that happened");
}

#[tokio::test]
async fn an_account_has_one_app_however_many_are_enrolled_at_once() {
    let house = house().await;
    let totp = Totp::new(house.store.clone(), house.keys.clone());
    let mut writes = Vec::new();
    for _ in 0..20 {
        let offer = totp.offer(house.sam, SESSION, NOW).unwrap();
        let code = shown(offer.seed.as_slice(), NOW);
        let proof = totp.enrol(recorded(), house.sam, &offer, &code, NOW).unwrap();
        writes.push(proof.expect("the right code").write);
    }
    assert_eq!(house.happened(writes).await, 1, "writes that happened");
}

#[tokio::test]
async fn a_wrong_first_code_enrols_nothing() {
    let house = house().await;
    let totp = Totp::new(house.store.clone(), house.keys.clone());
    let offer = totp.offer(house.sam, SESSION, NOW).unwrap();
    let other = totp.offer(house.sam, SESSION, NOW).unwrap();
    let code = shown(other.seed.as_slice(), NOW);
    assert!(totp.enrol(recorded(), house.sam, &offer, &code, NOW).unwrap().is_none());
}

#[tokio::test]
async fn an_offer_comes_back_to_its_user_and_session_within_ten_minutes() {
    let house = house().await;
    let totp = Totp::new(house.store.clone(), house.keys.clone());
    let offer = totp.offer(house.sam, SESSION, NOW).unwrap();
    let back = |user, session, now| totp.offered(offer.sealed(), user, session, now);
    let last = Wall(NOW.plus(OFFER_LIFE).0 - 1);
    let again = back(house.sam, SESSION, last).expect("within its time");
    assert_eq!(again.secret_text().reveal(), offer.secret_text().reveal(), "the same secret");
    assert_eq!(again.sealed(), offer.sealed(), "with the same end");
    assert!(back(house.sam, SESSION, NOW.plus(OFFER_LIFE)).is_none(), "after its time");
    assert!(back(house.ann, SESSION, NOW).is_none(), "of another account");
    assert!(back(house.sam, SessionId::new(), NOW).is_none(), "in another session");
    for wrong in ["", "AAAA", &offer.sealed()[1..], &"A".repeat(1_000_000)] {
        assert!(totp.offered(wrong, house.sam, SESSION, NOW).is_none(), "{}", wrong.len());
    }
    // What the store holds is no offer, and an offer is nothing for the store.
    let row = house.keys.seal(&context(house.sam), again.seed.as_slice()).unwrap();
    assert!(totp.offered(&URL_SAFE_NO_PAD.encode(row), house.sam, SESSION, NOW).is_none());
}

#[test]
fn an_app_reads_the_secret_and_the_labels() {
    let offer = Offer { seed: Zeroizing::new(*b"12345678901234567890"), sealed: String::new() };
    assert_eq!(offer.secret_text().reveal(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    assert_eq!(
        offer.uri("auth.example.com:8443", "sam+x@example.com").reveal(),
        "otpauth://totp/auth.example.com-8443:sam%2Bx%40example.com\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=auth.example.com-8443"
    );
    let odd = offer.uri("a&secret=x\n", "é/?#").reveal().to_owned();
    assert!(odd.starts_with("otpauth://totp/a%26secret%3Dx:%C3%A9%2F%3F%23?secret=GEZD"), "{odd}");
    assert!(offer.uri(&"é".repeat(5_000), &"é".repeat(5_000)).reveal().len() < 2_000, "a bounded URI");
}

#[tokio::test]
async fn a_row_moved_to_another_account_is_worth_nothing() {
    static MOVE: Statement = Statement::new(
        "insert into totp (account_id, secret, last_step, created_at) \
         select $2, secret, 0, created_at from totp where account_id = $1",
    );
    let house = house().await;
    let (totp, seed) = enrolled(&house, house.ann).await;
    let write = recorded().exec(&MOVE, values![house.ann.to_string(), house.sam.to_string()]);
    house.store.write(write).await.expect("the row is there");
    let code = shown(seed.as_slice(), after(30));
    let error = totp.check(house.sam, &code, after(30)).await.expect_err("ann's secret opens sam's account");
    assert!(error.log.contains(&house.sam.to_string()), "whose it is, for the log: {error}");
    assert!(!error.visitor.contains(&house.sam.to_string()), "{}", error.visitor);
    assert!(proof(&totp, house.ann, &code, after(30)).await.is_some(), "and is ann's as before");
}

#[tokio::test]
async fn a_proof_of_a_removed_app_is_worth_nothing_to_the_next_one() {
    let house = house().await;
    let (totp, seed) = enrolled(&house, house.sam).await;
    let old = proof(&totp, house.sam, &shown(seed.as_slice(), after(60)), after(60)).await.expect("a proof");
    house.store.write(Totp::remove(recorded(), house.sam)).await.expect("there was one");
    assert!(totp.of(house.sam).await.unwrap().is_none());
    let again = house.store.write(Totp::remove(recorded(), house.sam)).await;
    assert_eq!(again, Err(WriteError::Unexpected(0)), "there is none any more");

    let (_, new) = enrolled(&house, house.sam).await;
    assert_eq!(house.store.write(old).await, Err(WriteError::Unexpected(0)), "a proof of the old one");
    assert!(!counts(&house, &totp, &shown(seed.as_slice(), after(60)), after(60)).await, "an old code");
    assert!(counts(&house, &totp, &shown(new.as_slice(), after(60)), after(60)).await, "a new one");
}

#[tokio::test]
async fn the_store_holds_no_secret_in_clear_and_seals_it_anew_at_each_use() {
    static ROW: Statement = Statement::new("select secret from totp where account_id = $1");
    let house = house().await;
    let (totp, seed) = enrolled(&house, house.sam).await;
    let rows = house.store.get(&ROW, values![house.sam.to_string()]).await.unwrap();
    let before = rows[0].bytes(0).unwrap().to_vec();
    assert!(counts(&house, &totp, &shown(seed.as_slice(), after(30)), after(30)).await);

    let rows = house.store.get(&ROW, values![house.sam.to_string()]).await.unwrap();
    let now = rows[0].bytes(0).unwrap();
    assert_ne!(now, before, "sealed anew");
    assert_eq!(house.keys.unseal(&context(house.sam), now).unwrap().as_slice(), seed.as_slice());
    let all = house.bytes().await;
    assert!(all.windows(now.len()).any(|part| part == now), "the sealed secret is not found: look elsewhere");
    let text = base32::encode(seed.as_chunks().0, base32::STANDARD);
    for clear in [seed.as_slice(), text.reveal().as_bytes()] {
        assert!(!all.windows(clear.len()).any(|part| part == clear), "the secret stands in the database");
    }
}
