//! Aegis's own pages: where they lead, what they carry, and whom they believe.

use std::time::Duration;

use aegis::identity::Actor;
use aegis::links::Purpose;

use super::house::{APPS, House, Memory, PASSWORD, PORTAL};
use super::visit::{Browser, form};
use crate::lab::client::{Answer, Ask};

with_and_without_memory!(
    every_answer_carries_the_usual_headers,
    the_cookies_of_a_sign_in,
    a_way_back_leads_to_an_app_or_nowhere,
    somebody_signed_in_is_sent_on_with_a_new_token,
    a_circle_is_told,
    the_reason_of_a_circle_is_what_the_browser_shows,
    a_browser_that_keeps_nothing_is_told,
    a_form_from_elsewhere_does_nothing,
    what_is_typed_is_shown_as_text,
    no_page_believes_a_forwarded_name,
    no_link_sets_a_password_made_of_ones_own_words,
    a_link_is_spent_by_the_form_alone,
);

fn page(path: &str) -> Ask {
    Ask::navigation(PORTAL, path)
}

fn rd(target: &str) -> String {
    format!("/login?{}", form_urlencoded::Serializer::new(String::new()).append_pair("rd", target).finish())
}

fn every_answer_carries_the_usual_headers(memory: Memory) {
    let localhost = APPS
        .replace("https://auth.example.com", "http://auth.app.localhost")
        .replace("example.com", "app.localhost");
    let (house, plain) = (House::shared(memory), House::open(memory, &localhost));
    let browser = house.sign_in(house.person(&[]).username.as_str());
    let style = house.send(&page("/login")).body;
    let style = style.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a style sheet");
    let asks = [
        (page("/"), 303),
        (page("/").header("Cookie", &browser.session), 200),
        (page("/login"), 200),
        (page(&rd("https://closed.example.com/")), 200),
        (page("/login?rd=%ff&rd=x"), 200),
        (page("/logout"), 200),
        (page("/account"), 303),
        (page("/account").header("Cookie", &browser.session), 200),
        (page("/link/setup"), 200),
        (page("/link/password"), 200),
        (page("/health"), 200),
        (page("/.well-known/jwks.json"), 200),
        (page("/nowhere"), 404),
        (page("/assets/nothing"), 404),
        (page("/auth/forward-auth"), 404),
        (page("/%zz"), 404),
        (page("/login/../account"), 404),
        (page("//login"), 404),
        (page("/login").method("PUT"), 405),
        (page("/account/password"), 405),
        (page("/account/tailnet"), 405),
        (page("/login/tailnet"), 405),
        (page("/login").method("HEAD"), 200),
        (form("/login", &[("email", "nobody"), ("password", "x")]), 422),
        (form("/login", &[]), 422),
        (form("/login", &[("email", "nobody")]).header("Sec-Fetch-Site", "cross-site"), 403),
        (form("/login", &[]).body(&"x".repeat(65_537)), 413),
        (form("/login", &[]).body("a=1&a=2"), 400),
        (form("/login", &[]).body("a=%ff"), 400),
        (form("/login", &[]).body(&"a&".repeat(100)), 400),
        (Ask::new("POST", PORTAL, "/login").header("Sec-Fetch-Site", "same-origin").body("a=b"), 415),
        (form("/account/name", &[("name", "x")]), 303),
        (form("/account/tailnet", &[("password", "x")]), 303),
        (form("/login/tailnet", &[]), 303),
        (form("/link/setup", &[("code", "x")]), 410),
        (form("/link/password", &[("code", "x"), ("password", "x")]), 410),
        (page(style), 200),
    ];
    for (ask, status) in asks {
        let answer = house.send(&ask);
        assert_eq!(answer.status, status, "asked: {ask}\ncame back: {answer}");
        let has = |name: &str, value: &str| {
            assert_eq!(answer.header(name), Some(value), "`{name}`\nasked: {ask}\ncame back: {answer}");
        };
        has("x-content-type-options", "nosniff");
        has("referrer-policy", "same-origin");
        has("x-frame-options", "DENY");
        has("cross-origin-opener-policy", "same-origin");
        has("cross-origin-resource-policy", "same-origin");
        let cached =
            ask.to_string().starts_with("GET /assets/aegis") || ask.to_string().contains("jwks.json");
        if !cached {
            has("cache-control", "no-store");
        }
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'")
                && policy.contains("frame-ancestors 'none'")
                && !policy.contains("unsafe"),
            "asked: {ask}\ncame back: {answer}"
        );
        assert!(answer.header("server").is_none(), "asked: {ask}\ncame back: {answer}");
        let check = ask.to_string().starts_with("GET /auth/");
        assert_eq!(
            answer.header("strict-transport-security").is_some(),
            !check,
            "for our own host alone\nasked: {ask}\ncame back: {answer}"
        );
        let plain = plain.send(&ask);
        assert!(plain.header("strict-transport-security").is_none(), "over http: {ask}\ncame back: {plain}");
    }
}

