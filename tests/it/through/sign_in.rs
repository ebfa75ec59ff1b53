//! From the closed door to the app and back out, as a browser without JavaScript goes.

use crate::lab::client::Ask;
use crate::lab::{Lab, PASSWORD, PORTAL, sign_in_form};

through_every_proxy!(
    the_whole_way,
    a_wrong_password_opens_nothing,
    a_form_from_elsewhere_is_refused,
    garbage_in_the_cookie_is_nobody,
);

pub(super) fn the_whole_way(lab: &Lab) {
    let (host, name) = (lab.host("closed"), lab.person(&[]));
    let ask = Ask::navigation(&host, "/a/b?c=d&e");
    let answer = lab.send(&ask);
    let location = answer.header("location").unwrap_or_else(|| panic!("no way to sign in: {answer}"));
    let page = url::Url::parse(location).unwrap();
    let return_to = page.query_pairs().find(|(key, _)| key == "rd").map(|(_, value)| value.into_owned());
    let return_to = return_to.unwrap_or_else(|| panic!("no `rd` in {location}"));
    assert_eq!(return_to, format!("http://{host}/a/b?c=d&e"), "{}: where one comes back to", lab.kind);

    let form = lab.send(&Ask::navigation(PORTAL, &format!("{}?{}", page.path(), page.query().unwrap())));
    assert_eq!(form.status, 200, "{}: the form: {form}", lab.kind);

    let answer = lab.send(&sign_in_form(&name, PASSWORD, &return_to));
    assert_eq!(answer.status, 303, "{}: the form posted: {answer}", lab.kind);
    assert_eq!(answer.header("location"), Some(return_to.as_str()), "{}: {answer}", lab.kind);
    let cookies: Vec<&(String, String)> =
        answer.headers.iter().filter(|(header, _)| header == "set-cookie").collect();
    for (_, cookie) in &cookies {
        let host_only = cookie.starts_with("__Host-") && !cookie.to_lowercase().contains("domain=");
        assert!(
            cookie.contains("Secure")
                && cookie.contains("HttpOnly")
                && (host_only || cookie.starts_with("aegis_token=")),
            "{}: a cookie of sign-in: {cookie}",
            lab.kind
        );
    }
    let tokens = cookies.iter().filter(|(_, cookie)| cookie.starts_with("aegis_token=")).count();
    assert!(
        tokens == 1 && cookies.len() > 1,
        "{}: one for apps, the others for Aegis: {cookies:?}",
        lab.kind
    );

    let token = answer.cookies().into_iter().find(|cookie| cookie.starts_with("aegis_token=")).unwrap();
    let ask = Ask::navigation(&host, "/a/b?c=d&e").header("Cookie", &token);
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    let seen = &lab.app.seen(&host)[0];
    assert_eq!(seen.one("remote-user"), Some(name.as_str()), "{}: {seen:#?}", lab.kind);
    let left = seen.one("cookie").unwrap_or_default();
    assert!(["", "aegis=none"].contains(&left), "{}: no cookie is left for the app: {seen:#?}", lab.kind);
}

fn a_wrong_password_opens_nothing(lab: &Lab) {
    let name = lab.person(&[]);
    for (who, password) in [(name.as_str(), "not the password at all"), ("nobody-of-that-name", PASSWORD)] {
        let answer = lab.send(&sign_in_form(who, password, ""));
        assert_eq!(answer.status, 422, "{}: {who} with `{password}`: {answer}", lab.kind);
        assert!(answer.body.contains(who), "{}: what was typed stays: {answer}", lab.kind);
        assert!(
            !answer.cookies().iter().any(|cookie| cookie.starts_with("aegis_token=") && cookie.len() > 14),
            "{}: a token for a wrong password: {answer}",
            lab.kind
        );
    }
}

fn a_form_from_elsewhere_is_refused(lab: &Lab) {
    let name = lab.person(&[]);
    let body = format!("email={name}&password={}", PASSWORD.replace(' ', "+"));
    for (header, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "null"),
        ("Origin", "http://elsewhere.example"),
    ] {
        let ask = Ask::new("POST", PORTAL, "/login")
            .header(header, value)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(&body);
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 403, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        assert!(answer.cookies().is_empty(), "{}: a cookie for a forged form: {answer}", lab.kind);
    }
}

fn garbage_in_the_cookie_is_nobody(lab: &Lab) {
    let host = lab.host("closed");
    let good = lab.sign_in(&lab.person(&[]));
    let other = lab.sign_in(&lab.person(&[]));
    let cut = &good[..good.len() - 1];
    let long = format!("aegis_token={}", "A".repeat(6000));
    for cookie in [
        "aegis_token=",
        "aegis_token=%",
        "aegis_token=a.b.c",
        "aegis_token=eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
        "aegis_token",
        "=aegis_token",
        "AEGIS_TOKEN=a",
        cut,
        &long,
        &format!("{good}; {other}"),
        &format!("\u{2000}{good}"),
    ] {
        let ask = Ask::get(&host, "/").header("Cookie", cookie);
        let answer = lab.send(&ask);
        assert!([400, 401].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        lab.app_heard_nothing(&host, &ask, &answer);
    }
}
