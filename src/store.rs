//! The store: statements, reads, writes, migrations and the rows of the change feed.
//!
//! Promises: a [`Write`] happens whole or not at all, and nobody is told "done" before it is on
//! disk; every write that changes something others remember leaves a row in the feed, in commit
//! order; what cannot be read or written now is an error, never an empty answer.
//! Never: knows what a row means.

mod backup;
mod directory;
mod migrate;
mod prepare;
mod reader;
mod restore;
mod sqlite;
#[cfg(test)]
mod tests;
mod value;
mod watcher;
mod write;
mod writer;

pub use directory::DataDirectory;
pub use restore::{Restored, restore};
pub use value::{Row, Value, values};
pub use watcher::{News, Watcher};
pub use write::{Rows, Step, Write, WriteError, Written};

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Fault};
use reader::{Readers, Scans};
use writer::Writer;

/// What the writer calls with the changes of a commit: after the commit, before any of its writes is
/// answered, on the writer's own thread.
pub type OnCommit = Arc<dyn Fn(&[Change]) + Send + Sync>;

/// Where the database of a data directory stands.
pub fn database_in(data_dir: &Path) -> PathBuf {
    data_dir.join(sqlite::DATABASE)
}

/// The database of one data directory, open. Clones are handles to the same one.
///
/// Dropping the last handle without [`close`](Self::close) waits for what is queued, too.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    readers: Readers,
    scans: Scans,
    writer: Writer,
}

impl Store {
    /// Claims `data_dir`, makes its database if there never was one, or checks and migrates the one
    /// there is, and opens it. The claim lasts as long as the store: one server a directory.
    ///
    /// Open the store before keys are made: a directory with keys and no database has lost its
    /// database, and is refused.
    pub fn open(data_dir: &Path, on_commit: OnCommit) -> Result<Self, Fault> {
        Self::open_claimed(DataDirectory::claim(data_dir)?, on_commit)
    }

    /// [`open`](Self::open), for a caller that has claimed the directory already.
    pub fn open_claimed(directory: DataDirectory, on_commit: OnCommit) -> Result<Self, Fault> {
        let file = prepare::for_server(&directory)?;
        Self::start(file, Some(directory), on_commit)
    }

    /// Opens the database beside a running server, for a command. Makes one where there never was one,
    /// but never migrates: with another schema than this program's it is a fault that names both.
    pub fn open_beside(data_dir: &Path) -> Result<Self, Fault> {
        let file = prepare::for_command(data_dir)?;
        Self::start(file, None, Arc::new(|_: &[Change]| {}))
    }

    /// [`open_beside`](Self::open_beside), if there is a database or should be one; nothing for a
    /// directory that never had one, which stays as it is.
    pub fn open_existing(data_dir: &Path) -> Result<Option<Self>, Fault> {
        if prepare::is_new(data_dir)? { Ok(None) } else { Self::open_beside(data_dir).map(Some) }
    }

    fn start(file: PathBuf, directory: Option<DataDirectory>, on_commit: OnCommit) -> Result<Self, Fault> {
        let writer = Writer::start(&file, directory, on_commit)?;
        let readers = Readers::open(&file)?;
        let scans = Scans::new(&file);
        Ok(Self { inner: Arc::new(Inner { file, readers, scans, writer }) })
    }

    /// Reads by key: at most 100 rows, else it is an error. Answered on the calling thread in
    /// microseconds; for anything that looks through a table there is [`scan`](Self::scan).
    #[expect(clippy::unused_async, reason = "another engine answers over the network")]
    pub async fn get(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.readers.get(statement, &values)
    }

    /// Reads what takes longer: two at once, each at most 10,000 rows and five seconds, waiting for its
    /// turn included, else it is an error.
    pub async fn scan(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.scans.scan(statement, values).await
    }

    /// Does all of `write`, or nothing of it. The answer comes after the commit is on disk.
    ///
    /// A caller that goes away meanwhile stops nothing: once queued, a write is done.
    pub async fn write(&self, write: Write) -> Result<Written, WriteError> {
        self.inner.writer.write(write).await
    }

    /// A watcher of the change feed, with a connection of its own.
    pub fn watcher(&self) -> Result<Watcher, Fault> {
        Watcher::open(&self.inner.file)
    }

    /// Writes database and keys into the one new file `to` (0600), while all goes on. An existing file is
    /// refused; the new one appears only when it is complete and verified. Says how many keys are in it.
    pub async fn backup(&self, to: &Path) -> Result<usize, Fault> {
        let (file, to) = (self.inner.file.clone(), to.to_path_buf());
        let shown = to.clone();
        tokio::task::spawn_blocking(move || backup::backup(&file, &to))
            .await
            .unwrap_or_else(|_| Err(Fault::new("the backup stopped half-way").at(&shown, None)))
    }

    /// Takes no more writes, does those that are queued, moves all into the database file and closes it.
    /// Whoever asks afterwards is told that the store is closed.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.readers.close();
        self.inner.scans.close();
    }

    /// Whether the writer's thread runs. If it ended without [`close`](Self::close), nothing can be
    /// written any more and the process has to end.
    pub fn is_writer_alive(&self) -> bool {
        self.inner.writer.is_alive()
    }
}

/// One SQL text for every engine, with `$1`, `$2`, … for its values.
///
/// No `now()`, no `random()`, no operator of one engine alone: ids and times are made in Rust.
/// Declared as a `static`; a test prepares every one of them on every engine there is.
pub struct Statement {
    text: &'static str,
    sqlite: OnceLock<String>,
}

impl Statement {
    /// A statement.
    pub const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new() }
    }

    /// The text as written, with `$n`.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// The text for SQLite, with `?n`.
    pub fn sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| numbered(self.text))
    }
}

/// `text` with `?n` for every `$n` outside of quotes. (SQLite takes a `$n` for a name, and numbers names
/// in the order they appear.)
fn numbered(text: &str) -> String {
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    let mut numbered = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        quoted ^= character == '\'';
        let is_value = character == '$' && !quoted && characters.peek().is_some_and(char::is_ascii_digit);
        numbered.push(if is_value { '?' } else { character });
    }
    numbered
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

/// Why the store could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It does not answer in time, or is being closed.
    Unavailable(String),
    /// It answered with something that cannot be right.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(formatter, "the store does not answer: {why}"),
            Self::Broken(why) => write!(formatter, "the store holds what it should not: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// One row of the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of commits: 1, 2, 3, … without a gap.
    pub seq: i64,
    /// What kind of thing changed: `user`, `session`, …
    pub kind: String,
    /// Which one.
    pub subject: String,
}