fn the_cookies_of_a_sign_in(memory: Memory) {
    let house = House::shared(memory);
    let name = house.person(&[]).username.to_string();
    for (keep, age) in [(false, None), (true, Some("Max-Age=2592000"))] {
        let mut fields = vec![("email", name.as_str()), ("password", PASSWORD)];
        if keep {
            fields.push(("keep", "on"));
        }
        let answer = house.send(&form("/login", &fields));
        let cookies: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
        assert_eq!(cookies.len(), 3, "session, device, token: {answer}");
        for (_, cookie) in cookies {
            let (pair, attributes) = cookie.split_once("; ").expect("attributes");
            let (name, value) = pair.split_once('=').expect("name=value");
            let attributes: Vec<_> = attributes.split("; ").collect();
            for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(attributes.contains(&attribute), "{attribute} of {cookie}");
            }
            let domain = attributes.iter().find(|attribute| attribute.starts_with("Domain"));
            let lasts = attributes.iter().copied().find(|attribute| attribute.starts_with("Max-Age"));
            match name {
                "__Host-aegis_session" => {
                    assert_eq!((domain, lasts, value.len()), (None, age, 48), "{cookie}");
                }
                "aegis_token" => assert_eq!((domain, lasts), (Some(&"Domain=example.com"), age), "{cookie}"),
                _ => assert_eq!((name, domain), ("__Host-aegis_device", None), "{cookie}"),
            }
        }
    }
}

fn a_way_back_leads_to_an_app_or_nowhere(memory: Memory) {
    let house = House::open(memory, APPS);
    let name = house.person(&[]).username.to_string();
    let browser = house.sign_in(&name);
    let good = [
        ("https://closed.example.com/", "https://closed.example.com/"),
        ("https://closed.example.com", "https://closed.example.com/"),
        ("https://closed.example.com/a/b?c=d&e#f", "https://closed.example.com/a/b?c=d&e#f"),
        ("https://CLOSED.example.com:443/", "https://closed.example.com/"),
        ("https://port.example.com:8443/x", "https://port.example.com:8443/x"),
    ];
    let bad = [
        "",
        "/",
        "//closed.example.com/",
        "closed.example.com",
        "http://closed.example.com/",
        "https://evil.example/",
        "https://closed.example.com.evil.example/",
        "https://evil.example/https://closed.example.com/",
        "https://closed.example.com@evil.example/",
        "https://user@closed.example.com/",
        "https://evil.example\\.closed.example.com/",
        "https:\\\\closed.example.com/",
        "https:/closed.example.com/",
        "https:closed.example.com/",
        "https:///closed.example.com/",
        "https://closed.example.com:8443/",
        "https://port.example.com/",
        "https://auth.example.com/logout",
        "https://example.com/",
        "https://unheard-of.example.com/",
        "https://closed.example.com/\r\nSet-Cookie: a=b",
        "https://closed.example.com/ x",
        "https://closed.example.com%2eevil.example/",
        "https://\u{ff43}losed.example.com/",
        " https://closed.example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "HTTPS://closed.example.com/",
    ];
    let good = good.iter().map(|(asked, leads)| (*asked, Some(*leads)));
    for (asked, leads) in good.chain(bad.iter().map(|asked| (*asked, None))) {
        let ask = form("/login", &[("email", &name), ("password", PASSWORD), ("rd", asked)]);
        if leads.is_some() {
            let answer = house.send(&ask);
            assert_eq!(
                (answer.status, answer.header("location")),
                (303, leads),
                "signing in: {ask}\n{answer}"
            );
        }
        // Nobody who comes again within ten seconds is sent on.
        house.advance(Duration::from_secs(10));
        let ask = page(&rd(asked)).header("Cookie", &browser.session);
        let answer = house.send(&ask);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(leads.unwrap_or("/"))),
            "signed in already: {ask}\ncame back: {answer}"
        );
        let answer = house.send(&page(&rd(asked)));
        let hidden = answer.body.contains("name=\"rd\"");
        assert_eq!(
            (answer.status, hidden),
            (200, leads.is_some()),
            "the page for {asked:?}\ncame back: {answer}"
        );
    }
    // The form judges it, too, not only the page: one sign-in stands for all.
    for asked in ["https://evil.example/", "//evil.example", "https://closed.example.com@evil.example/"] {
        let answer = house.send(&form("/login", &[("email", &name), ("password", PASSWORD), ("rd", asked)]));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{asked:?}: {answer}");
    }
}

