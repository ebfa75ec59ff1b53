//! Aegis's own site, to somebody who comes over the tailnet.

use serde_json::json;

use super::{SETTINGS, becomes, check, is, laptop, ready, refused};
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;
use crate::lab::way::Way;
use crate::lab::{Lab, PASSWORD, PORTAL, sign_in_form};

/// The login of the laptop's owner, who is `sam`.
pub(super) const SAM: &str = "user-2@fake-control.example.net";
/// The login of the owner of the node that joins first, who is nobody yet.
const STRANGER: &str = "user-3@fake-control.example.net";

/// A page of the site, opened on a device of the tailnet.
pub(super) fn page(lab: &Lab, node: &str, path: &str, cookie: &str) -> Answer {
    let mut ask = Ask::navigation(PORTAL, path);
    if !cookie.is_empty() {
        ask = ask.header("Cookie", cookie);
    }
    lab.send_from(node, &ask)
}

/// A form of the site, sent from a device of the tailnet.
pub(super) fn send(lab: &Lab, node: &str, path: &str, fields: &[(&str, &str)], cookie: &str) -> Answer {
    let mut ask = Ask::new("POST", PORTAL, path)
        .header("Origin", &format!("http://{PORTAL}"))
        .header("Sec-Fetch-Site", "same-origin")
        .header("Accept", "text/html")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(&form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
    if !cookie.is_empty() {
        ask = ask.header("Cookie", cookie);
    }
    lab.send_from(node, &ask)
}

/// The sign-in page with the way back to `host`.
fn login(host: &str) -> String {
    let rd = format!("http://{host}/x");
    format!("/login?{}", form_urlencoded::Serializer::new(String::new()).append_pair("rd", &rd).finish())
}

/// The cookie of a session on the site, and not that of the apps.
pub(super) fn session(lab: &Lab, name: &str) -> String {
    let answer = lab.send(&sign_in_form(name, PASSWORD, ""));
    let cookies = answer.cookies();
    let session = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-aegis_session="));
    session.unwrap_or_else(|| panic!("signing in as {name}: {answer}"))
}

/// The cookie of a session that a link for a factor opened.
fn by_link(lab: &Lab, name: &str) -> String {
    let output = lab.aegis().command(&["user", "link-factor", name], "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = text.split("/link/factor#").nth(1).and_then(|rest| rest.split_whitespace().next());
    let code = code.unwrap_or_else(|| panic!("no link: {output:#?}"));
    let answer = send(lab, "laptop", "/link/factor", &[("code", code), ("password", PASSWORD)], "");
    let cookies = answer.cookies();
    let session = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-aegis_session="));
    session.unwrap_or_else(|| panic!("the link of {name}: {answer}"))
}

#[track_caller]
fn leads(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(to)), "{answer}");
    assert!(answer.cookies().is_empty(), "a cookie: {answer}");
}

#[track_caller]
pub(super) fn says(answer: &Answer, status: u16, words: &[&str]) {
    assert_eq!(answer.status, status, "{answer}");
    for words in words {
        assert!(answer.body.contains(words), "it does not say {words:?}: {answer}");
    }
}

/// What the record says, newest last, as `aegis audit tail` prints it.
pub(super) fn record(lab: &Lab) -> Vec<serde_json::Value> {
    let output = lab.aegis().command(&["audit", "tail", "--json"], "");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"))).collect()
}

