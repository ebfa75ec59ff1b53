//! Through a real proxy with the shipped files: who gets in, and what the app learns.
//!
//! Every case runs through every proxy. The app behind never answers where it should not, sees
//! exactly the identity Aegis gave, and never a credential of Aegis.

/// Makes a test of each case for each proxy: `through::identity::caddy::forged_headers_are_replaced`.
macro_rules! through_every_proxy {
    ($($case:ident),+ $(,)?) => {
        mod caddy {
            $(#[test] fn $case() { super::$case(crate::lab::Lab::shared(crate::lab::proxy::Kind::Caddy)); })+
        }
        mod old_caddy {
            $(#[test] fn $case() { super::$case(crate::lab::Lab::shared(crate::lab::proxy::Kind::OldCaddy)); })+
        }
        mod nginx {
            $(#[test] fn $case() { super::$case(crate::lab::Lab::shared(crate::lab::proxy::Kind::Nginx)); })+
        }
    };
}

mod api_tokens;
mod check_endpoints;
mod files;
mod forwarded;
mod identity;
mod outage;
mod paths;
mod shapes;
mod sign_in;
mod ways;
