//! Who answers on Telegram, and what comes of it.

use super::*;

#[test]
fn the_right_number_approves_once_and_for_a_minute() {
    run(async {
        let place = Place::new().await;
        let opened = place.asked(NOW).await;
        let (right, wrong) = places(&opened.challenge);
        let decided = place.answer(&opened, Answer::Picked(right), NOW.plus(SECOND)).await;
        assert!(matches!(&decided, Decided::Now(now) if now.state == State::Approved), "{decided:?}");
        for late in [Answer::Picked(wrong), Answer::NotMe, Answer::Picked(right)] {
            let decided = place.answer(&opened, late, NOW.plus(2 * SECOND)).await;
            assert!(
                matches!(&decided, Decided::Before(then) if then.state == State::Approved),
                "{decided:?}"
            );
        }
        let end = NOW.plus(SECOND).plus(APPROVAL_WAITS);
        let approved = place.read(&opened, end.minus(Duration::from_millis(1))).await;
        assert_eq!((approved.state, approved.expires_at), (State::Approved, end));
        assert_eq!(approved.approval().map(|proof| proof.method), Some(Method::Telegram));
        let over = place.read(&opened, end).await;
        assert_eq!(over.state, State::Expired, "an approval that nobody came for");
        assert!(over.approval().is_none() && !place.finish(&approved, end).await, "and opens nothing");
    });
}

#[test]
fn a_code_that_comes_with_the_tap_finishes_and_nothing_else_that_was_read_before_it() {
    run(async {
        let place = Place::new().await;
        let opened = place.asked(NOW).await;
        let before = place.read(&opened, NOW).await;
        let (right, _) = places(&opened.challenge);
        place.answer(&opened, Answer::Picked(right), NOW).await;
        assert_eq!(place.state(&opened, NOW).await, State::Approved);
        assert!(place.finish(&before, NOW).await, "it is open, by a tap or without");
        assert!(!place.finish(&before, NOW).await, "once");
        for (answer, state) in [(Answer::NotMe, State::Denied), (Answer::Picked(4), State::Pending)] {
            let place = Place::new().await;
            let opened = place.asked(NOW).await;
            let before = place.read(&opened, NOW).await;
            place.answer(&opened, answer, NOW).await;
            assert_eq!(place.state(&opened, NOW).await, state);
            assert_eq!(place.finish(&before, NOW).await, state.is_open(), "after {state:?}");
        }
    });
}

#[test]
fn a_wrong_number_or_a_denial_ends_it_and_asks_nobody_for_a_while() {
    run(async {
        for (answer_wrong, expected, event) in
            [(true, State::WrongNumber, "telegram.wrong_number"), (false, State::Denied, "sign_in.denied")]
        {
            let place = Place::new().await;
            let opened = place.asked(NOW).await;
            let (right, wrong) = places(&opened.challenge);
            let answer = if answer_wrong { Answer::Picked(wrong) } else { Answer::NotMe };
            let decided = place.answer(&opened, answer, NOW).await;
            assert!(matches!(&decided, Decided::Now(now) if now.state == expected), "{decided:?}");
            place.answer(&opened, Answer::Picked(right), NOW).await;
            assert_eq!(place.state(&opened, NOW).await, expected, "the first answer counts");
            assert_eq!(place.events().await, ["sign_in.factor_due", event]);
            let told = place.store.get(&NOTICES, values![]).await.unwrap();
            assert_eq!(told[0].text(0).unwrap(), "sign_in.stopped", "its owner is told");
            let next = place.open(place.wanted(), NOW.plus(14 * MINUTE)).await.challenge;
            assert_eq!((next.prompt, next.mode), (Prompt::None, None), "nobody is asked");
            let next = place.open(place.wanted(), NOW.plus(15 * MINUTE)).await.challenge;
            assert_eq!((next.prompt, next.mode), (Prompt::Due, Some(Mode::Type)), "then the number is typed");
            assert!(next.choices.is_empty(), "and not offered: {:?}", next.choices);
        }
    });
}

#[test]
fn who_is_unlocked_is_asked_again_and_types_the_number_after_a_denial() {
    run(async {
        for (denied, mode) in [(true, Mode::Type), (false, Mode::Pick)] {
            let place = Place::new().await;
            if denied {
                place.answer(&place.asked(NOW).await, Answer::NotMe, NOW).await;
            } else {
                for _ in 0..3 {
                    place.asked(NOW).await;
                }
            }
            let later = NOW.plus(MINUTE);
            let paused = place.open(place.wanted(), later).await.challenge;
            assert_eq!(paused.prompt, Prompt::None, "denied: {denied}");
            let unlocked = Challenges::asking_again(Write::unrecorded("a test"), place.user);
            place.store.write(unlocked).await.unwrap();
            let asked = place.open(place.wanted(), later).await.challenge;
            assert_eq!((asked.prompt, asked.mode), (Prompt::Due, Some(mode)), "denied: {denied}");
        }
    });
}

#[test]
fn an_answer_counts_in_the_way_that_was_asked_for() {
    run(async {
        for (mode, remembered) in [(Mode::Pick, false), (Mode::Type, false), (Mode::Plain, true)] {
            let place = Place::new().await;
            let ask = Ask { wanted: mode, is_administrator: false, is_remembered: remembered };
            let opened = place.open(NewChallenge { ask: Some(ask), ..place.wanted() }, NOW).await;
            let number = opened.challenge.number.unwrap().to_string();
            let right = opened.challenge.choices.iter().position(|choice| choice.to_string() == number);
            let fits = |answer: &Answer<'_>| match mode {
                Mode::Pick => matches!(answer, Answer::Picked(_)),
                Mode::Type => matches!(answer, Answer::Typed(_)),
                Mode::Plain => matches!(answer, Answer::Approved),
            };
            let answers =
                [Answer::Picked(right.unwrap_or_default()), Answer::Typed(&number), Answer::Approved];
            for answer in answers.iter().filter(|answer| !fits(answer)) {
                let decided = place.answer(&opened, *answer, NOW).await;
                assert!(matches!(decided, Decided::Nothing), "{mode:?} answered by {answer:?}: {decided:?}");
            }
            let decided = place.answer(&opened, Answer::Picked(9), NOW).await;
            assert!(matches!(decided, Decided::Nothing), "a button that was not there: {decided:?}");
            let answer = answers.into_iter().find(fits).unwrap();
            let decided = place.answer(&opened, answer, NOW).await;
            assert!(matches!(&decided, Decided::Now(now) if now.state == State::Approved), "{decided:?}");
        }
    });
}

#[test]
fn nobody_else_answers() {
    run(async {
        let place = Place::new().await;
        let opened = place.asked(NOW).await;
        let (right, _) = places(&opened.challenge);
        let tap = opened.challenge.tap.clone().unwrap();
        for other in [(8, 7), (7, 8), (8, 8)] {
            let decided = place.challenges.answer(&tap, other, Answer::Picked(right), NOW).await.unwrap();
            assert!(matches!(decided, Decided::WrongPerson), "{other:?}: {decided:?}");
        }
        let decided = place.challenges.answer("x", ASKED, Answer::Picked(right), NOW).await.unwrap();
        assert!(matches!(decided, Decided::Nothing), "{decided:?}");
        assert_eq!(place.state(&opened, NOW).await, State::Pending);
        let events = place.events().await;
        assert_eq!(events.iter().filter(|event| *event == "telegram.wrong_user").count(), 3, "{events:?}");
    });
}
