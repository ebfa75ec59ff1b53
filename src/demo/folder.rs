//! A folder of our own for as long as the show lasts. Never follows or takes one that was there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::secret::Secret;

/// A new folder (0700), removed with all in it when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it where programs keep what is temporary.
    pub(super) fn make() -> io::Result<Self> {
        // Short, because paths of unix sockets are.
        let name = format!("aegis-demo-{}", Secret::random(8).reveal());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path: path.canonicalize()? })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, and says so if that fails.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Only after a failure is it still there; then there is somebody else to tell of it.
        let _gone = fs::remove_dir_all(&self.path);
    }
}
