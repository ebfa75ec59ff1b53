//! One's own API tokens. A token counts as two factors, so it is made only where two were shown just now;
//! it may be revoked by whoever sees it. Never shows one again.

use http::Method;

use super::{Door, Owner, Visit};
use crate::api_tokens::{Listed, NewApiToken};
use crate::clock::Wall;
use crate::error::{Error, Fault, Kind};
use crate::identity::{Actor, ApiTokenId, AppName, Found};
use crate::place::CanonicalPath;
use crate::policy::{self, Allow, App, Scope, Verdict};
use crate::state::Current;
use crate::store::Write;
use crate::web::Response;
use crate::web::forms::Form;
use crate::web::pages::{self, ApiTokenLine, EXPIRIES, Said};

impl Door {
    /// `GET /account/tokens`.
    pub async fn tokens_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        self.show_tokens(&owner, &Form::default(), visit.now.wall, Said::Nothing).await
    }

    /// `POST /account/tokens`: makes one, and shows it in the answer, once.
    pub async fn make_token(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let now = visit.now.wall;
        let wanted = if self.has_just_shown_two(&owner, now) {
            wanted(&self.app.current.load(), &owner, &form, now)
        } else {
            Err(Error::said(Kind::Forbidden, "Show your second factor again first, then make the token."))
        };
        let made = match wanted {
            Ok(new) => {
                let made =
                    self.app.api_tokens.create(owner.still(Write::new()), new, owner.actor(), now).await;
                made.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(made) => {
                let (site, name) = (&self.app.current.load().site, form.text("name").trim());
                Ok(pages::api_token_made(site, owner.user.username.as_str(), name, made.token.reveal()))
            }
            Err(error) => self.show_tokens(&owner, &form, now, Said::Refused(&error)).await,
        }
    }

    /// `POST /account/tokens/revoke`.
    pub async fn revoke_token(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let id: ApiTokenId =
            form.text("id").parse().map_err(|_| Error::said(Kind::Unprocessable, "That is not a token."))?;
        let (user, now) = (owner.user.id, visit.now.wall);
        let revoked =
            self.app.api_tokens.revoke(user, id, Actor::User(user), visit.came.address, now).await?;
        let said = if revoked { "That token was revoked." } else { "That token was revoked already." };
        self.show_tokens(&owner, &Form::default(), now, Said::Done(said)).await
    }

    /// The page, with what was typed into its form.
    async fn show_tokens(
        &self,
        owner: &Owner,
        form: &Form,
        now: Wall,
        said: Said<'_>,
    ) -> Result<Response, Error> {
        let current = self.app.current.load();
        let mut listed = self.app.api_tokens.list(Some(owner.user.id)).await?;
        listed.reverse();
        let tokens: Vec<ApiTokenLine<'_>> = listed.iter().map(line).collect();
        let apps: Vec<(&str, &str, bool)> = open_to(&current, owner, now)
            .map(|app| {
                let name = app.name().as_str();
                (name, app.title(), form.has(&pages::app_field(name)))
            })
            .collect();
        let typed = form.text("expires");
        let page = pages::ApiTokens {
            username: owner.user.username.as_str(),
            tokens: &tokens,
            form: self.has_just_shown_two(owner, now).then_some(pages::NewApiToken {
                name: form.text("name"),
                apps: &apps,
                all_apps: form.has("all-apps"),
                allow: form.text("allow"),
                expires: if typed.is_empty() { pages::USUAL_EXPIRY } else { typed },
            }),
            now,
            said,
        };
        Ok(pages::api_tokens(&current.site, &page))
    }
}

/// The token that the form asks for.
fn wanted<'a>(current: &Current, owner: &Owner, form: &'a Form, now: Wall) -> Result<NewApiToken<'a>, Error> {
    let refused = |why: &str| Error::said(Kind::Unprocessable, why.to_owned());
    let ticked = |app: &&App| form.has(&pages::app_field(app.name().as_str()));
    let apps: Vec<AppName> =
        open_to(current, owner, now).filter(ticked).map(|app| app.name().clone()).collect();
    let apps = match (apps.is_empty(), form.has("all-apps")) {
        (_, true) => Vec::new(),
        (false, false) => apps,
        (true, false) => return Err(refused("Choose at least one app.")),
    };
    let lines = form.text("allow").lines().filter(|line| !line.trim().is_empty());
    let allow =
        lines.map(Allow::parse).collect::<Result<_, _>>().map_err(|fault| refused(&in_words(fault)))?;
    let expires = EXPIRIES.iter().find(|(value, ..)| *value == form.text("expires"));
    let Some((_, span, _)) = expires else { return Err(refused("Choose how long it is to last.")) };
    Ok(NewApiToken {
        user: owner.user.id,
        name: form.text("name"),
        scope: Scope::new(apps, allow).map_err(|fault| refused(&in_words(fault)))?,
        expires_at: span.map(|span| now.plus(span)),
    })
}

/// What is wrong with what somebody typed, and what to write instead.
fn in_words(fault: Fault) -> String {
    match fault.hint {
        Some(hint) => format!("{}: {hint}.", fault.message),
        None => format!("{}.", fault.message),
    }
}

/// The apps that a token of theirs could open: the whole, its front page, or what some rule is for.
fn open_to<'c>(current: &'c Current, owner: &Owner, now: Wall) -> impl Iterator<Item = &'c App> {
    let found = Found::Known(owner.user.by_token().into());
    current.policy.apps().iter().map(|app| &**app).filter(move |app| {
        let front = app.rule_for(&Method::GET, &CanonicalPath::ROOT, None);
        let is_open =
            |rule| matches!(policy::decide(rule, &found, now), Verdict::Allow | Verdict::AllowAsNobody);
        let lets_in = |rule| policy::decide(rule, &found, now) == Verdict::Allow;
        is_open(app.whole()) || is_open(front) || app.rules().any(lets_in)
    })
}

fn line(listed: &Listed) -> ApiTokenLine<'_> {
    ApiTokenLine {
        id: listed.id,
        name: &listed.name,
        apps: listed.scope.apps().iter().map(AppName::as_str).collect(),
        allow: listed.scope.allow().iter().map(ToString::to_string).collect(),
        expires_at: listed.expires_at,
        used_at: listed.used_at,
    }
}
