//! Who needs which factors, and how old they may be.

use std::time::Duration;

use super::*;
use crate::identity::Method as Shown;

/// Somebody who has shown these, so long ago, or never as far as is known.
fn showing(methods: &[Shown], age: Option<Duration>, roles: &[&str]) -> Found {
    let Found::Known(who) = known("ann", roles) else { unreachable!() };
    Found::Known(Arc::new(Identity {
        methods: methods.into(),
        assurance: Assurance::of(methods),
        authenticated_at: age.map(|age| NOW.minus(age)),
        ..(*who).clone()
    }))
}

/// Somebody on a device of the tailnet that counts so far.
fn on_device(assurance: Assurance, roles: &[&str]) -> Found {
    let Found::Known(who) = known("ann", roles) else { unreachable!() };
    let methods = Arc::new([Shown::Tailnet]);
    Found::Known(Arc::new(Identity { methods, assurance, ..(*who).clone() }))
}

const JUST_NOW: Option<Duration> = Some(Duration::ZERO);
const PASSWORD: &[Shown] = &[Shown::Password];
const TOTP: &[Shown] = &[Shown::Password, Shown::Totp];

#[test]
fn two_factors_are_the_default_and_need_no_section() {
    for text in
        ["", "require = \"two_factor\"", "require = \"signed_in\"\n[[app.x.rule]]\nrequire = \"two_factor\""]
    {
        let app = app(text);
        let rule = rule(&app, "GET", "/");
        for (found, expected) in [
            (Found::Nobody, Verdict::SignIn),
            (showing(PASSWORD, JUST_NOW, &[]), Verdict::StepUp),
            // Without a password the first factor is missing.
            (showing(&[Shown::Totp], JUST_NOW, &[]), Verdict::StepUp),
            (showing(&[Shown::Telegram], JUST_NOW, &[]), Verdict::StepUp),
            (showing(&[Shown::RecoveryCode], JUST_NOW, &[]), Verdict::StepUp),
            (showing(TOTP, Some(Duration::from_hours(700)), &[]), Verdict::Allow),
            (showing(&[Shown::Password, Shown::Telegram], JUST_NOW, &[]), Verdict::Allow),
            (showing(&[Shown::Password, Shown::RecoveryCode], JUST_NOW, &[]), Verdict::Allow),
            (showing(&[Shown::Passkey], JUST_NOW, &[]), Verdict::Allow),
            (showing(&[Shown::Token], None, &[]), Verdict::Allow),
            (on_device(Assurance::SignedIn, &[]), Verdict::StepUp),
            (on_device(Assurance::TwoFactor, &[]), Verdict::Allow),
            (Found::Refused(Why::Disabled), Verdict::Refused(Why::Disabled)),
            (Found::Unanswered(Part::Store), Verdict::Unavailable(Part::Store)),
        ] {
            assert_eq!(decide(rule, &found, NOW), expected, "{text:?} asked of {found:?}");
        }
    }
}

#[test]
fn who_may_not_enter_is_told_so_before_any_factor_is_asked_for() {
    let app = app("max_age = \"15m\"\nroles = [\"admin\"]");
    for (found, expected) in [
        (showing(PASSWORD, JUST_NOW, &[]), Verdict::Forbidden(Needs::Membership)),
        (showing(TOTP, None, &[]), Verdict::Forbidden(Needs::Membership)),
        (showing(PASSWORD, JUST_NOW, &["admin"]), Verdict::StepUp),
    ] {
        assert_eq!(decide(app.whole(), &found, NOW), expected, "{found:?}");
    }
}

#[test]
fn the_tailnet_is_judged_by_the_device_alone() {
    let app =
        app("require = \"tailnet\"\nroles = [\"admin\"]\n[tailscale]\n[second_factor]\nroles = [\"admin\"]");
    for (found, expected) in [
        (on_device(Assurance::SignedIn, &["admin"]), Verdict::Allow),
        (on_device(Assurance::SignedIn, &[]), Verdict::Forbidden(Needs::Membership)),
        (Found::Nobody, Verdict::Forbidden(Needs::Tailnet)),
        (showing(TOTP, JUST_NOW, &["admin"]), Verdict::Forbidden(Needs::Tailnet)),
        (Found::Refused(Why::Invalid), Verdict::Forbidden(Needs::Tailnet)),
        (Found::Unanswered(Part::Store), Verdict::Unavailable(Part::Store)),
    ] {
        assert_eq!(decide(app.whole(), &found, NOW), expected, "the tailnet asked of {found:?}");
    }
}