#[test]
fn who_is_known_passes_the_sign_in_page_and_has_a_start_page() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let host = lab.host("closed");
    leads(&page(&lab, "laptop", &login(&host), ""), &format!("http://{host}/x"));
    leads(&page(&lab, "laptop", "/login", ""), "/");
    leads(&page(&lab, "laptop", "/login?rd=https://evil.example/", ""), "/");
    // A device is enough for two factors here, and the only thing that counts there.
    for app in ["strong", "device", "welcome"] {
        let host = lab.host(app);
        leads(&page(&lab, "laptop", &login(&host), ""), &format!("http://{host}/x"));
    }
    let home = page(&lab, "laptop", "/", "");
    says(&home, 200, &["You are here by your tailnet device, as", SAM, ">sam<"]);
    assert!(home.cookies().is_empty(), "a cookie: {home}");

    // Back at once: the app does not see what is seen here.
    let told = page(&lab, "laptop", &login(&host), "");
    says(&told, 200, &["the app sent you back", SAM]);
    leads(&page(&lab, "laptop", &login(&host), ""), &format!("http://{host}/x"));

    // Where the device would not be let in, nobody is sent round.
    let operators = lab.host("operators");
    for _ in 0..2 {
        let told = page(&lab, "laptop", &login(&operators), "");
        says(&told, 200, &["That account cannot open this app", SAM, "name=\"password\""]);
    }
    let (here, strong) = (laptop(&lab), lab.host("strong"));
    let own = [format!("{here}/32"), format!("{}/128", lab.tailnet().address6_of("laptop"))];
    lab.tailnet().change_node("laptop", &json!({ "AllowedIPs": [own[0], own[1], "10.0.0.0/24"] }));
    becomes("one factor", || (check(&lab, here, &strong, &[]), refused(401)));
    let told = page(&lab, "laptop", &login(&strong), "");
    says(&told, 200, &["This app asks for two factors, and this device counts as one.", SAM]);
}

#[test]
fn who_is_not_known_is_told_why_and_signs_in_below() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let phone = lab.tailnet().address_of("phone");
    let came = |words: &str| format!("You came from {phone} ({words}).");
    let host = lab.host("closed");

    let stranger = ["no account here belongs to that person", "name=\"password\"", STRANGER];
    let answer = page(&lab, "phone", &login(&host), "");
    says(&answer, 200, &stranger);
    says(&answer, 200, &[&came(&format!("tailnet, as {STRANGER}"))]);
    let wrong = send(&lab, "phone", "/login", &[("email", "sam"), ("password", "wrong")], "");
    says(&wrong, 422, &[&came(&format!("tailnet, as {STRANGER}"))]);
    assert_eq!(page(&lab, "phone", "/", "").status, 303, "the start page is somebody's");
    assert_eq!(page(&lab, "phone", "/account", "").status, 303, "an account is somebody's");

    // That an account is disabled is not told.
    lab.aegis().command(&["user", "disable", "sam"], "");
    becomes("sam is refused", || (check(&lab, laptop(&lab), &host, &[]), refused(401)));
    says(&page(&lab, "laptop", &login(&host), ""), 200, &["no account here belongs to that person", SAM]);
    lab.aegis().command(&["user", "enable", "sam"], "");
    becomes("sam is back", || (check(&lab, laptop(&lab), &host, &[]), is("sam")));

    lab.tailnet().tag("phone", &["tag:other"]);
    becomes("the tag is heard of", || {
        let tagged = |answer: &Answer| answer.body.contains("tailnet, but this device is tagged");
        (page(&lab, "phone", "/login", ""), Box::new(tagged))
    });
    let answer = page(&lab, "phone", "/login", "");
    says(&answer, 200, &["This device is tagged, so Tailscale can’t tell who you are.", "name=\"password\""]);

    // Another site opens the page in a frame; somebody asks from elsewhere.
    let framed = Ask::new("GET", PORTAL, "/login")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "iframe")
        .header("Accept", "text/html");
    says(&lab.send_from("laptop", &framed), 200, &["this page was opened from another site"]);
    says(&lab.send(&Ask::navigation(PORTAL, "/login")), 200, &["(this machine)"]);

    lab.tailnet().api_fault("refuse");
    becomes("Tailscale is away", || {
        let away = |answer: &Answer| answer.body.contains("tailnet, but Tailscale does not answer here");
        (page(&lab, "laptop", "/login", ""), Box::new(away))
    });
    let answer = page(&lab, "laptop", "/login", "");
    says(&answer, 200, &["You came over the tailnet, but Tailscale does not answer here right now."]);
    assert_eq!(page(&lab, "laptop", "/account", "").status, 303, "nobody is let in unseen");
}

