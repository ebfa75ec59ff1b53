//! The bus: the daemon's endless answer, one JSON object a line. Owns what a line of it means.
//!
//! Promises: of a line no more than [`LONGEST`] bytes are kept; one that is longer, or is not understood,
//! counts as everything it could have said.

use super::wire::{self, Notify};

/// The most bytes of a line that are read. Older daemons send the whole tailnet in one.
const LONGEST: usize = 64 * 1024;

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    /// Nothing that an answer rests on.
    Nothing,
    /// Peers or their owners.
    Peers,
    /// The own node or its state, and perhaps all else.
    Own,
}

impl News {
    /// What a whole line says.
    fn of(line: &[u8]) -> Self {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Self::Nothing;
        }
        let Ok(line) = wire::read::<Notify>(line) else { return Self::Own };
        let own = [line.state, line.prefs, line.net_map, line.self_change, line.login_finished];
        let peers = [line.peers_changed, line.peers_removed, line.user_profiles];
        match (own.iter().any(Option::is_some), peers.iter().any(Option::is_some)) {
            (true, _) => Self::Own,
            (false, true) => Self::Peers,
            (false, false) => Self::Nothing,
        }
    }
}

/// The lines of a stream, as its bytes come.
#[derive(Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    /// Whether the line that has begun is too long, and was told of.
    skips: bool,
}

impl Lines {
    /// The most that `bytes` tell.
    pub(super) fn read(&mut self, bytes: &[u8]) -> News {
        let mut news = News::Nothing;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = part.ends_with(b"\n");
            if !self.skips {
                if self.begun.len() + part.len() > LONGEST {
                    self.skips = true;
                    self.begun = Vec::new();
                    news = News::Own;
                } else {
                    self.begun.extend_from_slice(part);
                }
            }
            if is_whole {
                if !self.skips {
                    news = news.max(News::of(&self.begun));
                }
                self.skips = false;
                self.begun.clear();
            }
        }
        news
    }
}

#[cfg(test)]
impl Lines {
    /// How many bytes of a line are kept.
    pub(super) fn kept(&self) -> usize {
        self.begun.len()
    }
}
