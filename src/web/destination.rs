//! Where a sign-in leads once it is finished: an app, or one of two pages of our own. Never trusts the place
//! it was written down in: whatever is read becomes a way back again or nothing.

use http::HeaderValue;

use super::{ReturnTo, urls};

/// Where a sign-in leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// To an app.
    App(ReturnTo),
    /// To one's own account, where a change asks for a second factor.
    Account,
    /// To the start page.
    #[default]
    Home,
}

impl Destination {
    /// Reads `raw`; `way_back` reads what leads to an app.
    pub fn read(raw: &str, way_back: impl FnOnce(&str) -> Option<ReturnTo>) -> Self {
        match raw {
            urls::ACCOUNT => Self::Account,
            raw => way_back(raw).map_or(Self::Home, Self::App),
        }
    }

    /// As [`read`](Self::read) reads it; nothing for the start page.
    pub fn written(&self) -> Option<&str> {
        match self {
            Self::App(return_to) => Some(return_to.as_str()),
            Self::Account => Some(urls::ACCOUNT),
            Self::Home => None,
        }
    }

    /// The way back to an app, if it is one.
    pub fn app(&self) -> Option<&ReturnTo> {
        match self {
            Self::App(return_to) => Some(return_to),
            Self::Account | Self::Home => None,
        }
    }

    /// The value of `Location`.
    pub fn location(&self) -> HeaderValue {
        match self {
            Self::App(return_to) => return_to.location(),
            Self::Account => HeaderValue::from_static(urls::ACCOUNT),
            Self::Home => HeaderValue::from_static(urls::HOME),
        }
    }
}