#[test]
fn a_proxy_that_cannot_vouch_is_named_as_the_reason() {
    let way = Way { tcp: true, tailnet: Some(Runs::Node), settings: SETTINGS, ..Way::TAILNET };
    let lab = Lab::standing(Kind::Caddy, way);
    lab.aegis().add_user("sam", &[]);
    let answer = page(&lab, "laptop", "/login", "");
    says(&answer, 200, &["(perhaps the tailnet, but the proxy cannot vouch for it)"]);
    assert!(!answer.body.contains(SAM), "{answer}");
}

#[test]
fn a_machine_has_apps_and_no_account() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("robots"), laptop(&lab));
    lab.tailnet().tag("laptop", &["tag:ci"]);
    becomes("the machine is known", || (check(&lab, here, &host, &[]), is("ci")));
    says(&page(&lab, "laptop", "/", ""), 200, &["You are here by your tailnet device, as", ">ci<"]);
    says(&page(&lab, "laptop", "/account", ""), 403, &["A machine has no account here."]);
    for (path, fields) in
        [("/account/name", [("name", "Mallory")]), ("/account/tailnet", [("password", "x")])]
    {
        assert_eq!(send(&lab, "laptop", path, &fields, "").status, 403, "{path}");
    }
    let before = record(&lab).len();
    let left = send(&lab, "laptop", "/logout", &[], "");
    assert!(left.cookies().iter().any(|cookie| cookie.starts_with("aegis_signed_out=")), "{left}");
    assert_eq!(record(&lab).len(), before, "the record is about accounts");
}

#[test]
fn the_start_page_shows_the_apps_that_a_check_would_open() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (sams, anns) = (session(&lab, "sam"), session(&lab, &lab.person(&[])));
    let shows =
        |answer: &Answer| ["For two factors", "For operators"].map(|title| answer.body.contains(title));
    assert_eq!(shows(&page(&lab, "laptop", "/", "")), [true, false], "sam's device");
    assert_eq!(shows(&page(&lab, "laptop", "/", &sams)), [true, false], "sam's session on it");
    assert_eq!(shows(&page(&lab, "laptop", "/", &anns)), [false, false], "ann's session on it");
    let elsewhere = lab.send(&Ask::navigation(PORTAL, "/").header("Cookie", &sams));
    assert_eq!(shows(&elsewhere), [false, false], "sam's session elsewhere");
    lab.tailnet()
        .capability("example.com/cap/aegis", &json!([{ "roles": ["operator"], "apps": ["granted"] }]));
    becomes("the grant is heard of", || {
        (page(&lab, "laptop", "/", &sams), Box::new(move |answer| shows(answer) == [true, true]))
    });
    assert_eq!(shows(&page(&lab, "laptop", "/", "")), [true, true], "the device alone");
    assert_eq!(shows(&page(&lab, "laptop", "/", &anns)), [false, false], "another's session");
}