fn somebody_signed_in_is_sent_on_with_a_new_token(memory: Memory) {
    let house = House::shared(memory);
    let browser = house.sign_in(house.person(&[]).username.as_str());
    let answer = house.send(&page(&rd("https://closed.example.com/x")).header("Cookie", &browser.session));
    assert_eq!(answer.header("location"), Some("https://closed.example.com/x"), "{answer}");
    let cookies = answer.cookies();
    assert_eq!(cookies.len(), 1, "the token alone: {answer}");
    assert!(cookies[0].starts_with("aegis_token=") && cookies[0] != browser.token, "a new one: {answer}");
    assert!(house.opens(&cookies[0]) && house.opens(&browser.token), "both count");
}

fn a_circle_is_told(memory: Memory) {
    let house = House::open(memory, APPS);
    let browser = house.sign_in(house.person(&[]).username.as_str());
    let arrive = |at: &str| house.send(&page(&rd(at)).header("Cookie", &browser.session));
    let (app, other) = ("https://closed.example.com/x", "https://other.example.com/");
    assert_eq!(arrive(app).status, 303, "a first arrival");
    assert_eq!(arrive(other).status, 303, "a first arrival for another app");
    house.advance(Duration::from_secs(9));
    let told = arrive(app);
    assert_eq!(told.status, 200, "back within ten seconds: {told}");
    assert!(told.body.contains("sent you back"), "it says why: {told}");
    assert!(told.cookies().is_empty(), "and gives no token: {told}");
    assert_eq!(arrive(app).status, 303, "tried once more");
    house.advance(Duration::from_secs(10));
    assert_eq!(arrive(app).status, 303, "back after ten seconds");
    // Somebody else at the same place goes in no circle.
    let another = house.sign_in(house.person(&[]).username.as_str());
    let answer = house.send(&page(&rd(app)).header("Cookie", &another.session));
    assert_eq!(answer.status, 303, "another's first arrival: {answer}");
}

fn the_reason_of_a_circle_is_what_the_browser_shows(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let stranger = House::open(memory, APPS);
    let stranger = stranger.sign_in(stranger.person(&[]).username.as_str());
    let before = house.sign_in(person.username.as_str());
    // A token of a browser's session lives for a day.
    house.advance(Duration::from_hours(25));
    let earlier = house.sign_in(person.username.as_str());
    let browser = house.sign_in(person.username.as_str());
    let with = |cookies: &[&str]| [&[browser.session.as_str()], cookies].concat().join("; ");
    for (position, (cookies, reason)) in [
        (with(&[]), "A blocked cookie."),
        (with(&[&browser.token]), "The proxy."),
        (with(&[&browser.token, &earlier.token]), "Another cookie."),
        (with(&[&earlier.token]), "Another cookie."),
        (with(&[&before.token]), "A clock."),
        (with(&[&stranger.token]), "Another server."),
        (with(&["aegis_token=x"]), "Another server."),
    ]
    .into_iter()
    .enumerate()
    {
        let ask = page(&rd(&format!("https://closed.example.com/{position}"))).header("Cookie", &cookies);
        assert_eq!(house.send(&ask).status, 303, "a first arrival: {ask}");
        let told = house.send(&ask);
        let reasons: Vec<&str> = [
            "A blocked cookie.",
            "The proxy.",
            "Another cookie.",
            "A clock.",
            "Another server.",
            "Plain http.",
            "The cookie’s domain.",
        ]
        .into_iter()
        .filter(|reason| told.body.contains(reason))
        .collect();
        assert_eq!(reasons, [reason], "asked: {ask}\ncame back: {told}");
        assert!(!told.body.contains("ey"), "nothing of a token is shown: {told}");
    }
    let plain = House::open(
        memory,
        "public_url = \"http://auth.aegis.localhost\"\n[cookie]\ndomain = \"aegis.localhost\"\n[app.x]\nhosts = [\"x.aegis.localhost\"]\nrequire = \"signed_in\"\n",
    );
    let browser = plain.sign_in_with(
        &Ask::new("POST", "auth.aegis.localhost", "/login")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(&format!("email={}&password={}", plain.person(&[]).username, PASSWORD.replace(' ', "+"))),
    );
    let ask = page(&rd("http://x.aegis.localhost/")).header("Cookie", &browser.session);
    let _first = plain.send(&ask);
    let told = plain.send(&ask);
    assert!(told.body.contains("Plain http."), "asked: {ask}\ncame back: {told}");
}

