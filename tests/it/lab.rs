//! The lab: a real proxy with the shipped files, Aegis behind it as a child process, and an app that
//! writes down what it received.
//!
//! A lab has a loopback address of its own with fixed ports on it, so that labs never meet. One lab
//! for each kind of proxy is shared by the cases that only read; each case has its own app host
//! (`Lab::host`) and its own person (`Lab::person`).

pub(crate) mod address;
pub(crate) mod aegis;
pub(crate) mod app;
pub(crate) mod authenticator;
pub(crate) mod client;
pub(crate) mod curl;
pub(crate) mod postgresql;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod readings;
pub(crate) mod stub;
pub(crate) mod tailnet;
pub(crate) mod way;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aegis::Aegis;
use app::App;
use client::{Answer, Ask};
use process::Process;
use proxy::Kind;
use stub::Stub;
use tailnet::Tailnet;
use way::Way;

/// Where the proxy listens, on the lab's address.
pub(crate) const PROXY_PORT: u16 = 8080;
/// Where a proxy listens that sends visitors on to https.
pub(crate) const PLAIN_PORT: u16 = 8082;
/// Where the app listens; the proxy knows it, visitors do not.
pub(crate) const APP_PORT: u16 = 8081;
/// Where Aegis listens beside its unix socket.
pub(crate) const AEGIS_PORT: u16 = 8009;

/// The host of Aegis's own site.
pub(crate) const PORTAL: &str = "auth.aegis.localhost:8080";

/// The identity headers, as apps receive them.
pub(crate) const IDENTITY: [&str; 6] = [
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "remote-auth-method",
    "x-aegis-assertion",
];

/// Who answers the proxy's question.
enum Authority {
    Aegis(Aegis),
    Stub(Stub),
}

/// Somebody without roles who is signed in.
pub(crate) struct Guest {
    pub(crate) name: String,
    /// Their `Cookie` header.
    pub(crate) cookie: String,
}

/// A proxy, who it asks, and the app behind it.
pub(crate) struct Lab {
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    pub(crate) address: Ipv4Addr,
    /// Where its settings, data, sockets and logs are.
    pub(crate) folder: PathBuf,
    pub(crate) app: App,
    authority: Authority,
    tailnet: Option<Tailnet>,
    /// How many names were given away.
    names: AtomicUsize,
    guest: OnceLock<Guest>,
    // Held: the proxy ends with the lab.
    _proxy: Process,
}

