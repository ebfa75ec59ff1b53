//! Through a real proxy with the shipped files: who gets in, and what the app learns.
//!
//! Every case runs through every proxy. The app behind never answers where it should not, sees
//! exactly the identity Aegis gave, and never a credential of Aegis.

/// Makes a test of each case for each proxy: `through::identity::caddy::forged_headers_are_replaced`.
/// `with` turns a [`Kind`](crate::lab::proxy::Kind) into what the cases take.
macro_rules! for_every_proxy {
    ($with:expr; $($case:ident),+ $(,)?) => {
        for_every_proxy! { @ $with; ($($case),+);
            caddy Caddy, vulnerable_caddy VulnerableCaddy, old_caddy OldCaddy, traefik Traefik, nginx Nginx,
            old_nginx OldNginx, haproxy Haproxy, old_haproxy OldHaproxy, envoy Envoy,
            apache Apache
        }
    };
    (@ $with:expr; $cases:tt; $($name:ident $kind:ident),+) => {
        $(for_every_proxy! { @@ $with; $cases; $name $kind })+
    };
    (@@ $with:expr; ($($case:ident),+); $name:ident $kind:ident) => {
        mod $name {
            $(#[test] fn $case() { super::$case($with(crate::lab::proxy::Kind::$kind)); })+
        }
    };
}

/// The same in the lab of that proxy that all cases share.
macro_rules! through_every_proxy {
    ($($case:ident),+ $(,)?) => { for_every_proxy! { crate::lab::Lab::shared; $($case),+ } };
}

mod api_tokens;
mod check_endpoints;
mod files;
mod forwarded;
mod haproxy;
mod identity;
mod paths;
mod shapes;
mod sign_in;
mod ways;
