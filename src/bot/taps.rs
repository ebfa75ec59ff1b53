//! What a button carries, and what its tap does.

use super::limits::Try;
use super::outbox::{Reply, Toast};
use super::{Bot, Private, sent};
use crate::audit::Event;
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, SessionId};
use crate::second_factor::challenge::{Answer, Challenge, Decided, State, Theirs};
use crate::telegram::Data;

/// A tap on a button.
pub(super) struct Tap<'a> {
    pub(super) who: Private,
    pub(super) query: String,
    pub(super) message: Option<i64>,
    pub(super) data: &'a str,
}

/// What a button does. Which sign-in it belongs to, its `tap` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Picks the number at that place.
    Pick(usize),
    /// Approves.
    Approve,
    /// Denies.
    Deny,
    /// Ends the session that was opened.
    SignOut,
    /// Ends every session of the account.
    SignOutEverywhere,
}

impl Does {
    /// What the button carries.
    pub(super) fn data(self, tap: &str) -> Option<Data> {
        Data::new(match self {
            Self::Pick(place) => format!("p1|{tap}|{place}"),
            Self::Approve => format!("p1|{tap}|a"),
            Self::Deny => format!("p1|{tap}|x"),
            Self::SignOut => format!("s1|{tap}"),
            Self::SignOutEverywhere => format!("e1|{tap}"),
        })
    }

    /// What a button does that carries `data`, and of which sign-in.
    fn read(data: &str) -> Option<(Self, &str)> {
        let mut parts = data.split('|');
        let (kind, tap, which, rest) = (parts.next()?, parts.next()?, parts.next(), parts.next());
        // A button of ours carries base64url. A client that was made for it sends whatever it likes, and what
        // the store cannot be asked for would be heard again and again.
        if !tap.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return None;
        }
        let does = match (kind, which, rest) {
            ("p1", Some("a"), None) => Self::Approve,
            ("p1", Some("x"), None) => Self::Deny,
            ("p1", Some("0"), None) => Self::Pick(0),
            ("p1", Some("1"), None) => Self::Pick(1),
            ("p1", Some("2"), None) => Self::Pick(2),
            ("p1", Some("3"), None) => Self::Pick(3),
            ("s1", None, None) => Self::SignOut,
            ("e1", None, None) => Self::SignOutEverywhere,
            _ => return None,
        };
        Some((does, tap))
    }
}

const NOT_YOURS: (&str, bool) = ("This request isn't for you.", true);
const OVER: (&str, bool) = ("This request is over.", true);

/// Somebody tapped a button.
pub(super) async fn tapped(bot: &Bot, tap: Tap<'_>, now: Wall) -> Result<(), Error> {
    let (person, mono) = (tap.who.person, bot.app.clock.now().mono);
    let (text, alert) = match Does::read(tap.data) {
        Some(_) if !bot.limits.allows(person, Try::Button, mono) => NOT_YOURS,
        Some((does, of)) => done(bot, does, of, &tap, now).await?,
        None => OVER,
    };
    if (text, alert) == NOT_YOURS {
        bot.limits.count(person, Try::Button, mono);
    }
    bot.outbox.toast(Toast { query: tap.query, text, alert });
    Ok(())
}

/// Does it, and says what is shown for it.
async fn done(
    bot: &Bot,
    does: Does,
    of: &str,
    tap: &Tap<'_>,
    now: Wall,
) -> Result<(&'static str, bool), Error> {
    let who = tap.who.pair();
    let challenges = &bot.app.second_factor.challenges;
    let answer = match does {
        Does::Pick(place) => Answer::Picked(place),
        Does::Approve => Answer::Approved,
        Does::Deny => Answer::NotMe,
        Does::SignOut | Does::SignOutEverywhere => {
            return match challenges.theirs(of, who, now).await? {
                Theirs::Yes(challenge, opened) => end(bot, does, &challenge, opened, tap, now).await,
                Theirs::WrongPerson => Ok(NOT_YOURS),
                Theirs::Nothing => Ok(OVER),
            };
        }
    };
    Ok(in_words(&challenges.answer(of, who, answer, now).await?))
}

/// Ends sessions, and puts that into the message.
async fn end(
    bot: &Bot,
    does: Does,
    challenge: &Challenge,
    opened: Option<SessionId>,
    tap: &Tap<'_>,
    now: Wall,
) -> Result<(&'static str, bool), Error> {
    let (user, actor) = (challenge.user, Actor::User(challenge.user));
    let said = match (does, opened) {
        (Does::SignOutEverywhere, _) => {
            bot.app.users.end_sessions(user, actor, now).await?;
            "Signed out everywhere."
        }
        (_, Some(session)) => {
            if bot.app.sessions.end(user, session, Event::SessionEnded, actor, None, now).await? {
                "Signed out."
            } else {
                "It was signed out already."
            }
        }
        (_, None) => return Ok(OVER),
    };
    if let Some(message) = tap.message {
        let text = sent::after_the_end(&bot.app.current.load(), challenge, said, now);
        bot.outbox.reply(Reply { chat: tap.who.chat, instead_of: Some(message), message: text });
    }
    Ok((said, false))
}

/// What is shown to whoever answered, and whether it has to be closed.
pub(super) fn in_words(decided: &Decided) -> (&'static str, bool) {
    match decided {
        Decided::Now(challenge) => match challenge.state {
            State::Approved => ("Signed in.", false),
            State::WrongNumber => ("That's not the number on the page. Sign-in stopped.", true),
            _ => ("Denied. Nobody was signed in.", true),
        },
        Decided::Before(challenge) => match challenge.state {
            State::Approved | State::Finished => ("Already finished.", false),
            State::Denied => ("Already denied.", false),
            State::WrongNumber => ("Already stopped: it was the wrong number.", false),
            State::Expired | State::Pending => ("This request has expired.", true),
            State::Superseded => ("Use the newer message.", true),
            State::Cancelled => ("Already cancelled.", false),
        },
        Decided::WrongPerson => NOT_YOURS,
        Decided::Nothing => OVER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_is_read_as_it_was_written_and_nothing_else_is_one() {
        let tap = "abcdefghijklmnopqrstuv";
        for does in
            [Does::Pick(0), Does::Pick(3), Does::Approve, Does::Deny, Does::SignOut, Does::SignOutEverywhere]
        {
            let data = format!("{:?}", does.data(tap).expect("a button can carry it"));
            let text = data.split('"').nth(1).expect("its text");
            assert_eq!(Does::read(text), Some((does, tap)), "{text}");
        }
        for wrong in [
            "", "p1", "p1|", "p1|x", "p1||", "p1|t|4", "p1|t|00", "p1|t|a|", "s1|t|", "e1", "q1|t|0",
            "s1|\0", "e1|é",
        ] {
            assert_eq!(Does::read(wrong), None, "{wrong:?}");
        }
    }
}
