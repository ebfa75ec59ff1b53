//! `aegis demo`, as a newcomer meets it: before a real Caddy, and before the stand-in.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::address;
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::{self, Kind};

/// Whose password it is.
pub(crate) const NAME: &str = "sam";

/// The running demo, and what its box says.
pub(crate) struct Demo {
    child: Child,
    said: String,
    rest: BufReader<ChildStderr>,
    folder: PathBuf,
    port: u16,
    password: String,
}

impl Demo {
    /// Starts it with the `caddy` of this proxy on the PATH, or with none, and reads its box.
    pub(crate) fn start(caddy: Option<Kind>) -> Self {
        Self::start_with(caddy.map(|kind| {
            let command = proxy::command(kind);
            std::path::Path::new(command.get_program()).parent().unwrap().to_path_buf()
        }))
    }

    fn start_with(path: Option<PathBuf>) -> Self {
        // Two that begin at the same moment would choose the same port.
        let lock = File::create(std::env::temp_dir().join("aegis-lab-demo.lock")).unwrap();
        lock.lock().unwrap();
        let folder = address::folder();
        let path = path.unwrap_or_else(|| folder.join("nothing"));
        let mut child = Command::new("/usr/bin/setpriv")
            .args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_aegis"), "demo"])
            .env("PATH", path)
            .env("TMPDIR", &folder)
            // What would matter to a server means nothing to the demo.
            .env("AEGIS__LISTEN", "nowhere")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut rest = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains('┘') {
            let read = rest.read_line(&mut said).unwrap();
            assert!(read > 0, "`aegis demo` ended: {:?}\n{said}", child.wait());
        }
        let word = |label: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix("│ ")?.strip_prefix(label));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.unwrap_or_else(|| panic!("no `{label}` in\n{said}")).to_owned()
        };
        let port = word("Open").trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in\n{said}"));
        let password = word("Password");
        Self { child, said, rest, folder, port, password }
    }

    /// `HOST.aegis.localhost` with the demo's port.
    pub(crate) fn host(&self, host: &str) -> String {
        format!("{host}.aegis.localhost:{}", self.port)
    }

    /// What its box says that [`NAME`]'s password is.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Asks through its proxy.
    pub(crate) fn send(&self, ask: &Ask) -> Answer {
        ask.send(SocketAddr::from(([127, 0, 0, 1], self.port)))
    }

    /// Signs in with what the box says and a tap on the phone, and gives the `Cookie` header for the app.
    pub(crate) fn sign_in(&self) -> String {
        let (portal, back) = (self.host("auth"), format!("http://{}/", self.host("arlo")));
        let fields = [("email", NAME), ("password", &self.password), ("rd", &back)];
        let answer = self.post(&portal, "/login", "", &fields);
        assert_eq!(answer.status, 303, "the password of\n{}\ncame back: {answer}", self.said);
        assert_eq!(answer.header("location"), Some("/login/approve"), "{answer}");
        let waits = cookie(&answer, "__Host-aegis_challenge=");
        let page = self.send(&Ask::navigation(&portal, "/login/approve").header("Cookie", &waits));
        let number = between(&page.body, "<b aria-hidden=\"true\">", "</b>");
        self.tap(&number);
        let answer = self.post(&portal, "/login/continue", &waits, &[]);
        assert_eq!(answer.status, 303, "after the tap on {number}\ncame back: {answer}");
        assert_eq!(answer.header("location"), Some(back.as_str()), "{answer}");
        cookie(&answer, "aegis_token=")
    }

    /// Taps the button with this text on the phone, as soon as it is there.
    fn tap(&self, text: &str) {
        let phone = self.host("phone");
        let deadline = Instant::now() + Duration::from_mins(1);
        let button = "name=\"button\" value=\"";
        let (message, place) = loop {
            let shown = self.send(&Ask::get(&phone, "/messages"));
            assert_eq!(shown.status, 200, "GET /messages of the phone\ncame back: {shown}");
            let key = shown.body.split("<form").find(|form| form.contains(&format!(">{text}</button>")));
            if let Some(form) = key {
                break (between(form, "name=\"message\" value=\"", "\""), between(form, button, "\""));
            }
            assert!(Instant::now() < deadline, "no button {text:?} on the phone: {shown}");
        };
        let answer = self.post(&phone, "/tap", "", &[("message", &message), ("button", &place)]);
        assert_eq!(answer.status, 303, "the tap on {text:?}\ncame back: {answer}");
    }

    /// Posts a form of the page at `host`.
    fn post(&self, host: &str, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let ask = Ask::new("POST", host, path)
            .header("Origin", &format!("http://{host}"))
            .header("Sec-Fetch-Site", "same-origin")
            .header("Cookie", cookie)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(&form);
        self.send(&ask)
    }

    /// The settings it runs with.
    pub(crate) fn config(&self) -> PathBuf {
        self.inside().pop().unwrap().join("aegis.toml")
    }

    /// What it made where programs keep what is temporary.
    fn inside(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// Ctrl-C; asserts that it ends well and leaves nothing.
    pub(crate) fn interrupt(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        let _ = std::io::Read::read_to_string(&mut self.rest, &mut rest);
        assert_eq!(status.code(), Some(0), "Ctrl-C to\n{}\nit said: {rest}", self.said);
        assert_eq!(self.inside(), [] as [PathBuf; 0], "left behind by\n{}", self.said);
        let left = processes_of(&self.folder.display().to_string());
        assert!(left.is_empty(), "still running: {left:?}");
    }
}

