//! Sockets: opening them, and closing them without leaving or taking anything that is not ours.
//!
//! Promises: the socket of a living server is never taken, that of a dead one is replaced, another
//! kind of file is left alone; a socket's file goes with its [`Listener`], if it is still the same file.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::listen::Address;
use crate::error::{Fault, Faults};

/// How many clients may have knocked and not yet been let in.
const BACKLOG: i32 = 1024;

/// A socket that hears.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    file: Option<File>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// One client, let in.
pub(super) enum Stream {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

impl Stream {
    /// Waits until there is something to read, or the client is gone.
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream, _) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }
}

impl Listener {
    /// Opens every address, or none: `systemd` is every socket the service manager passed, and works
    /// once a process. To be called before there are threads, because it takes `LISTEN_FDS` out of the
    /// environment.
    pub fn bind(addresses: &[Address]) -> Result<Vec<Self>, Faults> {
        let mut faults = Faults::default();
        let mut listeners = Vec::new();
        for address in addresses {
            let bound = match address {
                Address::Tcp(address) => tcp(*address).map(|listener| vec![listener]),
                Address::Unix { path, mode } => unix(path, *mode).map(|listener| vec![listener]),
                Address::Systemd => systemd(),
            };
            match bound {
                Ok(more) => listeners.extend(more),
                Err(fault) => faults.add(fault),
            }
        }
        faults.or(listeners)
    }

    /// The TCP address it hears at, with the port it was given where it asked for any.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Hands it to the runtime.
    pub(super) fn open(self) -> io::Result<Open> {
        let socket = match self.socket {
            Socket::Tcp(socket) => OpenSocket::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Socket::Unix(socket) => OpenSocket::Unix(tokio::net::UnixListener::from_std(socket)?),
        };
        Ok(Open { socket, file: self.file })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Socket::Tcp(socket) => match socket.local_addr() {
                Ok(address) => address.fmt(formatter),
                Err(_) => formatter.write_str("tcp"),
            },
            Socket::Unix(socket) => match socket.local_addr().as_ref().map(|address| address.as_pathname()) {
                Ok(Some(path)) => write!(formatter, "unix:{}", path.display()),
                _ => formatter.write_str("unix"),
            },
        }
    }
}

/// A listener in a runtime.
pub(super) struct Open {
    socket: OpenSocket,
    file: Option<File>,
}

enum OpenSocket {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Open {
    /// The next client.
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        match &self.socket {
            OpenSocket::Tcp(socket) => {
                socket.accept().await.map(|(stream, address)| Stream::Tcp(stream, address))
            }
            OpenSocket::Unix(socket) => socket.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    /// Removes the socket's file, lets in who has knocked, and closes.
    pub(super) fn close(self) -> Vec<Stream> {
        drop(self.file);
        let mut late = Vec::new();
        let at_most = usize::try_from(BACKLOG).unwrap_or_default();
        match self.socket {
            OpenSocket::Tcp(socket) => {
                let Ok(socket) = socket.into_std() else { return late };
                while let (true, Ok((stream, address))) = (late.len() < at_most, socket.accept()) {
                    let stream =
                        stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
                    late.extend(stream.map(|stream| Stream::Tcp(stream, address)));
                }
            }
            OpenSocket::Unix(socket) => {
                let Ok(socket) = socket.into_std() else { return late };
                while let (true, Ok((stream, _))) = (late.len() < at_most, socket.accept()) {
                    let stream =
                        stream.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stream));
                    late.extend(stream.map(Stream::Unix));
                }
            }
        }
        late
    }
}

