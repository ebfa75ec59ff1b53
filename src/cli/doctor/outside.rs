//! `aegis doctor --url`: asks for an app as somebody out there would who means no good, through the user's
//! own proxy, and says what to change.
//!
//! Never shows a credential, and asks for nothing but with GET.

mod probe;
mod program;
mod seen;
mod spellings;

use std::net::SocketAddr;
use std::path::Path;

use super::finding::{Finding, listed};
use crate::cli::explain;
use crate::clock::Wall;
use crate::config::Settings;
use crate::forward_auth::explain::{Answer as Verdict, Supposed, judge};
use crate::place::{AbsoluteUrl, Origin};
use crate::secret::Secret;
use crate::state::Current;
use crate::web::urls;

use probe::{Answered, Place, Probe};
use seen::Seen;

const ABOUT: &str = "outside";
/// What to do where Aegis is not asked.
const NOT_ASKED: &str = "the proxy's site lacks the lines that `aegis print` writes, they stand where they are \
                         not reached, or it does not pass on `X-Aegis-Ref`";
/// Where it does not answer.
const NOT_REACHED: &str = "does the proxy reach Aegis? `aegis health`, and the proxy's own log";
/// Where it does not believe who asks.
const NOT_BELIEVED: &str = "its address belongs into `trusted_proxies`, the log of Aegis says which that is; or \
                            give it `proxy_secret_file`";
/// Where it is told of http.
const TUNNEL: &str = "behind a tunnel or another proxy that speaks TLS, the proxy before Aegis has to believe its \
                      X-Forwarded-Proto (Caddy: `trusted_proxies`), or listen with TLS itself";
/// Where it refuses a browser.
const NO_WAY_IN: &str = "a browser shall be led to the sign-in page: compare with what `aegis print` writes";
/// An address of the tailnet's range that a visitor claims to have.
const CLAIMED: &str = "100.99.98.97";

/// What is asked about, and what is known of it here.
pub(super) struct Outside<'a> {
    /// As a browser shows it.
    pub(super) url: &'a str,
    /// Where to connect to in place of what the names lead to.
    pub(super) at: Option<SocketAddr>,
    pub(super) current: &'a Current,
    pub(super) settings: &'a Settings,
    /// The control socket of the running server.
    pub(super) control: &'a Path,
    pub(super) now: Wall,
}

/// An app that is reached.
struct App<'a> {
    outside: &'a Outside<'a>,
    place: Place,
    origin: Origin,
    /// The path and query of the URL.
    target: String,
    /// Paths of it that the settings speak of: open ones, and those of its rules.
    open: Vec<String>,
    ruled: Vec<String>,
}