/// The pair of the cookie that begins so.
fn cookie(answer: &Answer, name: &str) -> String {
    let cookies = answer.cookies();
    let found = cookies.iter().find(|cookie| cookie.starts_with(name));
    found.unwrap_or_else(|| panic!("no cookie `{name}` in {answer}")).clone()
}

fn between(text: &str, before: &str, after: &str) -> String {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("nothing between {before} and {after} in {text}")).0.to_owned()
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Only a failed test comes here with a running demo: it has to take its Caddy with it.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(20);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let _ = self.child.kill();
    }
}

/// The command lines of processes that name this folder.
fn processes_of(folder: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(folder)).collect()
}

/// What a newcomer does, by plain requests.
fn a_newcomer_is_shown_around(caddy: Option<Kind>) {
    let demo = Demo::start(caddy);
    let named = match caddy {
        Some(_) => "with the files of caddy/",
        None => "a stand-in of ours, because `caddy` is not on the PATH",
    };
    assert!(demo.said.contains(named), "{named:?} is not in\n{}", demo.said);
    let (app, portal) = (demo.host("arlo"), demo.host("auth"));

    let answer = demo.send(&Ask::navigation(&app, "/"));
    assert_eq!(answer.status, 302, "GET / by nobody\ncame back: {answer}");
    let login = format!("http://{portal}/login?rd=");
    assert!(answer.header("location").is_some_and(|to| to.starts_with(&login)), "{login}\n{answer}");
    let answer = demo.send(&Ask::navigation(&portal, "/login"));
    assert_eq!(answer.status, 200, "GET /login\ncame back: {answer}");

    let cookie = demo.sign_in();
    let signed_in =
        |path: &str| Ask::navigation(&app, path).header("Cookie", &format!("{cookie}; theme=dark"));
    for forged in ["Remote-User", "Remote_User", "Remote.User"] {
        let answer = demo.send(&signed_in("/").header(forged, "root"));
        assert_eq!(answer.status, 200, "GET / with {forged}: root\ncame back: {answer}");
        for shown in ["Hello, Sam", "<code>sam@example.com</code>", "<code>users,operator</code>"] {
            assert!(answer.body.contains(shown), "{shown} is not in {}", answer.body);
        }
        assert!(
            !answer.body.contains("<code>root"),
            "the app was told what the visitor claims: {}",
            answer.body
        );
        let received = "<dt>Cookie</dt><dd><code>theme=dark</code></dd>";
        assert!(answer.body.contains(received), "{received} is not in {}", answer.body);
    }
    let answer = demo.send(&signed_in("/admin"));
    assert_eq!(answer.status, 403, "GET /admin without the role\ncame back: {answer}");
    let reference = answer.header("x-aegis-ref").unwrap_or_default();
    assert!(!reference.is_empty() && answer.body.contains(reference), "{answer}");
    let answer = demo.send(&Ask::navigation(&app, "/public").header("Remote-User", "root"));
    assert_eq!(answer.status, 200, "GET /public by nobody\ncame back: {answer}");
    assert!(answer.body.contains("Hello, whoever you are"), "{}", answer.body);
    let head = Ask::new("HEAD", &app, "/public").header("Accept", "*/*");
    assert_eq!(demo.send(&head).status, 200, "HEAD /public by nobody");

    let answer = demo.send(&Ask::get(&app, "/"));
    assert_eq!(answer.status, 401, "a program asks for /\ncame back: {answer}");
    for path in ["/auth/forward-auth", "/auth/nginx", "/auth/envoy/x", "/api/authz/forward-auth"] {
        let answer = demo.send(&Ask::get(&portal, path));
        assert_eq!(answer.status, 404, "the check endpoint {path} through the proxy\ncame back: {answer}");
    }
    // Another site that is open in the same browser taps nothing.
    let ask = Ask::new("POST", &demo.host("phone"), "/tap").header("Sec-Fetch-Site", "cross-site");
    let answer = demo
        .send(&ask.header("Content-Type", "application/x-www-form-urlencoded").body("message=1&button=0"));
    assert_eq!(answer.status, 403, "a tap from another site\ncame back: {answer}");
    let answer = demo.send(&Ask::get("elsewhere.example", "/"));
    assert!(!answer.body.contains("Hello"), "another host reached the app: {answer}");

    demo.interrupt();
}

#[test]
fn before_the_pinned_caddy() {
    a_newcomer_is_shown_around(Some(Kind::Caddy));
}

#[test]
fn before_debians_caddy() {
    a_newcomer_is_shown_around(Some(Kind::OldCaddy));
}

#[test]
fn before_the_stand_in() {
    a_newcomer_is_shown_around(None);
}

#[test]
fn a_caddy_that_does_not_start_is_replaced_and_that_is_said() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = address::folder();
    let script = "#!/bin/sh\n[ \"$1\" = version ] && echo v2.0.0 && exit\necho no such directive\nexit 1\n";
    fs::write(folder.join("caddy"), script).unwrap();
    fs::set_permissions(folder.join("caddy"), fs::Permissions::from_mode(0o755)).unwrap();
    let demo = Demo::start_with(Some(folder));
    let named = "a stand-in of ours, because Caddy did not start: no such directive";
    assert!(demo.said.contains(named), "{named:?} is not in\n{}", demo.said);
    demo.sign_in();
    demo.interrupt();
}

#[test]
fn two_at_once_take_two_ports() {
    let (one, other) = (Demo::start(None), Demo::start(None));
    assert_ne!(one.port, other.port, "{}\n{}", one.said, other.said);
    assert_ne!(one.password, other.password, "the same password twice");
    one.interrupt();
    let answer = other.send(&Ask::get(&other.host("arlo"), "/public"));
    assert_eq!(answer.status, 200, "the other goes on: {answer}");
    other.interrupt();
}
