//! What is told of a sign-in that waited, on the phone and to whoever asks.

use super::*;

#[test]
fn every_message_is_told_what_became_of_it_whenever_it_arrived() {
    run(async {
        let place = Place::new().await;
        let untold = async |now| -> Vec<(i64, State)> {
            let untold = place.challenges.untold(now).await.unwrap();
            untold.iter().map(|one| (one.message, one.challenge.state)).collect()
        };
        // Decided while its message was on the way.
        let slow = place.open(place.wanted(), NOW).await;
        let due = place.challenges.due(NOW).await.unwrap();
        assert_eq!(due.iter().map(|one| one.challenge.id).collect::<Vec<_>>(), [slow.challenge.id]);
        assert!(place.finish(&slow.challenge, NOW).await, "a code was faster");
        assert!(place.challenges.due(NOW).await.unwrap().is_empty(), "what is over is not asked any more");
        assert_eq!(untold(NOW).await, [], "there is no message yet");
        place.challenges.sent(slow.challenge.id, (ASKED.1, 1)).await.unwrap();
        assert_eq!(untold(NOW).await, [(1, State::Finished)]);
        place.challenges.told(slow.challenge.id, State::Finished).await.unwrap();
        assert_eq!(untold(NOW).await, []);
        // Approved, told of, and come further since.
        let fast = place.open(place.wanted(), NOW).await;
        place.challenges.sent(fast.challenge.id, (ASKED.1, 2)).await.unwrap();
        assert_eq!(untold(NOW).await, [], "it waits, as the message says");
        let (right, _) = places(&fast.challenge);
        place.answer(&fast, Answer::Picked(right), NOW).await;
        assert_eq!(untold(NOW).await, [(2, State::Approved)]);
        let approved = place.read(&fast, NOW).await;
        assert!(place.finish(&approved, NOW).await);
        place.challenges.told(fast.challenge.id, State::Approved).await.unwrap();
        assert_eq!(untold(NOW).await, [(2, State::Finished)], "told of the approval, and not of the session");
        place.challenges.told(fast.challenge.id, State::Finished).await.unwrap();
        // Run out.
        let last = place.open(place.wanted(), NOW.plus(MINUTE)).await;
        place.challenges.sent(last.challenge.id, (ASKED.1, 3)).await.unwrap();
        let end = NOW.plus(MINUTE).plus(WAITS);
        place.challenges.expire(end.minus(Duration::from_millis(1))).await.unwrap();
        assert_eq!(untold(end).await, []);
        place.challenges.expire(end).await.unwrap();
        assert_eq!(untold(end).await, [(3, State::Expired)]);
    });
}

#[test]
fn whoever_waits_for_an_answer_is_told_at_once() {
    run(async {
        let place = Place::new().await;
        let (clock, hand) = Clock::manual(NOW);
        let opened = place.asked(NOW).await;
        let (right, _) = places(&opened.challenge);
        let waits = place.challenges.settled(opened.secret.reveal(), &clock, 25 * SECOND);
        let answers = async {
            tokio::task::yield_now().await;
            place.answer(&opened, Answer::Picked(right), NOW).await
        };
        let (settled, _) = tokio::join!(waits, answers);
        assert_eq!(settled.unwrap().unwrap().state, State::Approved, "without any time passing");
        let other = place.open(place.wanted(), NOW).await;
        let waits = place.challenges.settled(other.secret.reveal(), &clock, 25 * SECOND);
        let passes = async {
            for _ in 0..26 {
                tokio::task::yield_now().await;
                hand.advance(SECOND);
            }
        };
        let (settled, ()) = tokio::join!(waits, passes);
        assert_eq!(settled.unwrap().unwrap().state, State::Pending, "patience has an end");
    });
}