static SHARED: [OnceLock<Lab>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
static SHARED_TLS: [OnceLock<Lab>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];

impl Lab {
    /// The lab of this kind of proxy that all cases share.
    pub(crate) fn shared(kind: Kind) -> &'static Self {
        SHARED[kind as usize].get_or_init(|| Self::start(kind))
    }

    /// The same with TLS.
    pub(crate) fn shared_tls(kind: Kind) -> &'static Self {
        SHARED_TLS[kind as usize].get_or_init(|| Self::standing(kind, Way::TLS))
    }

    /// A lab of one's own, with the real Aegis: for cases that stop or slow it.
    pub(crate) fn start(kind: Kind) -> Self {
        Self::standing(kind, Way::USUAL)
    }

    /// A lab of one's own that stands in another way.
    pub(crate) fn standing(kind: Kind, way: Way) -> Self {
        let (address, folder) = (address::take(), address::folder());
        let tailnet = way.tailnet.map(|runs| Tailnet::within(&folder, runs));
        let aegis = Aegis::standing(address, folder.clone(), &way);
        Self::around(kind, way, address, folder, Authority::Aegis(aegis), tailnet)
    }

    /// A lab in which a stub answers: for what only the proxy and its files decide.
    pub(crate) fn with_stub(kind: Kind) -> Self {
        let (address, folder) = (address::take(), address::folder());
        let stub = Stub::start(&folder.join("aegis.sock"), (address, AEGIS_PORT).into());
        Self::around(kind, Way::USUAL, address, folder, Authority::Stub(stub), None)
    }

    fn around(
        kind: Kind,
        way: Way,
        address: Ipv4Addr,
        folder: PathBuf,
        authority: Authority,
        tailnet: Option<Tailnet>,
    ) -> Self {
        let app = App::start((address, APP_PORT).into());
        let entrance = tailnet.is_some().then(address::take);
        let proxy = proxy::start(kind, &way, address, entrance, &folder);
        if let (Some(tailnet), Some(entrance)) = (&tailnet, entrance) {
            tailnet.serve(PROXY_PORT, (entrance, PROXY_PORT).into());
        }
        Self {
            kind,
            way,
            address,
            folder,
            app,
            authority,
            tailnet,
            names: AtomicUsize::new(1),
            guest: OnceLock::new(),
            _proxy: proxy,
        }
    }

    /// The tailnet that leads to the proxy too.
    pub(crate) fn tailnet(&self) -> &Tailnet {
        self.tailnet.as_ref().expect("this lab has a tailnet: `Way::TAILNET`")
    }

    /// Aegis itself.
    pub(crate) fn aegis(&self) -> &Aegis {
        match &self.authority {
            Authority::Aegis(aegis) => aegis,
            Authority::Stub(_) => panic!("this lab has a stub in Aegis's place"),
        }
    }

    /// The stub in Aegis's place.
    pub(crate) fn stub(&self) -> &Stub {
        match &self.authority {
            Authority::Stub(stub) => stub,
            Authority::Aegis(_) => panic!("this lab has the real Aegis"),
        }
    }

    /// Where the proxy listens.
    pub(crate) fn proxy(&self) -> SocketAddr {
        (self.address, PROXY_PORT).into()
    }

    /// A host of `app` that no other case uses, as it stands in a `Host` header.
    pub(crate) fn host(&self, app: &str) -> String {
        format!("{}.{app}.{}:{PROXY_PORT}", self.unique("case"), self.way.domain)
    }

    /// A person that no other case uses, with these roles; the password is [`PASSWORD`].
    pub(crate) fn person(&self, roles: &[&str]) -> String {
        let name = self.unique("person");
        match &self.authority {
            Authority::Aegis(aegis) => aegis.add_user(&name, roles),
            Authority::Stub(stub) => stub.add_user(&name, roles),
        }
        name
    }

    /// Somebody of all cases that only need anybody.
    pub(crate) fn guest(&self) -> &Guest {
        self.guest.get_or_init(|| {
            let name = self.person(&[]);
            let cookie =
                if self.way.tls { format!("aegis_token={}", self.token(&name)) } else { self.sign_in(&name) };
            Guest { name, cookie }
        })
    }

    /// A word that nobody else uses in this lab.
    pub(crate) fn unique(&self, word: &str) -> String {
        format!("{word}{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks through the proxy.
    pub(crate) fn send(&self, ask: &Ask) -> Answer {
        ask.send(self.proxy())
    }

    /// Asks through the proxy, from this node of the tailnet.
    pub(crate) fn send_from(&self, node: &str, ask: &Ask) -> Answer {
        ask.send(self.tailnet().way(node, (self.tailnet().address_of("proxy"), PROXY_PORT).into()))
    }

    /// Signs somebody in by the form, as a browser without JavaScript does, and gives the `Cookie`
    /// header their browser then sends to apps.
    pub(crate) fn sign_in(&self, name: &str) -> String {
        let answer = self.send(&sign_in_form(name, PASSWORD, ""));
        assert_eq!(answer.status, 303, "signing in as {name}: {answer}");
        let cookies = answer.cookies();
        let token = cookies
            .iter()
            .find(|cookie| cookie.starts_with("aegis_token="))
            .unwrap_or_else(|| panic!("signing in as {name}: no cookie `aegis_token` in {answer}"));
        token.clone()
    }

    /// A token for programs, asked for at Aegis itself.
    pub(crate) fn token(&self, name: &str) -> String {
        let body = serde_json::json!({ "email": format!("{name}@example.test"), "password": PASSWORD });
        let ask = Ask::new("POST", &self.way.portal(), "/auth/token")
            .header("Content-Type", "application/json")
            .body(&body.to_string());
        let answer = ask.send((self.address, AEGIS_PORT).into());
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", self.kind);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Asserts that the app behind the proxy never heard of this host.
    #[track_caller]
    pub(crate) fn app_heard_nothing(&self, host: &str, ask: &Ask, answer: &Answer) {
        let seen = self.app.seen(host);
        assert!(
            seen.is_empty(),
            "{}: the app was reached and should not have been.\nasked: {ask}\ncame back: {answer}\nthe app saw: {seen:#?}",
            self.kind
        );
        assert!(
            answer.header("x-lab-app").is_none(),
            "{}: the app answered.\nasked: {ask}\ncame back: {answer}",
            self.kind
        );
    }
}

/// The password of everybody in the lab.
pub(crate) const PASSWORD: &str = "seven lanterns over the harbour";

/// The form of the sign-in page, as a browser posts it from there.
pub(crate) fn sign_in_form(name: &str, password: &str, return_to: &str) -> Ask {
    let fields = [("email", name), ("password", password), ("rd", return_to)];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    Ask::new("POST", PORTAL, "/login")
        .header("Origin", &format!("http://{PORTAL}"))
        .header("Sec-Fetch-Site", "same-origin")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "document")
        .header("Accept", "text/html")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(&form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}
