//! The check endpoints are for proxies: through a public name they are not there.

use crate::lab::client::Ask;
use crate::lab::{Lab, PORTAL};

through_every_proxy!(the_portal_hides_them, the_portal_itself_is_there);

pub(super) fn the_portal_hides_them(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    let open = lab.host("open");
    for path in [
        "/auth/forward-auth",
        "/auth/forward-auth?x=1",
        "//auth/forward-auth",
        "/auth//forward-auth",
        "/auth/./forward-auth",
        "/auth/%66orward-auth",
        "/x/../auth/forward-auth",
        "/auth/forward-auth/",
        "/auth/nginx",
        "/auth/nginx/",
        "/auth/envoy/",
        "/auth/envoy/pub/x",
        "/api/authz/forward-auth",
        "/api/authz/auth-request",
        "/api/authz/ext-authz/pub/x",
        "/api/auth/caddy",
        "/api/auth/traefik",
        "/api/auth/nginx",
    ] {
        let ask = Ask::get(PORTAL, path)
            .header("Cookie", cookie)
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", "/pub/x")
            .header("X-Original-Method", "GET")
            .header("X-Original-URL", &format!("http://{open}/"));
        let answer = lab.send(&ask);
        assert!([400, 404].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        assert!(answer.header("remote-user").is_none(), "{}: an identity for a visitor: {answer}", lab.kind);
    }
}

fn the_portal_itself_is_there(lab: &Lab) {
    let ask = Ask::navigation(PORTAL, "/login");
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    assert!(answer.body.contains("Sign in"), "{}: the page of sign-in: {answer}", lab.kind);
    let (app, times) = ("auth.aegis.localhost:8080", lab.app.seen(PORTAL).len());
    assert_eq!(times, 0, "{}: {app} is no app", lab.kind);
}