#[test]
fn a_sign_out_holds_in_this_browser_until_it_is_taken_back() {
    let lab = ready(Kind::Caddy, Runs::Node);
    // Until there is an administrator, the start page leads to making one.
    let output = lab.aegis().command(&["user", "admin", "sam"], "");
    assert!(output.status.success(), "{output:#?}");
    let host = lab.host("closed");
    says(&page(&lab, "laptop", "/logout", ""), 200, &["You are here by your tailnet device, as", SAM]);
    let left = send(&lab, "laptop", "/logout", &[], "");
    says(&left, 200, &["For an hour", "action=\"/login/tailnet\"", "Use the tailnet again"]);
    let lines: Vec<_> = left.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    let (_, line) = lines.iter().find(|(_, line)| line.starts_with("aegis_signed_out=1;")).expect("a mark");
    for part in ["Max-Age=3600", "Domain=aegis.localhost", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(line.contains(part), "{line}");
    }
    let last = record(&lab).pop().expect("an entry");
    assert_eq!((&last["event"], &last["username"]), (&json!("sign_out.done"), &json!("sam")), "{last}");

    let mark = "aegis_signed_out=1";
    assert_eq!(check(&lab, laptop(&lab), &host, &[("Cookie", mark)]).status, 401);
    assert_eq!(page(&lab, "laptop", "/", mark).header("location"), Some("/login"));
    assert_eq!(page(&lab, "laptop", "/account", mark).header("location"), Some("/login"));
    let form = page(&lab, "laptop", &login(&host), mark);
    says(&form, 200, &["Continue with the tailnet", "(tailnet, but you signed out in this browser)"]);
    // Signing in by password does not take it back; signing out once more begins the hour anew.
    let signed = send(&lab, "laptop", "/login", &[("email", "sam"), ("password", PASSWORD)], mark);
    assert_eq!(signed.status, 303, "{signed}");
    assert!(!signed.cookies().iter().any(|cookie| cookie.starts_with("aegis_signed_out")), "{signed}");
    let again = send(&lab, "laptop", "/logout", &[], mark);
    assert!(again.cookies().contains(&mark.to_owned()), "{again}");

    let foreign = Ask::new("POST", PORTAL, "/login/tailnet")
        .header("Origin", "https://evil.example")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Cookie", mark)
        .body("");
    assert_eq!(lab.send_from("laptop", &foreign).status, 403);
    let rd = format!("http://{host}/x");
    for (fields, to) in [(vec![], "/".to_owned()), (vec![("rd", rd.as_str())], login(&host))] {
        let back = send(&lab, "laptop", "/login/tailnet", &fields, mark);
        assert_eq!((back.status, back.header("location")), (303, Some(to.as_str())), "{back}");
        let cleared = back.header("set-cookie").expect("it is taken away");
        assert!(cleared.starts_with("aegis_signed_out=; ") && cleared.contains("Max-Age=0"), "{cleared}");
        assert!(cleared.contains("Domain=aegis.localhost"), "{cleared}");
    }
    // From elsewhere a sign-out marks nothing.
    let elsewhere = Ask::new("POST", PORTAL, "/logout").header("Sec-Fetch-Site", "same-origin").body("");
    let left = lab.send(&elsewhere);
    assert!(!format!("{left}").contains("aegis_signed_out"), "{left}");
    says(&left, 200, &["You are signed out"]);
}

#[test]
fn an_account_is_looked_after_from_its_owners_device() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let elsewhere = session(&lab, "sam");
    let account = page(&lab, "laptop", "/account", "");
    says(&account, 200, &["You are here by your tailnet device, as", SAM, ">sam<", "End all<"]);
    assert!(!account.body.contains("this one") && account.cookies().is_empty(), "{account}");

    let named = send(&lab, "laptop", "/account/name", &[("name", "Sam by device")], "");
    says(&named, 200, &["Your name was saved.", "value=\"Sam by device\""]);
    // A foreign form does nothing, from whichever device.
    let foreign = Ask::new("POST", PORTAL, "/account/name")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("name=Mallory");
    assert_eq!(lab.send_from("laptop", &foreign).status, 403);

    let new = "nine bridges across the estuary";
    let wrong = [("current", "a wrong guess"), ("new", new)];
    says(
        &send(&lab, "laptop", "/account/password", &wrong, ""),
        422,
        &["The current password is not right."],
    );
    assert_eq!(page(&lab, "laptop", "/account", &elsewhere).status, 200);
    let ended = send(&lab, "laptop", "/account/sessions/end-others", &[], "");
    says(&ended, 200, &["All sessions were ended.", "Nowhere"]);
    assert!(lab.send(&Ask::navigation(PORTAL, "/account").header("Cookie", &elsewhere)).status == 303);

    let right = [("current", PASSWORD), ("new", new)];
    leads(&send(&lab, "laptop", "/account/password", &right, ""), "/account");
    assert_eq!(lab.send(&sign_in_form("sam", PASSWORD, "")).status, 422, "the old password");
    assert_eq!(lab.send(&sign_in_form("sam", new, "")).status, 303, "the new password");
}

