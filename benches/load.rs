//! The load generator: one thread, epoll, connections that are kept alive.
//!
//! Promises: every answer is read whole and its status looked at; at a fixed rate a request's time
//! counts from when it was due, so that a server that stalls is not flattered.
//! Never: pipelines, retries, or drops an answer that was slow.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::exchange::{self, Size};

/// What is asked, how often, for how long.
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) request: &'a [u8],
    pub(crate) connections: usize,
    pub(crate) span: Duration,
    /// Requests a second; without it every connection asks again as soon as it is answered.
    pub(crate) rate: Option<f64>,
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) answers: usize,
    pub(crate) seconds: f64,
    /// Nanoseconds from request (or when it was due) to whole answer, sorted.
    times: Vec<u32>,
}

impl Measured {
    /// In milliseconds, the time that `share` of the answers did not exceed.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let position = (self.times.len() as f64 * share).ceil() as usize;
        let nanoseconds = self.times.get(position.saturating_sub(1)).or(self.times.last());
        f64::from(*nanoseconds.expect("there was an answer")) / 1e6
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    since: Instant,
}

/// Puts the load on the server.
pub(crate) fn run(load: &Load<'_>) -> Measured {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
    let started = Instant::now();
    let mut connections: Vec<Connection> = (0..load.connections)
        .map(|number| {
            let stream = TcpStream::connect(load.address).expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            epoll::add(&poll, &stream, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)
                .expect("a place in the epoll");
            Connection { stream, buffer: vec![0; 32 * 1024], filled: 0, since: started }
        })
        .collect();

    let expected = exchange::ask(load.address, load.request).expect("an answer").status;
    let mut usual = None;
    let mut times = Vec::with_capacity(1 << 20);
    let mut free: Vec<usize> = (0..load.connections).collect();
    let began = Instant::now();
    let end = began + load.span;
    let gap = load.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
    // At a fixed rate this thread never sleeps: it has a core of its own, and waking up takes time.
    let patience = gap.map(|_| Timespec { tv_sec: 0, tv_nsec: 0 });
    let mut due = began;
    let mut events = Vec::with_capacity(load.connections);
    let mut last = began;
    loop {
        let now = Instant::now();
        // What fell due before the end is asked, however late the server has made it.
        while if gap.is_some() { due <= now && due < end } else { now < end } {
            let Some(number) = free.pop() else { break };
            let connection = &mut connections[number];
            if let Some(gap) = gap {
                connection.since = due;
                due += gap;
            } else {
                connection.since = Instant::now();
            }
            connection.stream.write_all(load.request).expect("a request is taken");
        }
        if now >= end && free.len() == connections.len() && (gap.is_none() || due >= end) {
            break;
        }
        events.clear();
        match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        for event in &events {
            let number = event.data.u64() as usize;
            let connection = &mut connections[number];
            if let Some(status) = connection.read(&mut usual) {
                assert_eq!(status, expected, "an answer with another status in the middle of the load");
                last = Instant::now();
                let time = last.duration_since(connection.since).as_nanos();
                times.push(u32::try_from(time).unwrap_or(u32::MAX));
                free.push(number);
            }
        }
    }
    times.sort_unstable();
    Measured { answers: times.len(), seconds: last.duration_since(began).as_secs_f64(), times }
}

impl Connection {
    /// Reads on; the status once the answer is whole. `usual` is the size of the answer before, which
    /// saves looking for the end of the head where it stands as expected.
    fn read(&mut self, usual: &mut Option<Size>) -> Option<u16> {
        let count = self.stream.read(&mut self.buffer[self.filled..]).expect("an answer is read");
        assert!(count > 0, "the server closed a connection in the middle of the load");
        self.filled += count;
        let answer = &self.buffer[..self.filled];
        let alike = |size: &Size| {
            answer.len() == size.whole
                && answer[size.head - 4..size.head] == *b"\r\n\r\n"
                && answer[9..12] == *size.status.to_string().as_bytes()
        };
        let size = match *usual {
            Some(size) if alike(&size) => size,
            _ => exchange::size(answer)?,
        };
        if answer.len() < size.whole {
            return None;
        }
        assert_eq!(answer.len(), size.whole, "more than one answer to one request");
        *usual = Some(size);
        self.filled = 0;
        Some(size.status)
    }
}
