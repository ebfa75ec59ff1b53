mod gallery;

use std::time::Duration;

use http::header;
use http_body_util::BodyExt as _;

use gallery::gallery;

use super::*;
use crate::clock::Wall;
use crate::error::Kind;
use crate::identity::{Method, SessionId};
use crate::place::{Host, Origin, Scheme};
use crate::web::{Destination, ReturnTo, Site, travelling, urls};

/// What a page holds after `EVIL` was written wherever somebody else's text can stand.
const EVIL: &str = "\"><script>alert('x')</script><a href=\"javascript:x\" onclick='y'>&amp;";

const MOMENT: Wall = Wall(1_795_252_374_000);

fn site(public_url: &str, domain: &str) -> Site {
    let domain: Host = domain.parse().unwrap();
    Site::new(public_url.parse().unwrap(), Some(&domain), Duration::from_hours(720))
}

fn return_to(raw: &str) -> ReturnTo {
    ReturnTo::parse(raw, &|_: &Host, _: Option<u16>, _: Scheme| true).unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn whatever_others_write_stays_text() {
    let site = site("https://auth.example.com", "example.com");
    for (name, response) in gallery(&site, EVIL) {
        let page = text(response).await;
        for token in ["<script>", "<a href=\"javascript:", "&amp\""] {
            assert!(!page.contains(token), "{name} holds {token:?}:\n{page}");
        }
        assert!(!page.contains("style="), "{name} has an inline style");
    }
}

#[tokio::test]
async fn every_page_is_one_a_screen_reader_finds_its_way_in() {
    let site = site("https://auth.example.com", "example.com");
    let mut titles = std::collections::BTreeSet::new();
    for (name, response) in gallery(&site, "sam") {
        let page = text(response).await;
        let head = page.split("</head>").next().unwrap();
        assert_eq!(head.matches("<title>").count(), 1, "{name} has another number of titles:\n{head}");
        for (part, count) in [("<h1>", 1), ("<main", 1), ("<html lang=\"en\">", 1)] {
            assert_eq!(page.matches(part).count(), count, "{name} has another number of {part}:\n{page}");
        }
        assert!(page.matches("autofocus").count() <= 1, "{name} gives the focus twice");
        assert!(
            page.matches(" class=\"main\"").count() + page.matches("button main\"").count() <= 1,
            "{name}"
        );
        let mut ids: Vec<&str> =
            page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name} has an id twice: {ids:?}");
        for reference in ["for=\"", "aria-describedby=\"", "data-shows=\""] {
            let targets = page.split(reference).skip(1).map(|rest| rest.split('"').next().unwrap());
            for target in targets.flat_map(str::split_whitespace) {
                assert!(ids.contains(&target), "{name}: {reference}{target}\" leads nowhere");
            }
        }
        titles.insert(page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned());
    }
    for title in
        ["Sign in · Aegis", "Sign-in failed · Aegis", "Too many attempts · Aegis", "No access · Aegis"]
    {
        assert!(titles.contains(title), "no page is called {title:?}: {titles:?}");
    }
}

#[tokio::test]
async fn every_page_carries_the_usual_headers() {
    for (public_url, domain, secure) in [
        ("https://auth.example.com", "example.com", true),
        ("http://auth.aegis.localhost:8009", "aegis.localhost", false),
    ] {
        let site = site(public_url, domain);
        for (name, response) in gallery(&site, "sam") {
            let headers = response.headers();
            for (header, expected) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("x-frame-options", "DENY"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("x-robots-tag", "noindex, nofollow"),
                ("content-type", "text/html; charset=utf-8"),
            ] {
                assert_eq!(headers.get(header).unwrap(), expected, "{name}: {header}");
            }
            let travels = name.starts_with("travelling");
            assert_eq!(
                headers.contains_key(header::STRICT_TRANSPORT_SECURITY),
                secure && !travels,
                "{name} at {public_url}: HSTS",
            );
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"] {
                assert!(policy.contains(part), "{name}: the policy lacks {part}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{name}: {policy}");
            assert_eq!(
                headers.contains_key("x-aegis-ref"),
                travels || name == "error",
                "{name}: X-Aegis-Ref"
            );
        }
    }
}

#[test]
fn a_form_may_lead_to_the_apps_and_nowhere_else() {
    let policy = |public_url, domain| {
        let response = sign_in(&site(public_url, domain), &SignIn::default());
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        policy.split("; ").find(|part| part.starts_with("form-action")).unwrap().to_owned()
    };
    assert_eq!(
        policy("https://auth.example.com", "example.com"),
        "form-action 'self' https://example.com:* https://*.example.com:*"
    );
    assert_eq!(
        policy("http://auth.aegis.localhost:8009", "aegis.localhost"),
        "form-action 'self' http://aegis.localhost:* http://*.aegis.localhost:*"
    );
    let alone = Site::new("https://auth.example.com".parse().unwrap(), None, Duration::ZERO);
    let response = sign_in(&alone, &SignIn::default());
    assert!(
        response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("form-action 'self';")
    );
}