fn a_browser_that_keeps_nothing_is_told(memory: Memory) {
    const SAID: &str = "this browser did not keep it";
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let app = "https://closed.example.com/x";
    let from = |ask: Ask, address: &str, agent: &str| {
        ask.header("X-Forwarded-For", address).header("User-Agent", agent)
    };
    let sign_in = || {
        let fields = [("email", person.username.as_str()), ("password", PASSWORD), ("rd", app)];
        let answer = house.send(&from(form("/login", &fields), "192.0.2.7", "one"));
        assert_eq!(answer.header("location"), Some(app), "{answer}");
        Browser::of(&answer)
    };
    let says = |ask: Ask| {
        let answer = house.send(&ask);
        assert_eq!(answer.status, 200, "asked: {ask}\ncame back: {answer}");
        assert!(answer.body.contains("name=\"password\""), "the form is there: {answer}");
        answer.body.contains(SAID)
    };
    let typed = from(page(&rd(app)), "192.0.2.7", "one");
    // A page of ours began the way here.
    let page = |path: &str| {
        let ask = Ask::get(PORTAL, path).header("Accept", "text/html").header("Sec-Fetch-Mode", "navigate");
        ask.header("Sec-Fetch-Site", "same-site")
    };
    let back = |address: &str, agent: &str| from(page(&rd(app)), address, agent);
    assert!(!says(back("192.0.2.7", "one")), "nobody has signed in");
    sign_in();
    assert!(!says(back("192.0.2.8", "one")), "from elsewhere");
    assert!(!says(back("192.0.2.7", "two")), "another browser");
    assert!(!says(from(page(&rd("https://other.example.com/")), "192.0.2.7", "one")), "to another app");
    assert!(!says(page(&rd(app)).header("User-Agent", "one")), "from an address that nobody tells");
    assert!(!says(typed), "somebody else there, who typed the address");
    assert!(says(back("192.0.2.7", "one")), "back at once, without a cookie");
    assert!(!says(back("192.0.2.7", "one")), "told once");
    let browser = sign_in();
    house.advance(Duration::from_secs(10));
    assert!(!says(back("192.0.2.7", "one")), "back after ten seconds");
    let answer = house.send(&back("192.0.2.7", "one").header("Cookie", &browser.session));
    assert_eq!(answer.status, 303, "a browser that keeps it goes on: {answer}");
}

