//! The real Aegis, set up as its users set it up: a configuration file, commands, a sign-in by the form.
//!
//! Promises: whatever is measured was first checked to be the complete answer of the contract.
//! Never: reaches into the database or the keys.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Row;
use crate::exchange::{self, Answer};
use crate::process::{Cores, Process};

/// `[limits] remembered`, in MiB: the default.
pub(crate) const REMEMBERED: u32 = 32;
/// Every check is found out anew.
pub(crate) const NOTHING_REMEMBERED: u32 = 0;

const PASSWORD: &str = "quartz lantern meadow 41 violin";
const USERS: usize = 8;
/// The address of the visitor.
const VISITOR: &str = "192.0.2.17";
const IDENTITY: [&str; 6] = [
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "remote-auth-method",
    "x-aegis-assertion",
];

/// The program: `AEGIS_BIN`, or the one cargo built for this run.
fn binary() -> PathBuf {
    std::env::var_os("AEGIS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_aegis").into(), PathBuf::from)
}

pub(crate) fn binary_size() -> u64 {
    fs::metadata(binary()).expect("the binary").len()
}

/// A running Aegis with eight users and one app; the first user is signed in.
pub(crate) struct Aegis {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    /// The app's host and port, as a browser names them.
    pub(crate) app_host: String,
    public_url: String,
    cookie: String,
    directory: TempDir,
    cores: Cores,
}

impl Aegis {
    /// Starts it with `remembered` MiB for what is remembered.
    pub(crate) fn start(cores: Cores, remembered: u32) -> Self {
        Self::start_with(cores, remembered, "")
    }

    /// The same with more lines in its settings.
    pub(crate) fn start_with(cores: Cores, remembered: u32, more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a while");
        let address = free_address();
        let socket = directory.path().join("aegis.sock");
        // Caddy's own port is chosen here, because the app's host has it in its name.
        let caddy = free_address().port();
        let app_host = format!("photos.aegis.localhost:{caddy}");
        let public_url = format!("http://auth.aegis.localhost:{caddy}");
        let configuration = format!(
            r#"public_url = "{public_url}"
listen = ["{address}", "unix:{}"]
data_dir = "{}"

[cookie]
domain = "aegis.localhost"

[limits]
remembered = {remembered}
{more}
[app.photos]
hosts = ["{app_host}"]
require = "signed_in"
public = ["/public"]

[[app.photos.rule]]
path = "/admin/*"
roles = ["admin"]
"#,
            socket.display(),
            directory.path().join("data").display(),
        );
        fs::write(directory.path().join("aegis.toml"), configuration).expect("a configuration is written");
        let process = serve(cores, &directory, address);
        let mut aegis =
            Self { process, address, socket, app_host, public_url, cookie: String::new(), directory, cores };
        for number in 0..USERS {
            aegis.add_user(number);
        }
        let answer = aegis.sign_in(0);
        assert_eq!(answer.status, 303, "the sign-in is not answered 303:\n{}", answer.text());
        aegis.cookie = answer
            .all("set-cookie")
            .iter()
            .find_map(|cookie| Some(cookie.strip_prefix("aegis_token=")?.split(';').next()?.to_owned()))
            .unwrap_or_else(|| panic!("the sign-in set no cookie aegis_token:\n{}", answer.text()));
        aegis
    }

    /// Ends it and starts it again on the same data; returns at the first healthy answer.
    pub(crate) fn restart(&mut self) {
        self.process.stop();
        self.process = serve(self.cores, &self.directory, self.address);
    }

    fn add_user(&self, number: usize) {
        let mut child = Command::new(binary())
            .arg("--config")
            .arg(self.directory.path().join("aegis.toml"))
            .args(["user", "add", &format!("bench{number}"), "--email", &email(number)])
            .args(["--name", "Bench Mark", "--roles", "operator,viewer", "--password-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("aegis user add");
        child.stdin.take().expect("its input").write_all(PASSWORD.as_bytes()).expect("it takes a password");
        let output = child.wait_with_output().expect("its end");
        assert!(output.status.success(), "aegis user add bench{number}: {output:?}");
    }

    /// Posts the form of the sign-in page.
    fn sign_in(&self, number: usize) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("email", &email(number))
            .append_pair("password", PASSWORD)
            .append_pair("rd", &format!("http://{}/", self.app_host))
            .finish();
        let host = self.public_url.trim_start_matches("http://");
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n\
             Sec-Fetch-Dest: document\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.public_url,
            form.len()
        );
        exchange::ask(self.address, request.as_bytes()).expect("an answer to the sign-in")
    }