impl Outside<'_> {
    /// Asks, and judges what comes back.
    pub(super) async fn look(&self) -> Vec<Finding> {
        let mut findings = match self.app().await {
            Ok(app) => app.look().await,
            Err(finding) => vec![finding],
        };
        findings.extend(self.check_endpoints().await);
        findings
    }

    async fn app(&self) -> Result<App<'_>, Finding> {
        let unusable = |why: String| Finding::wrong(ABOUT, format!("{}: {why}", self.url));
        let url = AbsoluteUrl::parse(self.url).map_err(|why| unusable(why.to_string()))?;
        let supposed = Supposed::parse("GET", self.url).map_err(unusable)?;
        let app = supposed.app(self.current).map_err(|why| {
            unusable(why.to_string())
                .hint("name an address of an app in the configuration: `aegis check` lists them")
        })?;
        let port = url.port.unwrap_or(url.scheme.default_port());
        let origin: Origin = format!("{}://{}:{port}", url.scheme.as_str(), url.host)
            .parse()
            .map_err(|_| unusable("it names no site".to_owned()))?;
        let place = Place::find(&origin, self.at).await.map_err(unusable)?;
        let written = self.settings.apps.get(app.name().as_str()).map(|app| &app.value);
        let literal = |path: &str| path.trim_end_matches('*').trim_end_matches('/').to_owned();
        let open = written.iter().flat_map(|app| &app.public).map(|path| literal(&path.value)).collect();
        let ruled = written
            .iter()
            .flat_map(|app| &app.rules)
            .filter_map(|rule| Some(literal(&rule.value.path.as_ref()?.value)))
            .collect();
        Ok(App { outside: self, place, origin, target: url.target.raw.into_owned(), open, ruled })
    }

    /// The endpoints that proxies ask at: nobody out there reaches them.
    async fn check_endpoints(&self) -> Vec<Finding> {
        let portal = self.current.site.public_url();
        let place = match Place::find(portal, self.at).await {
            Ok(place) => place,
            Err(why) => return vec![Finding::wrong(ABOUT, format!("{portal}: {why}"))],
        };
        let asked = [urls::FORWARD_AUTH.as_slice(), &urls::NGINX, &urls::ENVOY].concat();
        let (mut reached, mut caddy) = (Vec::new(), None);
        for path in &asked {
            let probe = Probe::fetch(path)
                .with("x-forwarded-method", "GET")
                .with("x-forwarded-proto", portal.scheme().as_str())
                .with("x-forwarded-host", portal.host().as_str())
                .with("x-forwarded-uri", "/")
                .with("x-original-method", "GET")
                .with("x-original-url", &format!("{portal}/"));
            match place.ask(&probe).await {
                // What the proxy answers by itself shows which one it is.
                Ok(answered) if answered.status == http::StatusCode::NOT_FOUND => {
                    if caddy.is_none() {
                        caddy = program::look(&answered).await;
                    }
                }
                Ok(_) => reached.push(*path),
                Err(why) => return vec![Finding::wrong(ABOUT, format!("{portal}{path}: {why}"))],
            }
        }
        let finding = if reached.is_empty() {
            Finding::ok(ABOUT, format!("the check endpoints are not reached through {portal}"))
        } else {
            let what = format!("{} can be asked through {portal} by anybody", listed(&reached));
            Finding::wrong(ABOUT, what).hint(
                "answer 404 for them on Aegis's own site, as the files of caddy/ and examples/ do \
                 (`aegis print` writes them)",
            )
        };
        std::iter::once(finding).chain(caddy).collect()
    }
}