#[tokio::test]
async fn a_travelling_page_needs_nothing_from_the_apps_host() {
    let site = site("https://auth.example.com", "example.com");
    for (name, response) in gallery(&site, "sam") {
        if !name.starts_with("travelling") {
            continue;
        }
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let page = text(response).await;
        for foreign in ["<form", "<script", "<link", "<img", "src="] {
            assert!(!page.contains(foreign), "{name} holds {foreign}");
        }
        for target in page.split("href=\"").skip(1) {
            assert!(target.starts_with("https://auth.example.com/"), "{name} links to {}", &target[..30]);
        }
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            crate::secret::fingerprint(style),
        );
        assert!(
            policy.contains(&format!("style-src 'sha256-{hash}'")),
            "{name}: the sheet is not allowed by {policy}"
        );
        assert!(page.contains("7F3K-92QD"), "{name} does not show its reference");
    }
}

#[tokio::test]
async fn a_wrong_password_keeps_what_was_typed_but_the_password() {
    let site = site("https://auth.example.com", "example.com");
    let back = return_to("https://jellyfin.example.com/a?b=c&d=%22");
    let page = SignIn {
        state: SignInState::Wrong,
        return_to: Some(&back),
        email: "sam@x.test",
        keep: true,
        from: CameFrom::default(),
    };
    let response = sign_in(&site, &page);
    assert_eq!(response.status(), 422);
    let page = text(response).await;
    for part in [
        "role=\"alert\"",
        "value=\"sam@x.test\"",
        "name=\"rd\" value=\"https://jellyfin.example.com/a?b=c&amp;d=%22\"",
        " checked",
        "<strong>jellyfin.example.com</strong>",
    ] {
        assert!(page.contains(part), "the page lacks {part}:\n{page}");
    }
}

#[tokio::test]
async fn a_visitor_is_told_what_the_tailnet_says_of_them() {
    let site = site("https://auth.example.com", "example.com");
    let back = return_to("https://jellyfin.example.com/");
    for (tailnet, note, line) in [
        (OnTailnet::Elsewhere, None, "(a private network)"),
        (OnTailnet::Unvouched, None, "(perhaps the tailnet, but the proxy cannot vouch for it)"),
        (OnTailnet::Known("sam@github"), None, "(tailnet, as sam@github)"),
        (
            OnTailnet::Stranger("sam@github"),
            Some("as <strong>sam@github</strong>, but no account here belongs to that person."),
            "(tailnet, as sam@github)",
        ),
        (
            OnTailnet::Unusable("this device is tagged"),
            Some("This device is tagged, so Tailscale can’t tell who you are."),
            "(tailnet, but this device is tagged)",
        ),
        (
            OnTailnet::Unanswered("Tailscale does not answer here"),
            Some("You came over the tailnet, but Tailscale does not answer here right now."),
            "(tailnet, but Tailscale does not answer here)",
        ),
        (OnTailnet::Foreign, None, "(tailnet, but this page was opened from another site)"),
        (OnTailnet::SignedOut, None, "(tailnet, but you signed out in this browser)"),
    ] {
        let from = CameFrom { address: Some("100.64.0.9".parse().unwrap()), tailnet };
        let response = sign_in(&site, &SignIn { from, return_to: Some(&back), ..SignIn::default() });
        assert_eq!(response.status(), 200, "{tailnet:?}");
        let page = text(response).await;
        let line = format!("You came from 100.64.0.9 {line}.");
        assert!(page.contains(&line), "{tailnet:?}: the page lacks {line:?}:\n{page}");
        match note {
            Some(note) => assert!(page.contains(note), "{tailnet:?}: the page lacks {note:?}:\n{page}"),
            None => assert!(!page.contains("class=\"note"), "{tailnet:?}: a note:\n{page}"),
        }
        // The way back to the tailnet is there for whoever left it, and keeps where they were going.
        let form = "action=\"/login/tailnet\"><input type=\"hidden\" name=\"rd\" value=\"https://jellyfin.example.com/\">";
        assert_eq!(page.contains(form), tailnet == OnTailnet::SignedOut, "{tailnet:?}:\n{page}");
        assert_eq!(page.matches("/login/tailnet").count(), usize::from(tailnet == OnTailnet::SignedOut));
    }
}

#[test]
fn statuses_and_waits_are_what_the_state_says() {
    let site = site("https://auth.example.com", "example.com");
    let pages = gallery(&site, "sam");
    for (asked, status, wait) in [
        ("sign-in", 200, None),
        ("sign-in-busy", 503, Some("3")),
        ("sign-in-ended", 200, None),
        ("too-many", 429, Some("300")),
        ("account-refused", 422, None),
        ("link-used", 410, None),
        ("not-found", 404, None),
        ("method-not-allowed", 405, None),
        ("travelling-no-access", 403, None),
        ("travelling-unavailable", 503, Some("2")),
        ("travelling-malformed", 400, None),
    ] {
        let (_, response) = pages.iter().find(|(name, _)| *name == asked).unwrap();
        assert_eq!(response.status(), status, "asked for {asked}");
        let said = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(said, wait, "Retry-After of {asked}");
    }
    let (_, wrong_method) = pages.iter().find(|(name, _)| *name == "method-not-allowed").unwrap();
    assert_eq!(wrong_method.headers()[header::ALLOW], "GET, HEAD");
}
