//! The queue and its threads, held and let go by hand.

use std::sync::mpsc;

use super::*;
use crate::clock::Wall;
use crate::password::argon;
use crate::secret::Secret;

impl Pool {
    /// Queues `work`, if there is room.
    fn submit<T, F>(self: &Arc<Self>, work: F) -> Result<oneshot::Receiver<T>, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> T + Send + 'static,
    {
        self.place()?.submit(work)
    }
}

/// A pool of one thread and a clock that stands still, and a way to hold that thread.
fn pool(idle: Duration) -> (Arc<Pool>, std::thread::JoinHandle<()>) {
    let (clock, _) = Clock::manual(Wall(0));
    let pool = Pool::with_idle(1, clock, idle);
    let serving = pool.clone();
    (pool, std::thread::spawn(move || serving.serve()))
}

/// Work that says when it begins and ends only when it is told to.
fn held_work() -> (impl FnOnce(&mut Memory) + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (began, has_begun) = mpsc::channel();
    let (let_go, may_end) = mpsc::channel();
    let work = move |_: &mut Memory| {
        began.send(()).unwrap();
        may_end.recv().unwrap();
    };
    (work, has_begun, let_go)
}

#[test]
fn a_full_queue_is_said_at_once_and_room_is_made_of_what_nobody_waits_for() {
    let (pool, thread) = pool(IDLE);
    let (work, has_begun, let_go) = held_work();
    let first = pool.submit(work).unwrap();
    has_begun.recv().unwrap();

    let mut waiting: Vec<_> = (0..QUEUE).map(|number| pool.submit(move |_| number).unwrap()).collect();
    let busy = pool.submit(|_| ()).expect_err("the queue is full");
    assert!((1..=60).contains(&busy.retry_after.as_secs()), "a sensible time to wait: {busy:?}");

    drop(waiting.pop());
    let last = pool.submit(|_| QUEUE).expect("one client left, so there is room");
    let_go.send(()).unwrap();
    first.blocking_recv().expect("the first was finished");
    for (number, answer) in waiting.into_iter().enumerate() {
        assert_eq!(answer.blocking_recv(), Ok(number));
    }
    assert_eq!(last.blocking_recv(), Ok(QUEUE));
    pool.close();
    thread.join().unwrap();
}

#[test]
fn a_place_is_kept_for_who_holds_it() {
    let (pool, thread) = pool(IDLE);
    let mut places: Vec<_> = (0..QUEUE).map(|_| pool.place().unwrap()).collect();
    pool.submit(|_| ()).expect_err("every place is held");
    let answer = places.pop().unwrap().submit(|_| 7).expect("whoever has a place is not busy");
    assert_eq!(answer.blocking_recv(), Ok(7));
    drop(places);
    assert_eq!(pool.submit(|_| 8).expect("the places were given back").blocking_recv(), Ok(8));
    let late = pool.place().unwrap();
    pool.close();
    late.submit(|_| ()).expect_err("closed in the meantime");
    thread.join().unwrap();
}

#[test]
fn what_has_begun_is_finished_and_what_has_not_is_dropped_when_its_client_leaves() {
    let (pool, thread) = pool(IDLE);
    let (work, has_begun, let_go) = held_work();
    let (finished, has_finished) = mpsc::channel();
    let first = pool
        .submit(move |memory| {
            work(memory);
            finished.send("first").unwrap();
        })
        .unwrap();
    has_begun.recv().unwrap();
    let (never, undone) = mpsc::channel::<()>();
    let second = pool.submit(move |_| never.send(()).unwrap()).unwrap();
    drop((first, second));
    let_go.send(()).unwrap();
    assert_eq!(has_finished.recv(), Ok("first"), "the client left after it began");
    assert!(undone.recv().is_err(), "the client left before it began, and it was done all the same");
    pool.close();
    thread.join().unwrap();
}

#[test]
fn a_panic_ends_one_piece_of_work_and_not_the_pool() {
    let (pool, thread) = pool(IDLE);
    let panicked = pool.submit(|_| panic!("a test's panic")).unwrap();
    assert!(panicked.blocking_recv().is_err(), "who waited learns that there is no answer");
    assert_eq!(pool.submit(|_| 7).unwrap().blocking_recv(), Ok(7), "the next one is served");
    pool.close();
    thread.join().unwrap();
}

#[test]
fn a_closed_pool_takes_nothing_and_answers_what_waits() {
    let (pool, thread) = pool(IDLE);
    let (work, has_begun, let_go) = held_work();
    let first = pool.submit(work).unwrap();
    has_begun.recv().unwrap();
    let second = pool.submit(|_| ()).unwrap();
    pool.close();
    assert!(second.blocking_recv().is_err(), "what waited is given up");
    assert!(pool.submit(|_| ()).is_err(), "nothing more is taken");
    let_go.send(()).unwrap();
    first.blocking_recv().expect("what had begun is finished");
    thread.join().unwrap();
}

#[test]
fn memory_is_kept_between_hashes_and_given_back_without_work() {
    let (pool, thread) = pool(Duration::ZERO);
    let holding = pool.held.clone();
    let held = pool
        .submit(move |memory| {
            let first = argon::waste(&Secret::new("correct horse battery"), memory);
            let held = holding.load(Ordering::Relaxed);
            (first.is_ok(), held)
        })
        .unwrap();
    assert_eq!(held.blocking_recv(), Ok((true, 64 << 20)), "64 MiB while there is work");
    // The thread has no time to wait for work: it gives its memory back, or this never ends.
    while pool.held() != 0 {
        std::thread::yield_now();
    }
    pool.close();
    thread.join().unwrap();
}
