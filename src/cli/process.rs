//! What is set once for the whole process, before anything else runs.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// Whatever this process makes is its user's alone, and what signs tokens is chosen.
pub(super) fn prepare() {
    umask(Mode::RWXG | Mode::RWXO);
    // It can only have been chosen already, by a test that shares this process.
    let _chosen = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// Asks for as many open files as this process may have at all, and says how many that is.
pub(super) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
