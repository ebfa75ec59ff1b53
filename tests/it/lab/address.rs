//! A loopback address and a folder that no other lab of this machine has.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, test_kill_process};

/// How many addresses there are before the first is used again.
const ADDRESSES: u32 = 200 * 250 * 250;

/// Shared by every run of the tests on this machine. Short, because paths of unix sockets are.
static ROOM: LazyLock<PathBuf> = LazyLock::new(|| {
    let room = std::env::temp_dir().join(format!("aegis-lab-{}", rustix::process::getuid().as_raw()));
    fs::create_dir_all(&room).unwrap();
    sweep(&room);
    room
});

/// The next address: 127.x.y.z from a counter under a file lock.
pub(crate) fn take() -> Ipv4Addr {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(ROOM.join("counter"))
        .unwrap();
    file.lock().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    let count = text.trim().parse::<u32>().unwrap_or(0);
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    write!(file, "{}", (count + 1) % ADDRESSES).unwrap();
    let octet = |value: u32, from: u8| from + u8::try_from(value).unwrap();
    Ipv4Addr::new(127, octet(count / 62_500, 16), octet(count / 250 % 250, 2), octet(count % 250, 2))
}

/// An empty folder named after this process.
pub(crate) fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = ROOM.join(format!("{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Removes the folders of runs that have ended.
fn sweep(room: &Path) {
    for entry in fs::read_dir(room).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split_once('.').and_then(|(id, _)| id.parse().ok()).and_then(Pid::from_raw);
        if owner.is_some_and(|owner| test_kill_process(owner).is_err()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
