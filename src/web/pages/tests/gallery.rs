//! Every page in every state.

use super::*;
use crate::identity::ChallengeId;

/// Every page in every state, with `text` wherever somebody else's text can stand.
pub(super) fn gallery(site: &Site, text: &str) -> Vec<(&'static str, Response)> {
    let back = return_to("https://jellyfin.example.com/web/?a=%22%3E%3Cscript%3E&b='onload='x");
    let host: Host = "grafana.example.com".parse().unwrap();
    let domain: Host = "example.com".parse().unwrap();
    let from = CameFrom { address: Some("203.0.113.7".parse().unwrap()), tailnet: OnTailnet::Elsewhere };
    let on_tailnet = |tailnet| CameFrom { address: Some("100.64.0.9".parse().unwrap()), tailnet };
    let form = SignIn { return_to: Some(&back), email: text, from, ..SignIn::default() };
    let refused = Error::said(Kind::Unprocessable, format!("That is not your current password. {text}"));
    let minutes = Duration::from_mins(5);
    let origins: Vec<Origin> =
        ["https://arlo.example.com", "https://photos.example.com", "https://wiki.example.com"]
            .iter()
            .map(|origin| origin.parse().unwrap())
            .collect();
    let tiles: Vec<Tile<'_>> = origins.iter().map(|origin| Tile { title: text, origin }).collect();
    let session = |this| SessionLine {
        id: SessionId::new(),
        user_agent: if this { "Mozilla/5.0 (Windows NT 10.0) Firefox/153.0" } else { text },
        address: Some(if this { "203.0.113.7" } else { text }),
        methods: "password",
        used_at: MOMENT.minus(Duration::from_hours(2)),
        this,
    };
    let sessions = [session(true), session(false)];
    let since = SinceLine { name: text, since: MOMENT, used_at: Some(MOMENT) };
    let passkeys = [PasskeyLine { id: text, line: since }];
    let factors = FactorLines {
        telegram: Some((since, true)),
        totp: Some(SinceLine { name: "", ..since }),
        passkeys: &passkeys,
        recovery_codes: 2,
    };
    let no_factors = FactorLines { telegram: None, totp: None, passkeys: &[], recovery_codes: 0 };
    let all = Offers { telegram: true, passkey: true, totp: true };
    let device = DeviceLine { id: text, user_agent: text, since: MOMENT };
    let devices = [device, device];
    let notices = [NoticeLine { at: MOMENT, sentence: text.to_owned() }];
    let enrolment = Enrol {
        username: text,
        administrator: true,
        offers: all,
        state: EnrolState::May(Some(MOMENT)),
        said: Said::Nothing,
    };
    let app = SetUpTotp { username: text, uri: text, secret: text, sealed: text, said: Said::Nothing };
    let answer = TelegramAnswer {
        username: text,
        answerer: Some((7, text)),
        expires_at: Some(MOMENT),
        said: Said::Nothing,
    };
    let offered = TelegramOffer {
        username: text,
        bot: "example_bot",
        payload: "x",
        short: "7F3K-92QD",
        expires_at: MOMENT,
    };
    let leaving = Removal {
        username: text,
        method: Method::Passkey,
        name: text,
        asked: text,
        is_last: true,
        asks_for_password: true,
        said: Said::Nothing,
    };
    let mine = Account {
        username: text,
        email: Some(text),
        name: text,
        by: KnownBy::Session,
        factors,
        offers: all,
        may_enrol: true,
        devices: &devices,
        notices: &notices,
        password_changed_at: Some(MOMENT),
        linked: &[],
        offer: None,
        sessions: &sessions,
        now: MOMENT,
        said: Said::Nothing,
    };
    let setup = Setup { code: text, username: text, email: text, name: text, ..Setup::default() };
    let to_app = Destination::App(back.clone());
    let step = Step {
        id: ChallengeId::new(),
        to: &to_app,
        telegram: OnTelegram::Asked(Asks::Pick(42)),
        bot: Some(text),
        others: Others { totp: true, passkeys: true, recovery: true },
        keep: true,
        remember: true,
        ends: MOMENT.plus(minutes),
        again_at: MOMENT.plus(Duration::from_secs(30)),
        now: MOMENT,
    };
    let of = |telegram| Step { telegram, ..step };
    let paused = OnTelegram::Paused { until: MOMENT.plus(minutes), denied: true };
    let offer = |ticked| Some(Offer { login: text, ticked });
    let home_of = |by, tiles| home(site, &Home { username: text, by, tiles });
    vec![
        ("sign-in", sign_in(site, &SignIn { email: "", ..form })),
        ("sign-in-wrong", sign_in(site, &SignIn { state: SignInState::Wrong, keep: true, ..form })),
        ("sign-in-not-kept", sign_in(site, &SignIn { state: SignInState::NotKept, ..form })),
        ("sign-in-busy", sign_in(site, &SignIn { state: SignInState::Busy(Duration::from_secs(3)), ..form })),
        (
            "sign-in-ended",
            sign_in(site, &SignIn { state: SignInState::SessionEnded, return_to: None, ..form }),
        ),
        (
            "too-many",
            too_many(
                site,
                &TooMany { until: MOMENT.plus(minutes), now: MOMENT, return_to: Some(&back), from },
            ),
        ),
        ("sign-in-unvouched", sign_in(site, &SignIn { from: on_tailnet(OnTailnet::Unvouched), ..form })),
        ("sign-in-stranger", sign_in(site, &SignIn { from: on_tailnet(OnTailnet::Stranger(text)), ..form })),
        ("sign-in-unusable", sign_in(site, &SignIn { from: on_tailnet(OnTailnet::Unusable(text)), ..form })),
        (
            "sign-in-unanswered",
            sign_in(
                site,
                &SignIn { from: on_tailnet(OnTailnet::Unanswered("Tailscale does not answer here")), ..form },
            ),
        ),
        ("sign-in-foreign", sign_in(site, &SignIn { from: on_tailnet(OnTailnet::Foreign), ..form })),
        ("sign-in-signed-out", sign_in(site, &SignIn { from: on_tailnet(OnTailnet::SignedOut), ..form })),
        (
            "sign-in-known-wrong",
            sign_in(
                site,
                &SignIn { state: SignInState::Wrong, from: on_tailnet(OnTailnet::Known(text)), ..form },
            ),
        ),
        (
            "sign-in-one-factor",
            sign_in(
                site,
                &SignIn { state: SignInState::OneFactor, from: on_tailnet(OnTailnet::Known(text)), ..form },
            ),
        ),
        (
            "sign-in-no-access",
            sign_in(
                site,
                &SignIn { state: SignInState::NoAccess, from: on_tailnet(OnTailnet::Known(text)), ..form },
            ),
        ),
        (
            "second-factor",
            second_factor(site, &SecondFactor { username: text, return_to: Some(&back), from }),
        ),
        (
            "second-factor-stranger",
            second_factor(
                site,
                &SecondFactor {
                    username: text,
                    return_to: Some(&back),
                    from: on_tailnet(OnTailnet::Stranger(text)),
                },
            ),
        ),
        (
            "second-factor-signed-out",
            second_factor(
                site,
                &SecondFactor {
                    username: text,
                    return_to: Some(&back),
                    from: on_tailnet(OnTailnet::SignedOut),
                },
            ),
        ),
        (
            "second-factor-on-tailnet",
            second_factor(
                site,
                &SecondFactor { username: text, return_to: None, from: on_tailnet(OnTailnet::Known(text)) },
            ),
        ),
        ("step-up", step_up(site, &to_app)),
        ("step-up-account", step_up(site, &Destination::Account(urls::ACCOUNT))),
        ("approve", approve(site, &step, Tried::Nothing)),
        ("approve-type", approve(site, &of(OnTelegram::Asked(Asks::Type(42))), Tried::Nothing)),
        ("approve-plain", approve(site, &of(OnTelegram::Asked(Asks::Plain)), Tried::Nothing)),
        ("approve-too-soon", approve(site, &step, Tried::TooSoon)),
        ("approve-again-too-soon", approve(site, &step, Tried::AgainTooSoon)),
        ("approve-unreachable", approve(site, &of(OnTelegram::Unreachable), Tried::Nothing)),
        ("approve-blocked", approve(site, &of(OnTelegram::Blocked), Tried::Nothing)),
        ("approve-paused", approve(site, &of(paused), Tried::Nothing)),
        ("approve-not-asked", approve(site, &of(OnTelegram::NotAsked), Tried::Nothing)),
        (
            "approve-nothing",
            approve(
                site,
                &Step { telegram: OnTelegram::Unused, others: Others::default(), bot: None, ..step },
                Tried::Nothing,
            ),
        ),
        ("approved", approved(site, &step)),
        ("code", code(site, &step, Tried::Nothing)),
        ("code-wrong", code(site, &step, Tried::WrongCode)),
        ("code-paused", code(site, &of(paused), Tried::Nothing)),
        ("codes-locked", codes_locked(site, &step, MOMENT.plus(minutes))),
        ("recovery", recovery(site, &step, Tried::Nothing)),
        ("recovery-wrong", recovery(site, &of(OnTelegram::Blocked), Tried::WrongCode)),
        ("passkey", passkey(site, &of(OnTelegram::Unreachable))),
        ("denied", ended(site, &to_app, Ended::Denied)),
        ("wrong-number", ended(site, &to_app, Ended::WrongNumber)),
        ("expired", ended(site, &to_app, Ended::Expired { at: MOMENT, approved: false })),
        ("expired-approved", ended(site, &Destination::Home, Ended::Expired { at: MOMENT, approved: true })),
        ("superseded", ended(site, &to_app, Ended::Superseded)),
        ("over", ended(site, &to_app, Ended::Over)),
        ("another-waits", another_waits(site, &to_app)),
        ("sign-out", sign_out(site, Some(text), None)),
        ("sign-out-device", sign_out(site, None, Some(text))),
        ("sign-out-both", sign_out(site, Some(text), Some(text))),
        ("signed-out", signed_out(site, false)),
        ("signed-out-on-tailnet", signed_out(site, true)),
        ("home", home_of(KnownBy::Session, &tiles[..])),
        ("home-device", home_of(KnownBy::Device(text), &tiles[..])),
        ("home-both", home_of(KnownBy::Both(text), &tiles[..])),
        ("home-empty", home_of(KnownBy::Session, &[])),
        ("no-apps", no_apps(site, text, KnownBy::Both(text))),
        ("account", account(site, &mine)),
        ("account-done", account(site, &Account { said: Said::Done("Your password is changed."), ..mine })),
        ("account-refused", account(site, &Account { said: Said::Refused(&refused), ..mine })),
        (
            "account-no-password",
            account(site, &Account { password_changed_at: None, sessions: &sessions[..1], ..mine }),
        ),
        (
            "account-device",
            account(
                site,
                &Account { by: KnownBy::Device(text), linked: &[text], sessions: &sessions[1..], ..mine },
            ),
        ),
        (
            "account-device-nowhere",
            account(site, &Account { by: KnownBy::Device(text), sessions: &[], ..mine }),
        ),
        ("account-no-factors", account(site, &Account { factors: no_factors, may_enrol: false, ..mine })),
        ("account-stale", account(site, &Account { may_enrol: false, ..mine })),
        ("enrol", enrol(site, &enrolment)),
        ("enrol-device", enrol(site, &Enrol { state: EnrolState::OwnDevice(text), ..enrolment })),
        ("enrol-refused", enrol(site, &Enrol { said: Said::Refused(&refused), ..enrolment })),
        ("enrol-link", enrol(site, &Enrol { state: EnrolState::NeedsLink, ..enrolment })),
        (
            "enrol-link-of-another",
            enrol(site, &Enrol { state: EnrolState::NeedsLink, administrator: false, ..enrolment }),
        ),
        ("totp", set_up_totp(site, &app)),
        ("totp-refused", set_up_totp(site, &SetUpTotp { said: Said::Refused(&refused), ..app })),
        ("telegram", telegram_offer(site, &offered)),
        ("telegram-answered", telegram_answer(site, &answer)),
        ("telegram-waits", telegram_answer(site, &TelegramAnswer { answerer: None, ..answer })),
        (
            "telegram-over",
            telegram_answer(site, &TelegramAnswer { answerer: None, expires_at: None, ..answer }),
        ),
        ("codes-new", new_recovery_codes(site, text, 0)),
        ("codes-again", new_recovery_codes(site, text, 2)),
        ("codes", recovery_codes(site, text, &["abcd-efgh-jkmn-pqrs"; 10], MOMENT)),
        ("removal", removal(site, &leaving)),
        ("removal-refused", removal(site, &Removal { said: Said::Refused(&refused), ..leaving })),
        ("removal-tailnet", removal(site, &Removal { method: Method::Tailnet, is_last: false, ..leaving })),
        ("passkey-name", rename_passkey(site, text, text)),
        ("factor", link_factor(site, text, Said::Nothing)),
        ("factor-refused", link_factor(site, text, Said::Refused(&refused))),
        ("link-done", link_done(site, true)),
        ("account-offer", account(site, &Account { offer: Some(text), ..mine })),
        ("setup", link_setup(site, &Setup::default())),
        ("setup-offer", link_setup(site, &Setup { offer: offer(true), ..setup })),
        ("setup-refused", link_setup(site, &Setup { said: Said::Refused(&refused), ..setup })),
        ("password", link_password(site, text, None, Said::Nothing)),
        ("password-offer", link_password(site, text, offer(true), Said::Nothing)),
        ("password-refused", link_password(site, text, offer(false), Said::Refused(&refused))),
        ("link-used", link_used(site)),
        ("error", error(site, &refused, Some("7F3K-92QD"))),
        ("not-found", not_found(site)),
        ("method-not-allowed", method_not_allowed(site, "GET, HEAD")),
        ("loop-domain", looping(site, &back, Circle::Session(Astray::Domain(Some(&domain))))),
        ("loop-without-domain", looping(site, &back, Circle::Session(Astray::Domain(None)))),
        ("loop-not-kept", looping(site, &back, Circle::Session(Astray::NotKept(&domain)))),
        ("loop-http", looping(site, &back, Circle::Session(Astray::Http))),
        ("loop-several", looping(site, &back, Circle::Session(Astray::Several(&domain)))),
        ("loop-foreign", looping(site, &back, Circle::Session(Astray::Foreign(&domain)))),
        ("loop-clock", looping(site, &back, Circle::Session(Astray::Clock))),
        ("loop-not-passed", looping(site, &back, Circle::Session(Astray::NotPassed))),
        ("loop-device", looping(site, &back, Circle::Device(text))),
        (
            "travelling-no-access",
            travelling::no_access(
                site,
                &travelling::NoAccess {
                    name: text,
                    host: &host,
                    partly: false,
                    needs: Some(text),
                    reference: "7F3K-92QD",
                },
            ),
        ),
        (
            "travelling-unavailable",
            travelling::refusal(site, &Error::unavailable("the store is away"), "7F3K-92QD"),
        ),
        (
            "travelling-malformed",
            travelling::refusal(site, &Error::said(Kind::Malformed, format!("No. {text}")), "7F3K-92QD"),
        ),
    ]
}