fn a_form_from_elsewhere_does_nothing(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let name = person.username.as_str();
    let browser = house.sign_in(name);
    let origin = format!("https://{PORTAL}");
    let posts: [(&str, Vec<(&str, &str)>); 10] = [
        ("/login", vec![("email", name), ("password", PASSWORD)]),
        ("/login/tailnet", vec![]),
        ("/logout", vec![]),
        ("/account/name", vec![("name", "Mallory")]),
        ("/account/password", vec![("current", PASSWORD), ("new", "a password of somebody else's")]),
        ("/account/tailnet", vec![("password", PASSWORD)]),
        ("/account/sessions/end", vec![("id", "x")]),
        ("/account/sessions/end-others", vec![]),
        ("/link/setup", vec![("code", "x")]),
        ("/link/password", vec![("code", "x")]),
    ];
    for (path, fields) in &posts {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        for headers in [
            vec![],
            vec![("Sec-Fetch-Site", "cross-site")],
            vec![("Sec-Fetch-Site", "same-site")],
            vec![("Sec-Fetch-Site", "none")],
            vec![("Sec-Fetch-Site", "cross-site"), ("Origin", origin.as_str())],
            vec![("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
            vec![("Origin", "null")],
            vec![("Origin", "https://evil.example")],
            vec![("Origin", "https://closed.example.com")],
            vec![("Origin", "http://auth.example.com")],
            vec![("Origin", "https://auth.example.com:8443")],
            vec![("Origin", "https://auth.example.com.evil.example")],
            vec![("Origin", "https://AUTH.example.com")],
            vec![("Origin", origin.as_str()), ("Origin", origin.as_str())],
            vec![("Referer", "https://auth.example.com/login")],
        ] {
            let ask = Ask::new("POST", PORTAL, path)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Cookie", &browser.session)
                .body(&body);
            let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
            let answer = house.send(&ask);
            assert_eq!(answer.status, 403, "asked: {ask}\ncame back: {answer}");
            assert!(answer.cookies().is_empty(), "asked: {ask}\ncame back: {answer}");
        }
    }
    assert!(house.opens(&browser.token), "nobody was signed out");
    assert_eq!(house.user(person.id).name, format!("The {name}"), "nobody was renamed");
    // An old browser says where it comes from in `Origin` alone.
    let ask = Ask::new("POST", PORTAL, "/logout")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Cookie", &browser.session)
        .header("Origin", &origin)
        .body("");
    let answer = house.send(&ask);
    assert_eq!(answer.status, 200, "asked: {ask}\ncame back: {answer}");
}

fn what_is_typed_is_shown_as_text(memory: Memory) {
    let house = House::shared(memory);
    let typed = "\"><script>alert(1)</script>&'";
    let person = house.person(&[]);
    let browser = house.sign_in(person.username.as_str());
    let shown = |answer: Answer| {
        assert!(!answer.body.contains("<script>alert"), "came back: {answer}");
    };
    shown(house.send(&form("/login", &[("email", typed), ("password", typed)])));
    shown(house.send(&page(&format!("{}?{typed}", "/login").replace(' ', "+"))));
    shown(house.send(&form("/link/password", &[("code", typed), ("password", "short")])));
    shown(house.send(&form("/account/name", &[("name", typed)]).header("Cookie", &browser.session)));
    shown(
        house.send(
            &page("/account").header("Cookie", &browser.session).header("User-Agent", "<script>alert(1)"),
        ),
    );
    let answer = house.send(&form("/login", &[("email", "ann"), ("password", "a secret that was typed")]));
    assert!(!answer.body.contains("a secret that was typed"), "a password is never shown again: {answer}");
}

fn no_page_believes_a_forwarded_name(memory: Memory) {
    let house = House::shared(memory);
    let name = house.person(&[]).username.to_string();
    let poisoned = |ask: Ask| {
        ask.header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "http")
            .header("Forwarded", "host=evil.example;proto=http")
            .header("X-Original-URL", "https://evil.example/")
            .header("X-Forwarded-Prefix", "//evil.example")
    };
    for host in [PORTAL, "evil.example"] {
        for ask in [
            page("/"),
            page("/login"),
            page("/nowhere"),
            form("/login", &[("email", &name), ("password", PASSWORD)]),
        ] {
            let answer = house.send(&poisoned(ask).host(host));
            let all = format!("{answer}{}", answer.body);
            assert!(!all.contains("evil.example"), "under the host {host}\ncame back: {answer}");
        }
    }
}

fn no_link_sets_a_password_made_of_ones_own_words(memory: Memory) {
    let house = House::open(memory, APPS);
    let code =
        house.wait(house.app.first_link()).expect("the store answers").expect("nobody administers yet");
    let fields = [
        ("code", code.reveal()),
        ("username", "quillwort"),
        ("email", "vexbrand@example.test"),
        ("name", "Zyqwandle Brimthorpe"),
    ];
    for word in ["quillwortquillwort", "vexbrand@example.test", "zyqwandle brimthorpe"] {
        let answer = house.send(&form("/link/setup", &[&fields[..], &[("password", word)]].concat()));
        assert_eq!(answer.status, 422, "{word}: {answer}");
    }
    let good = [("password", "nine bridges across the estuary")];
    let answer = house.send(&form("/link/setup", &[&fields[..], &good].concat()));
    assert_eq!(answer.status, 303, "one that is not: {answer}");
}

fn a_link_is_spent_by_the_form_alone(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let make = || {
        let link = house.app.links.make(Purpose::Password, Some(person.id), Actor::Command, house.now());
        house.wait(link).expect("a link").reveal().to_owned()
    };
    let (void, code) = (make(), make());
    let new = "nine bridges across the estuary";
    let post = |code: &str, password: &str| {
        house.send(&form("/link/password", &[("code", code), ("password", password)]))
    };
    for _ in 0..3 {
        assert_eq!(house.send(&page("/link/password")).status, 200, "looking at the page");
    }
    assert_eq!(post(&void, new).status, 410, "one that a newer replaced");
    assert_eq!(post(&code, "short").status, 422, "a password that is too short");
    assert_eq!(post(&code, person.username.as_str()).status, 422, "one's own name");
    assert_eq!(house.send(&form("/link/setup", &[("code", &code)])).status, 410, "for something else");
    assert_eq!(post(&code, new).status, 303, "the first time");
    assert_eq!(post(&code, new).status, 410, "the second");
    let late = make();
    house
        .wait(house.app.users.set_active(
            person.id,
            false,
            aegis::users::Leaves::Perhaps,
            Actor::Command,
            house.now(),
        ))
        .unwrap();
    assert_eq!(post(&late, new).status, 410, "for a disabled account");
}
