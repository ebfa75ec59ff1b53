//! The server inside the test's process, asked over real sockets, with its clock in the test's hand.
//!
//! Every case runs with checks remembered and with nothing remembered: that may not change a verdict.

/// Makes two tests of each case: `inside::verdicts::remembering::…` and `inside::verdicts::forgetting::…`.
macro_rules! with_and_without_memory {
    ($($case:ident),+ $(,)?) => {
        mod remembering {
            $(#[test] fn $case() { super::$case(crate::inside::house::Memory::On); })+
        }
        mod forgetting {
            $(#[test] fn $case() { super::$case(crate::inside::house::Memory::Off); })+
        }
    };
}

pub(crate) mod house;
pub(crate) mod visit;

mod api_tokens;
mod credentials;
mod elsewhere;
mod endpoints;
mod enrolment;
mod factors;
mod guessing;
mod identity;
mod interface;
mod leaving;
mod lifetimes;
mod lost_database;
mod own_tokens;
mod pages;
mod passkeys;
mod password_alone;
mod properties;
mod races;
mod readings;
mod regressions;
mod reload;
mod rules;
pub(crate) mod second_factor;
mod soft_webauthn;
pub(crate) mod telegram;
mod typed;
mod verdicts;
mod wire;
