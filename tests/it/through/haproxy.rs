//! What only HAProxy can do wrong: it lets a request on when a Lua action is cut off.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;

use crate::lab::app::App;
use crate::lab::client::Ask;
use crate::lab::process::Process;
use crate::lab::proxy::{self, Kind, repository};
use crate::lab::{APP_PORT, PROXY_PORT, address};

const BOTH: [Kind; 2] = [Kind::Haproxy, Kind::OldHaproxy];

/// HAProxy with the shipped files before an app, and nobody where Aegis should be.
struct Alone {
    app: App,
    at: std::net::SocketAddr,
    /// Accepts, and never answers.
    aegis: TcpListener,
    // Held: it ends with the test.
    _proxy: Process,
}

impl Alone {
    fn with(kind: Kind, defaults: &str, lua: impl Fn(&str) -> String) -> Self {
        let (address, folder): (_, PathBuf) = (address::take(), address::folder());
        let app = App::start((address, APP_PORT).into());
        let aegis = TcpListener::bind((address, 0)).unwrap();
        let read = |name: &str| fs::read_to_string(repository().join("examples/haproxy").join(name)).unwrap();
        let script = folder.join("aegis.lua");
        let shipped = read("aegis.lua");
        fs::write(&script, lua(&shipped)).unwrap();
        let file = folder.join("haproxy.cfg");
        let text = read("haproxy.cfg")
            .replace("/etc/haproxy/aegis.lua", &script.display().to_string())
            .replace("    mode http\n", &format!("    mode http\n{defaults}"))
            .replace("    bind :80\n", "")
            .replace("    http-request redirect scheme https code 301 unless { ssl_fc }\n", "")
            .replace(
                "bind :443 ssl crt /etc/haproxy/certs/example.com.pem alpn h2,http/1.1",
                &format!("bind {address}:{PROXY_PORT}"),
            )
            .replace("127.0.0.1:8009", &aegis.local_addr().unwrap().to_string())
            .replace("127.0.0.1:8080", &format!("{address}:{APP_PORT}"));
        fs::write(&file, text).unwrap();
        let proxy = proxy::run(kind, &folder, &["-db".into(), "-f".into(), file.into()]);
        let at = (address, PROXY_PORT).into();
        Self { app, at, aegis, _proxy: proxy.wait_for(at) }
    }

    #[track_caller]
    fn reached_nobody(&self, what: &str) {
        let seen = self.app.seen("arlo.example.com");
        assert!(seen.is_empty(), "{what}: the app was reached: {seen:#?}");
    }
}

#[test]
fn an_action_that_fails_lets_nobody_through() {
    for kind in BOTH {
        let alone = Alone::with(kind, "", |lua| {
            let begins = "  local said = asked(txn)\n";
            assert_eq!(lua.matches(begins).count(), 2, "both actions begin so: {lua}");
            lua.replace(begins, "  error(\"cut off\")\n")
        });
        for host in ["arlo.example.com", "auth.example.com"] {
            let answer = Ask::get(host, "/").header("Remote-User", "admin").send(alone.at);
            assert_eq!(answer.status, 503, "{kind}: {host}, by an action that fails\ncame back: {answer}");
        }
        alone.reached_nobody(&format!("{kind}, by an action that fails"));
    }
}

#[test]
fn a_client_that_is_half_gone_does_not_get_past_the_question() {
    for kind in BOTH {
        for defaults in ["", "    option abortonclose\n"] {
            let alone = Alone::with(kind, defaults, str::to_owned);
            let mut client = TcpStream::connect(alone.at).unwrap();
            client
                .write_all(b"POST /delete HTTP/1.1\r\nHost: arlo.example.com\r\nRemote-User: admin\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // What is asked of Aegis, if anything is, comes to nothing: then HAProxy has to answer by itself.
            alone.aegis.set_nonblocking(true).unwrap();
            let mut said = Vec::new();
            client.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
            loop {
                while let Ok(question) = alone.aegis.accept() {
                    drop(question);
                }
                let mut part = [0; 4096];
                match client.read(&mut part) {
                    Ok(0) => break,
                    Ok(length) => said.extend_from_slice(&part[..length]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
            let said = String::from_utf8_lossy(&said);
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 5"), "{kind}, {defaults:?}: {said}");
            alone.reached_nobody(&format!("{kind}, {defaults:?}"));
        }
    }
}