#[test]
fn a_stranger_links_their_device_to_their_account_after_a_link_and_not_by_its_password_alone() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let (phone, ann, host) = (lab.tailnet().address_of("phone"), lab.person(&[]), lab.host("closed"));
    let offer = "Link it to this account";
    // A device that is linked counts as two factors: the password alone does not do it.
    let cookie = session(&lab, &ann);
    assert!(!page(&lab, "phone", "/account", &cookie).body.contains(offer));
    let refused = send(&lab, "phone", "/account/tailnet", &[("password", PASSWORD)], &cookie);
    assert_eq!(refused.header("location"), Some("/account/enrol"), "{refused}");
    assert_eq!(check(&lab, phone, &host, &[]).status, 401, "nothing was linked");
    let cookie = by_link(&lab, &ann);
    says(&page(&lab, "phone", "/account", &cookie), 200, &["This device belongs to", STRANGER, offer]);
    assert!(!page(&lab, "laptop", "/account", &cookie).body.contains(offer), "sam's device is sam's");
    let elsewhere = lab.send(&Ask::navigation(PORTAL, "/account").header("Cookie", &cookie));
    assert!(!elsewhere.body.contains(offer), "no device, nothing to link: {elsewhere}");

    let link = |node: &str, password: &str| {
        let fields = [("password", password), ("login", SAM), ("username", "sam")];
        send(&lab, node, "/account/tailnet", &fields, &cookie)
    };
    says(&link("phone", "a wrong guess"), 422, &["The current password is not right.", offer]);
    says(&link("laptop", PASSWORD), 409, &["This device cannot be linked"]);
    assert_eq!(check(&lab, phone, &host, &[]).status, 401, "nothing was linked");
    assert_eq!(send(&lab, "phone", "/account/tailnet", &[("password", PASSWORD)], "").status, 303, "nobody");
    let done = link("phone", PASSWORD);
    says(
        &done,
        200,
        &[&format!("On the tailnet, {STRANGER} is recognised as you from now on."), ">On the tailnet<"],
    );
    assert!(!done.body.contains(offer), "{done}");
    becomes("ann is known", || (check(&lab, phone, &host, &[]), is(&ann)));
    says(&page(&lab, "phone", "/", &cookie), 200, &["The tailnet knows this device as yours, too", STRANGER]);
    let last = record(&lab).pop().expect("an entry");
    assert_eq!((&last["event"], &last["username"]), (&json!("tailnet.linked"), &json!(ann)), "{last}");
    says(&link("phone", PASSWORD), 409, &["This device cannot be linked"]);
}

#[test]
fn a_stolen_password_and_a_device_of_ones_own_do_not_make_a_second_factor_beside_the_owners() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let (phone, ann, strong) = (lab.tailnet().address_of("phone"), lab.person(&[]), lab.host("strong"));
    // The settings say whose sam's device is; of ann's a command has said it, and nobody has come yet.
    let awaited = lab.aegis().command(&["user", "link", &ann, "--tailnet", "ann@github"], "");
    assert!(awaited.status.success(), "{awaited:#?}");
    for name in ["sam", &ann] {
        let cookie = session(&lab, name);
        let account = page(&lab, "phone", "/account", &cookie);
        assert!(!account.body.contains("Link it to this account"), "{name}: {account}");
        let linked = send(&lab, "phone", "/account/tailnet", &[("password", PASSWORD)], &cookie);
        assert_eq!(linked.header("location"), Some("/account/enrol"), "{name}: {linked}");
        // Nor does a link to a new password.
        let output = lab.aegis().command(&["user", "passwd", name], "");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let code = text.split("/link/password#").nth(1).and_then(|rest| rest.split_whitespace().next());
        let code = code.unwrap_or_else(|| panic!("no link: {output:#?}"));
        let fields = [("code", code), ("password", "nine bridges across the estuary"), ("tailnet", "on")];
        says(&send(&lab, "phone", "/link/password", &fields, ""), 409, &["Untick the box"]);
    }
    assert_eq!(check(&lab, phone, &strong, &[]).status, 401, "nothing was linked");
}