    /// Everybody signs in at the same moment; the status each got.
    pub(crate) fn sign_in_all_at_once(&self) -> Vec<u16> {
        std::thread::scope(|scope| {
            let people: Vec<_> =
                (0..USERS).map(|number| scope.spawn(move || self.sign_in(number).status)).collect();
            people.into_iter().map(|person| person.join().expect("a sign-in")).collect()
        })
    }

    fn cookie(&self) -> String {
        format!("aegis_token={}", self.cookie)
    }

    /// What Caddy asks when the signed-in visitor opens a page.
    pub(crate) fn allowed(&self) -> Vec<u8> {
        navigation(&self.app_host, "/photos/2026/11", &self.cookie(), "")
    }

    /// The same of somebody without a cookie, from an address.
    pub(crate) fn allowed_from(&self, address: std::net::IpAddr) -> Vec<u8> {
        let request = navigation(&self.app_host, "/photos/2026/11", "", "");
        let text = String::from_utf8(request).expect("a request is text");
        text.replace(VISITOR, &address.to_string()).into_bytes()
    }

    /// What the visitor's browser sends to Caddy for that.
    pub(crate) fn visit(&self) -> Vec<u8> {
        let text = String::from_utf8(self.allowed()).expect("a request is text");
        let kept: Vec<&str> = text.split("\r\n").filter(|line| !line.starts_with("X-Forwarded-")).collect();
        kept.join("\r\n").replacen("/auth/forward-auth", "/photos/2026/11", 1).into_bytes()
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let with_app_cookies =
            format!("theme=dark; {}; photos_session=q8Jm2ZrT0vXw5bNc7yLk; lang=en-GB", self.cookie());
        vec![
            Row { name: "allowed, remembered", request: self.allowed(), expect: Expect::Allowed },
            Row {
                name: "allowed, remembered, with the app's own cookies",
                request: navigation(&self.app_host, "/photos/2026/11", &with_app_cookies, ""),
                expect: Expect::Allowed,
            },
            Row {
                name: "public rule, nobody",
                request: navigation(&self.app_host, "/public/logo.svg", "", ""),
                expect: Expect::Nobody,
            },
            Row {
                name: "redirected to sign in",
                request: navigation(&self.app_host, "/photos/2026/11", "", ""),
                expect: Expect::Redirected,
            },
            Row {
                name: "refused token",
                request: navigation(&self.app_host, "/photos/2026/11", "", &self.altered_token()),
                expect: Expect::Refused,
            },
        ]
    }

    pub(crate) fn rows_unremembered(&self) -> Vec<Row> {
        vec![Row { name: "allowed, first time", request: self.allowed(), expect: Expect::Allowed }]
    }

    /// A token of ours whose signature is another's: the first character of it is changed.
    fn altered_token(&self) -> String {
        let (signed, signature) = self.cookie.rsplit_once('.').expect("a token has three parts");
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        format!("{signed}.{first}{}", &signature[1..])
    }
}