fn tcp(address: SocketAddr) -> Result<Listener, Fault> {
    let bound = TcpListener::bind(address).and_then(|socket| {
        rustix::net::listen(&socket, BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    let socket = bound.map_err(|error| {
        let fault = Fault::new(format!("cannot listen at {address}: {error}"));
        match error.kind() {
            ErrorKind::AddrInUse => fault.hint(format!(
                "something else listens there: `ss -ltnp 'sport = :{}'` says what",
                address.port()
            )),
            ErrorKind::AddrNotAvailable => fault.hint("this machine has no such address (yet)"),
            ErrorKind::PermissionDenied => {
                fault.hint("ports below 1024 are root's: take a higher one, or a socket of systemd")
            }
            _ => fault,
        }
    })?;
    Ok(Listener { socket: Socket::Tcp(socket), file: None })
}

fn unix(path: &Path, mode: u32) -> Result<Listener, Fault> {
    let fault =
        |why: &dyn fmt::Display| Fault::new(format!("cannot listen at unix:{}: {why}", path.display()));
    make_room(path).map_err(|refused| match refused {
        NoRoom::Alive => fault(&"a server listens there").hint("is Aegis running already?"),
        NoRoom::NoSocket => {
            fault(&"there is a file that is no socket").hint("move it, or choose another path")
        }
        NoRoom::Failed(error) => fault(&error),
    })?;
    let bound = UnixListener::bind(path).and_then(|socket| {
        let file = File::of(path)?;
        rustix::net::listen(&socket, BACKLOG)?;
        socket.set_nonblocking(true)?;
        // Until here only its user could connect: the process's umask is 077.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok((socket, file))
    });
    let (socket, file) = bound.map_err(|error| {
        let folder = path.parent().unwrap_or(path).display();
        match error.kind() {
            ErrorKind::NotFound => fault(&format!("there is no folder {folder}")).hint(format!(
                "make it (`mkdir -p {folder}`); in a unit of systemd: `RuntimeDirectory=aegis`"
            )),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                fault(&error).hint(format!("Aegis must be allowed to write in {folder}"))
            }
            _ => fault(&error),
        }
    })?;
    Ok(Listener { socket: Socket::Unix(socket), file: Some(file) })
}

/// Why a unix socket cannot be where it should.
enum NoRoom {
    Alive,
    NoSocket,
    Failed(io::Error),
}

/// Removes the socket that a dead server left at `path`, and nothing else.
fn make_room(path: &Path) -> Result<(), NoRoom> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(NoRoom::Failed(error)),
    };
    if !found.file_type().is_socket() {
        return Err(NoRoom::NoSocket);
    }
    match knock(path) {
        // A full queue is a living server too.
        Ok(()) | Err(rustix::io::Errno::AGAIN) => Err(NoRoom::Alive),
        Err(rustix::io::Errno::CONNREFUSED) => std::fs::remove_file(path).map_err(NoRoom::Failed),
        Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(NoRoom::Failed(error.into())),
    }
}

/// Connects without waiting.
fn knock(path: &Path) -> rustix::io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

fn systemd() -> Result<Vec<Listener>, Fault> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for position in 0..passed.len() {
        let socket = match passed.take_tcp_listener(position) {
            Ok(Some(socket)) => socket.set_nonblocking(true).map(|()| Socket::Tcp(socket)),
            _ => match passed.take_unix_listener(position) {
                Ok(Some(socket)) => socket.set_nonblocking(true).map(|()| Socket::Unix(socket)),
                _ => Err(io::Error::other("neither a TCP nor a unix stream socket")),
            },
        };
        let socket = socket.map_err(|error| {
            Fault::new(format!("socket {position} that systemd passed cannot be used: {error}"))
                .hint("only `ListenStream=` in the socket unit")
        })?;
        // Its file is systemd's.
        listeners.push(Listener { socket, file: None });
    }
    if listeners.is_empty() {
        return Err(Fault::new("`listen` says `systemd`, and systemd passed no socket").hint(
            "start it by its socket unit (`systemctl enable --now aegis.socket`), or take `systemd` out",
        ));
    }
    Ok(listeners)
}

/// The file of a socket of ours; removed when dropped, unless another has taken its place.
#[derive(Debug)]
struct File {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl File {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_path_buf(), device: found.dev(), inode: found.ino() })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if ours {
            let _gone_already = std::fs::remove_file(&self.path);
        }
    }
}
