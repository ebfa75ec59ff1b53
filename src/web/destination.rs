//! Where a sign-in leads once it is finished: an app, or one of a few pages of our own. Never trusts the place
//! it was written down in: whatever is read becomes a way back again or nothing.

use http::HeaderValue;

use super::{ReturnTo, urls};

/// Where a sign-in leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// To an app.
    App(ReturnTo),
    /// To a page of one's own account, where a change asks for a second factor.
    Account(&'static str),
    /// To the start page.
    #[default]
    Home,
}

/// The pages of the account that ask for a second factor.
const ACCOUNT_PAGES: [&str; 5] =
    [urls::ACCOUNT, urls::ACCOUNT_TOTP, urls::ACCOUNT_TELEGRAM, urls::ACCOUNT_RECOVERY, urls::ACCOUNT_TOKENS];

impl Destination {
    /// Reads `raw`; `way_back` reads what leads to an app.
    pub fn read(raw: &str, way_back: impl FnOnce(&str) -> Option<ReturnTo>) -> Self {
        match ACCOUNT_PAGES.into_iter().find(|page| *page == raw) {
            Some(page) => Self::Account(page),
            None => way_back(raw).map_or(Self::Home, Self::App),
        }
    }

    /// As [`read`](Self::read) reads it; nothing for the start page.
    pub fn written(&self) -> Option<&str> {
        match self {
            Self::App(return_to) => Some(return_to.as_str()),
            Self::Account(page) => Some(page),
            Self::Home => None,
        }
    }

    /// The way back to an app, if it is one.
    pub fn app(&self) -> Option<&ReturnTo> {
        match self {
            Self::App(return_to) => Some(return_to),
            Self::Account(_) | Self::Home => None,
        }
    }

    /// The value of `Location`.
    pub fn location(&self) -> HeaderValue {
        match self {
            Self::App(return_to) => return_to.location(),
            Self::Account(page) => HeaderValue::from_static(page),
            Self::Home => HeaderValue::from_static(urls::HOME),
        }
    }
}