impl App<'_> {
    async fn look(&self) -> Vec<Finding> {
        let shown = format!("{}{}", self.origin, self.target);
        let unheard = |why: String| vec![Finding::wrong(ABOUT, format!("{shown}: {why}"))];
        if self.is_open(&self.target) {
            let what = format!("{shown} is open to everybody by the rules, so nothing can be tried there");
            return vec![Finding::note(ABOUT, what).hint("name an address that asks who somebody is")];
        }
        let navigation = match self.place.ask(&Probe::navigation(&self.target)).await {
            Ok(answered) => answered,
            Err(why) => return unheard(why),
        };
        let came = match self.seen(&navigation) {
            // The words of a refusal do not come through every proxy.
            Seen::Refused if self.is_told_http(&navigation).await => Seen::Loop,
            came => came,
        };
        let finding = Self::first(&came, navigation.status.as_u16(), &shown);
        let mut findings = vec![finding];
        // What is not closed at all, or not reached, has no locks to try.
        if !came.is_closed() {
            return findings;
        }
        findings.extend(self.forged().await);
        findings.extend(self.repeated().await);
        findings.extend(self.spelled().await);
        findings.extend(self.addresses().await);
        findings
    }

    /// How nobody is answered who goes there.
    fn first(came: &Seen, status: u16, shown: &str) -> Finding {
        let (wrong, note) = (
            |what: &str, hint| Finding::wrong(ABOUT, format!("{shown} {what}")).hint(hint),
            |what: &str, hint| Finding::note(ABOUT, format!("{shown} {what}")).hint(hint),
        );
        let under_https = |to: &str| {
            shown.strip_prefix("http://").is_some_and(|rest| to.strip_prefix("https://") == Some(rest))
        };
        match came {
            Seen::SignIn => Finding::ok(ABOUT, format!("{shown} leads nobody in but to the sign-in page")),
            Seen::Refused => note("refuses who is not signed in, and leads nowhere", NO_WAY_IN),
            Seen::UnknownProxy => wrong("asks by a proxy that Aegis does not believe", NOT_BELIEVED),
            Seen::Loop => {
                wrong("asks Aegis in the name of somebody who came by http, which nobody did", TUNNEL)
            }
            Seen::Unreadable => wrong(
                &format!("is nothing that the proxy can read ({status})"),
                "name it as a browser shows it",
            ),
            Seen::Elsewhere(to) if under_https(to) => note(&format!("leads to {to}"), "name that address"),
            Seen::Elsewhere(to) => {
                wrong(&format!("leads nobody to the sign-in page, but to {to} ({status})"), NOT_ASKED)
            }
            Seen::Broken => wrong(&format!("is answered {status} by the proxy"), NOT_REACHED),
            Seen::Served if status < 400 => {
                wrong(&format!("is served to everybody ({status}): nobody asks Aegis"), NOT_ASKED)
            }
            Seen::Served => {
                wrong(&format!("is answered {status}, and not by Aegis: nobody asks it"), NOT_ASKED)
            }
        }
    }

    /// Whether Aegis refused because the proxy says http, as the running server knows.
    async fn is_told_http(&self, answered: &Answered) -> bool {
        let Some(reference) = answered.header(seen::REFERENCE) else { return false };
        let explained = explain::of_reference(self.outside.control, reference).await;
        explained.is_some_and(|explained| explained.answer == Verdict::Https)
    }

    fn seen(&self, answered: &Answered) -> Seen {
        Seen::of(answered, &self.origin, &self.target, self.outside.current.site.public_url())
    }

    /// Whether the rules let anybody in there.
    fn is_open(&self, target: &str) -> bool {
        let url = format!("{}{target}", self.origin);
        Supposed::parse("GET", &url)
            .is_ok_and(|supposed| judge(self.outside.current, &supposed, self.outside.now).allowed)
    }

    /// Headers that nobody out there may write.
    async fn forged(&self) -> Option<Finding> {
        let mut identity: Vec<String> =
            self.outside.current.header_names.all().map(ToString::to_string).to_vec();
        for name in identity.clone() {
            identity.extend([name.replace('-', "_"), name.replace('-', ".")]);
        }
        let claims: Vec<(String, String)> =
            identity.into_iter().map(|name| (name, "root".to_owned())).collect();
        let origin = self.origin.to_string();
        let open = self.open.first().map_or("/favicon.ico", String::as_str);
        let forwarded = [
            ("x-forwarded-for", CLAIMED),
            ("x-real-ip", CLAIMED),
            ("x-forwarded-uri", open),
            ("x-original-uri", open),
            ("x-rewrite-url", open),
            ("x-forwarded-method", "OPTIONS"),
            ("x-original-method", "OPTIONS"),
        ];
        let forwarded: Vec<(String, String)> =
            forwarded.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let whole = vec![("x-original-url".to_owned(), format!("{origin}{open}"))];
        let kinds = [
            ("identity headers", claims, "take them away from what visitors send"),
            (
                "X-Forwarded-* and X-Original-*",
                forwarded,
                "overwrite them, and do not believe those of visitors",
            ),
            ("X-Original-URL", whole, "overwrite it with the proxy's own words"),
        ];
        let mut opened = Vec::new();
        for (what, headers, mend) in kinds {
            let mut probe = Probe::fetch(&self.target);
            probe.headers.extend(headers);
            match self.place.ask(&probe).await {
                Ok(answered) if self.seen(&answered).lets_in() => opened.push((what, mend)),
                Ok(_) => {}
                Err(why) => return Some(Finding::wrong(ABOUT, format!("with {what}: {why}"))),
            }
        }
        Some(match opened.as_slice() {
            [] => Finding::ok(ABOUT, "what a visitor claims in headers opens nothing"),
            [(what, mend), ..] => Finding::wrong(ABOUT, format!("{what} that a visitor writes open it"))
                .hint(format!("the proxy has to {mend}: compare with what `aegis print` writes")),
        })
    }

    /// At an open path the app is told of nobody, whatever a visitor claims. Only an app that repeats what it
    /// was told shows it.
    async fn repeated(&self) -> Option<Finding> {
        let open =
            self.open.iter().map(String::as_str).chain(["/favicon.ico"]).find(|path| self.is_open(path))?;
        let mark = Secret::random(16).reveal().to_owned();
        let mut probe = Probe::fetch(open);
        let names = &self.outside.current.header_names;
        for name in names.all() {
            for spelled in [name.to_string(), name.as_str().replace('-', "_")] {
                probe = probe.with(&spelled, &mark);
            }
        }
        let answered = match self.place.ask(&probe).await {
            Ok(answered) => answered,
            Err(why) => return Some(Finding::note(ABOUT, format!("the open path {open}: {why}"))),
        };
        answered.body.contains(&mark).then(|| {
            let what = format!("at the open path {open} the app is told who somebody is by the visitor");
            Finding::wrong(ABOUT, what).hint(
                "take identity headers away from what visitors send, in every spelling (Caddy from 2.11.4 on does): \
                 compare with what `aegis print` writes",
            )
        })
    }

    /// Other spellings of paths that are not open.
    async fn spelled(&self) -> Vec<Finding> {
        let own = self.target.split('?').next().unwrap_or("/").to_owned();
        let mut paths: Vec<String> = std::iter::once(own).chain(self.ruled.iter().cloned()).collect();
        paths.retain(|path| !path.is_empty() && !self.is_open(path));
        paths.dedup();
        paths.truncate(spellings::MOST);
        let (mut tried, mut unheard, mut served) = (0_u32, 0_u32, Vec::new());
        for path in &paths {
            for spelled in spellings::of(path, &self.open) {
                if self.is_open(&spelled) {
                    continue;
                }
                let Ok(answered) = self.place.ask(&Probe::fetch(&spelled)).await else {
                    unheard += 1;
                    continue;
                };
                tried += 1;
                let seen = self.seen(&answered);
                // To the path itself, where Aegis is asked again.
                let is_put_right = matches!(&seen, Seen::Elsewhere(to) if to == path || *to == format!("{}{path}", self.origin));
                if seen.lets_in() && !is_put_right {
                    served.push(format!("{spelled} ({})", answered.status.as_u16()));
                }
            }
        }
        if let Some(one) = served.first() {
            let what = format!(
                "{one} gets past Aegis, though the path it stands for is closed; {} such spellings",
                served.len()
            );
            return vec![Finding::wrong(ABOUT, what).hint(
                "the proxy tells Aegis of another path than it asks the app for: no rewriting before the lines of Aegis",
            )];
        }
        let opens = Finding::ok(ABOUT, format!("{tried} other spellings of closed paths open nothing"));
        match (tried, unheard) {
            (_, 0) => vec![opens],
            (0, _) => vec![Finding::wrong(ABOUT, "other spellings of closed paths are not answered at all")],
            (_, _) => {
                let what = format!("{unheard} other spellings of closed paths are not answered");
                vec![opens, Finding::note(ABOUT, what).hint("the proxy closes the connection, as it may")]
            }
        }
    }

    /// Which address Aegis saw, and whether a visitor can choose it.
    async fn addresses(&self) -> Vec<Finding> {
        let plain = Probe::fetch(&self.target);
        let claiming =
            plain.clone().with("x-forwarded-for", CLAIMED).with("forwarded", &format!("for={CLAIMED}"));
        let (honest, forged) = (self.address_of(&plain).await, self.address_of(&claiming).await);
        let (Ok((local, honest)), Ok((_, forged))) = (honest, forged) else {
            let what = "which address Aegis sees of a visitor cannot be asked here";
            return vec![Finding::note(ABOUT, what).hint(
                "it needs the running server on this machine, and a proxy that passes on `X-Aegis-Ref`",
            )];
        };
        let mut findings = Vec::new();
        if forged.as_deref() == Some(CLAIMED) {
            let what = "a visitor chooses the address that Aegis sees, be it one of the tailnet: X-Forwarded-For of visitors is believed";
            findings.push(Finding::wrong(ABOUT, what).hint(
                "the proxy may believe that header only of proxies before it (Caddy `trusted_proxies`, Traefik \
                 `forwardedHeaders.trustedIPs`, nginx `$remote_addr`)",
            ));
        }
        findings.push(seen::address(honest.as_deref(), local));
        findings
    }

    /// The address of this machine, and the one that Aegis saw.
    async fn address_of(&self, probe: &Probe) -> Result<(std::net::IpAddr, Option<String>), String> {
        let answered = self.place.ask(probe).await?;
        let reference = answered.header(seen::REFERENCE).ok_or("no reference")?;
        let explained = explain::of_reference(self.outside.control, reference).await;
        let explanation = explained.ok_or("it is not known")?;
        Ok((answered.local, explanation.from))
    }
}
