//! API tokens: taken where a proxy brings them, and seen by no app.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::lab::Lab;
use crate::lab::client::Ask;

through_every_proxy!(a_token_opens_what_it_is_for_and_never_reaches_the_app);

fn a_token_opens_what_it_is_for_and_never_reaches_the_app(lab: &Lab) {
    let name = lab.person(&[]);
    let words = ["token", "create", &name, "--name", "of a test", "--app", "closed,welcome", "--json"];
    let output = lab.aegis().command(&[&words[..], &["--allow", "GET /api/*"]].concat(), "");
    assert!(output.status.success(), "aegis {words:?}: {output:#?}");
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let token = made["token"].as_str().expect("a token");
    let secret = token.strip_prefix("aegis_pat_").expect("its beginning");
    let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{token}")));
    let ways = [
        vec![("X-Aegis-Key", token.to_owned())],
        vec![("x-aegis-key", token.to_owned()), ("Authorization", "Basic YTpi".to_owned())],
        vec![("Authorization", format!("Bearer {token}"))],
        vec![("Authorization", basic(&name))],
        vec![("Authorization", basic("a").trim_end_matches('=').to_owned())],
    ];
    for headers in &ways {
        for (app, path, status) in [
            ("closed", "/api/x", 200),
            ("closed", "/x", 403),
            ("operators", "/api/x", 401),
            ("open", "/x", 200),
        ] {
            let host = lab.host(app);
            let ask =
                headers.iter().fold(Ask::get(&host, path), |ask, (name, value)| ask.header(name, value));
            let answer = lab.send(&ask);
            assert_eq!(answer.status, status, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
            if status != 200 {
                lab.app_heard_nothing(&host, &ask, &answer);
                continue;
            }
            let seen = &lab.app.seen(&host)[0];
            let user = if app == "closed" { name.as_str() } else { "" };
            assert_eq!(seen.one("remote-user").unwrap_or_default(), user, "{}: {seen:#?}", lab.kind);
            let everything = format!("{seen:?}");
            let own = headers.iter().any(|(_, value)| value == "Basic YTpi").then_some("Basic YTpi");
            let shown = headers.iter().map(|(_, value)| value.as_str()).filter(|value| Some(*value) != own);
            for part in shown.chain([secret]) {
                assert!(!everything.contains(part), "{}: {part} reached the app: {seen:#?}", lab.kind);
            }
            assert_eq!(seen.one("authorization"), own, "{}: {seen:#?}", lab.kind);
        }
    }
    let id = made["id"].as_str().expect("an id");
    let output = lab.aegis().command(&["token", "revoke", id], "");
    assert!(output.status.success(), "aegis token revoke {id}: {output:#?}");
    let host = lab.host("closed");
    let ask = Ask::get(&host, "/api/x").header("X-Aegis-Key", token);
    // Another process heard of it: within a second, and not before.
    crate::inside::house::until("the revoked token opens nothing", || lab.send(&ask).status == 401);
}