#[test]
fn a_link_of_one_use_links_the_device_it_is_used_on_if_asked() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let (phone, host) = (lab.tailnet().address_of("phone"), lab.host("closed"));
    let made = |arguments: &[&str], way: &str| {
        let output = lab.aegis().command(arguments, "");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let code =
            text.split(&format!("/link/{way}#")).nth(1).and_then(|rest| rest.split_whitespace().next());
        code.unwrap_or_else(|| panic!("aegis {arguments:?} makes no link: {output:#?}")).to_owned()
    };
    let setup = made(&["setup-link"], "setup");
    let ticked = "name=\"tailnet\" value=\"on\" checked";
    for path in ["/link/setup", "/link/password"] {
        says(&page(&lab, "phone", path, ""), 200, &[ticked, STRANGER]);
        for answer in [page(&lab, "laptop", path, ""), lab.send(&Ask::navigation(PORTAL, path))] {
            assert!(!answer.body.contains("name=\"tailnet\""), "nobody to link: {answer}");
        }
    }
    // Weak at first: what was ticked stays, and nothing is spent. Then without a device: told, and not done.
    let fields = |password| {
        vec![("code", setup.as_str()), ("username", "chief"), ("password", password), ("tailnet", "on")]
    };
    says(&send(&lab, "phone", "/link/setup", &fields("short"), ""), 422, &[ticked]);
    let unlinked = send(&lab, "laptop", "/link/setup", &fields(PASSWORD), "");
    says(&unlinked, 409, &["The tailnet does not tell whose device this is any more.", &setup]);
    let done = send(&lab, "phone", "/link/setup", &fields(PASSWORD), "");
    assert_eq!((done.status, done.header("location")), (303, Some("/account/enrol")), "{done}");
    becomes("chief is known", || (check(&lab, phone, &host, &[]), is("chief")));
    let cookie = done.cookies().join("; ");
    says(&page(&lab, "phone", "/", &cookie), 200, &["The tailnet knows this device as yours, too", STRANGER]);

    // Not ticked, not linked; ticked, linked.
    lab.tailnet().join("tablet");
    let tablet = lab.tailnet().address_of("tablet");
    for (name, ticked) in [("bob", false), ("eve", true)] {
        let code = made(&["user", "add", name, "--email", &format!("{name}@example.test")], "password");
        let mut fields = vec![("code", code.as_str()), ("password", "nine bridges across the estuary")];
        if ticked {
            fields.push(("tailnet", "on"));
        }
        let done = send(&lab, "tablet", "/link/password", &fields, "");
        assert_eq!(done.status, 303, "{name}: {done}");
        if ticked {
            becomes("it is linked", || (check(&lab, tablet, &host, &[]), is(name)));
        } else {
            assert_eq!(check(&lab, tablet, &host, &[]).status, 401, "{name} linked nothing");
        }
    }
}

#[test]
fn a_password_alone_is_told_what_a_second_factor_is() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let host = lab.host("strong");
    let (cookie, anns) = (session(&lab, "sam"), session(&lab, &lab.person(&[])));
    let words = "A second factor is asked for here, and your account has none yet.";
    let elsewhere = || lab.send(&Ask::navigation(PORTAL, &login(&host)).header("Cookie", &cookie));
    for _ in 0..2 {
        says(&elsewhere(), 200, &[words, "(this machine)", "Try again"]);
    }
    says(&page(&lab, "phone", &login(&host), &anns), 200, &[words, "link it on your account page"]);
    says(&page(&lab, "laptop", &login(&host), &anns), 200, &[words, "you can add one on your account page"]);
    let marked = format!("{cookie}; aegis_signed_out=1");
    says(&page(&lab, "laptop", &login(&host), &marked), 200, &[words, "Use the tailnet again"]);
    // On the device of the same person both are enough.
    let passed = page(&lab, "laptop", &login(&host), &cookie);
    assert_eq!(passed.header("location"), Some(format!("http://{host}/x").as_str()), "{passed}");
}