#[test]
fn who_has_a_role_that_asks_for_two_factors_shows_two_wherever_one_is_asked_for() {
    let roles = "[second_factor]\nroles = [\"admin\", \"ops\"]";
    let policy = |require: &str| app(&format!("require = \"{require}\"\n[tailscale]\n{roles}"));
    let signed_in = policy("signed_in");
    for (found, expected) in [
        (showing(PASSWORD, JUST_NOW, &[]), Verdict::Allow),
        // `known` is an administrator of Aegis, which is no role.
        (showing(PASSWORD, JUST_NOW, &["user"]), Verdict::Allow),
        (showing(PASSWORD, JUST_NOW, &["admin"]), Verdict::StepUp),
        (showing(PASSWORD, JUST_NOW, &["ops", "user"]), Verdict::StepUp),
        (showing(TOTP, JUST_NOW, &["admin"]), Verdict::Allow),
        (showing(&[Shown::Token], None, &["admin"]), Verdict::Allow),
        (on_device(Assurance::SignedIn, &["admin"]), Verdict::StepUp),
        (on_device(Assurance::TwoFactor, &["admin"]), Verdict::Allow),
    ] {
        assert_eq!(decide(signed_in.whole(), &found, NOW), expected, "signed_in asked of {found:?}");
        if let (Verdict::StepUp, Found::Known(identity)) = (expected, &found) {
            assert_eq!(signed_in.whole().lack(identity, NOW), Some(Lack::SecondFactorByRole), "{found:?}");
        }
    }
    let admin = showing(PASSWORD, JUST_NOW, &["admin"]);
    assert_eq!(decide(policy("optional").whole(), &admin, NOW), Verdict::Allow, "optional admits anyway");
    assert_eq!(decide(policy("public").whole(), &admin, NOW), Verdict::AllowAsNobody, "public asks nobody");
    let app =
        app(&format!("require = \"deny\"\n[[app.x.rule]]\npath = \"/r\"\nrequire = \"signed_in\"\n{roles}"));
    assert_eq!(decide(rule(&app, "GET", "/r"), &admin, NOW), Verdict::StepUp, "a rule asks as its app does");
}

#[test]
fn a_factor_is_as_old_as_its_last_showing() {
    const LIMIT: Duration = Duration::from_mins(15);
    let app = app("max_age = \"15m\"");
    let rule = app.whole();
    let milli = Duration::from_millis(1);
    for (found, expected) in [
        (showing(TOTP, JUST_NOW, &[]), None),
        (showing(TOTP, Some(LIMIT), &[]), None),
        (
            showing(TOTP, Some(LIMIT + milli), &[]),
            Some(Lack::Freshness { max_age: LIMIT, age: Some(LIMIT + milli) }),
        ),
        (showing(&[Shown::Passkey], Some(LIMIT), &[]), None),
        (showing(PASSWORD, JUST_NOW, &[]), Some(Lack::SecondFactor)),
        (showing(&[Shown::Token], None, &[]), Some(Lack::Freshness { max_age: LIMIT, age: None })),
        (on_device(Assurance::TwoFactor, &[]), Some(Lack::Freshness { max_age: LIMIT, age: None })),
    ] {
        let Found::Known(identity) = &found else { unreachable!() };
        assert_eq!(rule.lack(identity, NOW), expected, "{found:?}");
        let verdict = if expected.is_some() { Verdict::StepUp } else { Verdict::Allow };
        assert_eq!(decide(rule, &found, NOW), verdict, "{found:?}");
    }
    // The clock was wrong when it was noted: nobody can say how long ago that was.
    let found = showing(TOTP, JUST_NOW, &[]);
    assert_eq!(decide(rule, &found, NOW.minus(milli)), Verdict::StepUp, "a moment yet to come");
}

#[test]
fn a_rule_has_the_max_age_of_its_app_where_it_asks_for_two_factors() {
    let minutes = |minutes| Some(Duration::from_mins(minutes));
    for (text, expected) in [
        ("", minutes(60)),
        ("require = \"two_factor\"", minutes(60)),
        ("max_age = \"5m\"", minutes(5)),
        ("max_age = \"2h\"", minutes(120)),
        ("require = \"signed_in\"", None),
        ("require = \"public\"", None),
        ("require = \"deny\"", None),
    ] {
        let app = app(&format!("max_age = \"1h\"\n[[app.x.rule]]\n{text}"));
        assert_eq!(rule(&app, "GET", "/").max_age(), expected, "{text:?}");
        assert_eq!(app.whole().max_age(), minutes(60), "{text:?}");
    }
}