fn email(number: usize) -> String {
    format!("bench{number}@example.com")
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Starts `aegis serve`, and returns when it is healthy.
fn serve(cores: Cores, directory: &TempDir, address: SocketAddr) -> Process {
    let log = directory.path().join("log");
    let file = File::create(&log).expect("a log");
    let mut command = Command::new(binary());
    command
        .arg("--config")
        .arg(directory.path().join("aegis.toml"))
        .arg("serve")
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("the log twice"))
        .stderr(file);
    let mut process = Process::start(cores, &mut command);
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if exchange::ask(address, request.as_bytes()).is_ok_and(|answer| answer.status == 200) {
            return process;
        }
        if let Some(status) = process.0.try_wait().expect("a child can be waited for") {
            panic!("aegis serve ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    panic!("aegis serve is not healthy after 20 s:\n{}", fs::read_to_string(&log).unwrap_or_default());
}

/// What a real Caddy sends to the check endpoint for a navigation, header by header and in its order.
/// With `bearer` it is an API client's request instead.
pub(crate) fn navigation(host: &str, uri: &str, cookie: &str, bearer: &str) -> Vec<u8> {
    let mut head = format!("GET /auth/forward-auth HTTP/1.1\r\nHost: {host}\r\n");
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            head.extend([name, ": ", value, "\r\n"]);
        }
    };
    if bearer.is_empty() {
        add(
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        );
        add(
            "Accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        );
        add("Accept-Encoding", "gzip, deflate, br, zstd");
        add("Accept-Language", "en-GB,en;q=0.9");
        add("Cookie", cookie);
        add("Sec-Ch-Ua", "\"Chromium\";v=\"142\", \"Not?A_Brand\";v=\"24\"");
        add("Sec-Ch-Ua-Mobile", "?0");
        add("Sec-Ch-Ua-Platform", "\"Linux\"");
        add("Sec-Fetch-Dest", "document");
        add("Sec-Fetch-Mode", "navigate");
        add("Sec-Fetch-Site", "none");
        add("Sec-Fetch-User", "?1");
        add("Upgrade-Insecure-Requests", "1");
    } else {
        add("User-Agent", "curl/8.14.1");
        add("Accept", "application/json");
        add("Accept-Encoding", "gzip");
        add("Authorization", &format!("Bearer {bearer}"));
    }
    add("X-Forwarded-For", VISITOR);
    add("X-Forwarded-Host", host);
    add("X-Forwarded-Method", "GET");
    add("X-Forwarded-Proto", "http");
    add("X-Forwarded-Uri", uri);
    head.push_str("\r\n");
    head.into_bytes()
}

/// What has to come back.
#[derive(Clone, Copy)]
pub(crate) enum Expect {
    /// 200, and who it is.
    Allowed,
    /// The same, by the tailnet.
    AllowedByTailnet,
    /// 200, and nobody.
    Nobody,
    /// 302 to the sign-in page.
    Redirected,
    /// 401.
    Refused,
}

impl Expect {
    /// Whether `answer` is the complete answer of the contract.
    pub(crate) fn check(self, answer: &Answer, aegis: &Aegis) -> Result<(), String> {
        let status = match self {
            Self::Allowed | Self::AllowedByTailnet | Self::Nobody => 200,
            Self::Redirected => 302,
            Self::Refused => 401,
        };
        if answer.status != status {
            return Err(format!("{} instead of {status}", answer.status));
        }
        if !answer.all("cache-control").iter().any(|value| value.contains("no-store")) {
            return Err("no Cache-Control: no-store".into());
        }
        for name in IDENTITY {
            match (self, answer.all(name).as_slice()) {
                (Self::Allowed | Self::AllowedByTailnet, [value]) if !value.is_empty() => {}
                (Self::Nobody, [""]) | (Self::Redirected | Self::Refused, []) => {}
                (_, values) => return Err(format!("{name} is {values:?}")),
            }
        }
        let only = |name: &str| answer.all(name).first().map(|value| (*value).to_owned()).unwrap_or_default();
        let method = match self {
            Self::AllowedByTailnet => "tailnet",
            Self::Allowed | Self::Nobody | Self::Redirected | Self::Refused => "password",
        };
        match self {
            Self::Allowed | Self::AllowedByTailnet => {
                let email = email(0);
                for (name, value) in
                    [("remote-user", "bench0"), ("remote-email", &email), ("remote-name", "Bench Mark")]
                {
                    if only(name) != value {
                        return Err(format!("{name} is {:?} instead of {value:?}", only(name)));
                    }
                }
                let groups = only("remote-groups");
                if !["operator", "viewer", "users"]
                    .iter()
                    .all(|role| groups.split(',').any(|group| group == *role))
                {
                    return Err(format!("remote-groups is {groups:?}"));
                }
                if only("remote-auth-method") != method || only("x-aegis-assertion").split('.').count() != 3 {
                    return Err("the method or the assertion is wrong".into());
                }
                let given_back = ["cookie", "authorization"].map(|name| answer.all(name));
                if given_back.iter().any(|values| values.len() != 1) || only("cookie").contains(&aegis.cookie)
                {
                    return Err(format!("cookie and authorization are given back as {given_back:?}"));
                }
            }
            Self::Redirected if !only("location").starts_with(&aegis.public_url) => {
                return Err(format!("location is {:?}", only("location")));
            }
            Self::Refused if !only("www-authenticate").starts_with("Bearer ") => {
                return Err(format!("www-authenticate is {:?}", only("www-authenticate")));
            }
            Self::Nobody | Self::Redirected | Self::Refused => {}
        }
        Ok(())
    }
}