#[test]
fn a_max_age_or_a_role_that_cannot_be_is_told_of() {
    let hosts = "[app.x]\nhosts = [\"x.example.com\"]\n";
    for require in ["public", "optional", "signed_in", "tailnet", "deny"] {
        let text = format!("{HEAD}{hosts}require = \"{require}\"\nmax_age = \"15m\"\n[tailscale]");
        assert_eq!(
            faults(&text),
            ["aegis.toml:7: `max_age` where two factors are not asked for"],
            "{require}"
        );
        let text =
            format!("{HEAD}{hosts}[[app.x.rule]]\nrequire = \"{require}\"\nmax_age = \"15m\"\n[tailscale]");
        assert_eq!(
            faults(&text),
            ["aegis.toml:8: `max_age` where two factors are not asked for"],
            "{require}"
        );
    }
    for (text, expected) in [
        (
            "require = \"signed_in\"\n[[app.x.rule]]\nmax_age = \"15m\"",
            "8: `max_age` where two factors are not asked for",
        ),
        ("max_age = \"59s\"", "6: `max_age = \"59s\"` is out of reason"),
        ("max_age = \"401d\"", "6: `max_age = \"401d\"` is out of reason"),
        ("max_age = \"0m\"", "6: `0m` is not a span of time"),
        ("max_age = \"soon\"", "6: `soon` is not a span of time"),
        (
            "[second_factor]\nroles = [\"Admin\"]",
            "7: `Admin`: a role is 1 to 64 of a-z, 0-9, underscore, dot, colon and dash, and starts with a letter or digit",
        ),
    ] {
        assert_eq!(faults(&format!("{HEAD}{hosts}{text}")), [format!("aegis.toml:{expected}")], "{text}");
    }
}

/// Everybody who could ask: every combination of what makes a difference here.
fn everybody() -> Vec<Found> {
    let mut all = vec![Found::Nobody, Found::Refused(Why::Invalid), Found::Unanswered(Part::Store)];
    for roles in [&[][..], &["a"], &["b"], &["a", "b"]] {
        for assurance in [Assurance::SignedIn, Assurance::TwoFactor] {
            all.push(on_device(assurance, roles));
        }
        for methods in [PASSWORD, TOTP, &[Shown::Passkey]] {
            for minutes in [0, 5, 6, 60, 61] {
                all.push(showing(methods, Some(Duration::from_mins(minutes)), roles));
            }
        }
        all.push(showing(&[Shown::Token], None, roles));
    }
    all
}

#[test]
fn a_stricter_rule_lets_in_nobody_whom_the_other_would_not() {
    let mut seen = 0;
    for strict in ["", "[second_factor]\nroles = [\"a\"]"] {
        let mut apps = Vec::new();
        for require in ["public", "optional", "signed_in", "two_factor", "tailnet", "deny"] {
            let ages: &[&str] = if require == "two_factor" { &["", "5m", "1h"] } else { &[""] };
            let asks = ["signed_in", "two_factor", "tailnet"].contains(&require);
            let whos: &[&str] = if asks { &["", "roles = [\"a\"]", "roles = [\"a\", \"b\"]"] } else { &[""] };
            for (age, who) in ages.iter().flat_map(|age| whos.iter().map(move |who| (age, who))) {
                let age = if age.is_empty() { String::new() } else { format!("max_age = \"{age}\"\n") };
                let text = format!("require = \"{require}\"\n{age}{who}\n[tailscale]\n{strict}");
                apps.push((app(&text), text));
            }
        }
        for (one, text) in &apps {
            assert!(one.whole().is_at_least_as_strict_as(one.whole()), "{text} is as strict as itself");
            for (other, than) in &apps {
                if !one.whole().is_at_least_as_strict_as(other.whole()) {
                    continue;
                }
                for found in everybody() {
                    let reach = |app: &App| is_let_in(decide(app.whole(), &found, NOW));
                    seen += 1;
                    assert!(
                        reach(one) <= reach(other),
                        "{text}\nis taken for stricter than\n{than}\nfor {found:?}"
                    );
                }
            }
        }
    }
    assert!(seen > 10_000, "only {seen} comparisons");
}
