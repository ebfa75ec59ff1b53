//! `aegis explain`: what a request was answered, or would be, and by which rule.
//! Asks the running server over its control socket; where none runs, judges by itself and says so.

mod cases;

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args};
use form_urlencoded::Serializer;
use http::StatusCode;
use serde::Serialize;
use tokio::net::UnixStream;

use super::ask::get;
use super::{Common, Failure, Outcome, desk, out, settings};
use crate::clock::Clock;
use crate::error::Fault;
use crate::forward_auth::explain::{Explanation, Otherwise, Supposed, judge};
use crate::serve::control;
use crate::state::{App, Prepared};
use crate::store::Store;
use crate::users::Users;

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["reference", "url", "last", "file"]))]
pub(super) struct Arguments {
    /// The reference that a refusal carries (X-Aegis-Ref, or at the foot of its page)
    #[arg(value_name = "REF")]
    pub(super) reference: Option<String>,
    /// The address to judge, as a browser would show it
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The last refusal, of this host if one is named
    #[expect(clippy::option_option, reason = "clap's way to say: absent, alone, or with a host")]
    #[arg(long, value_name = "HOST", num_args = 0..=1)]
    pub(super) last: Option<Option<String>>,
    /// A table of requests and of what each should be answered
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "GET", conflicts_with_all = ["reference", "last", "file"])]
    pub(super) method: String,
    /// Who asks: a username or an e-mail; without it nobody who is signed in
    #[arg(long = "as", value_name = "USER", conflicts_with_all = ["reference", "last", "file"])]
    pub(super) user: Option<String>,
    /// The address they ask from
    #[arg(long, value_name = "IP", conflicts_with_all = ["reference", "last", "file"])]
    pub(super) from: Option<IpAddr>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    explanation: &'a Explanation,
    /// `server`, or `command` where none runs.
    judged_by: &'static str,
}

/// Explains, and is done whatever the verdict.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = App::prepare(&settings).map_err(Failure::Configuration)?;
    if let Some(file) = &arguments.file {
        return cases::run(&prepared.current, file, arguments.json);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::said(format!("cannot start: {error}")))?;
    let socket = control::socket(&prepared.fixed.data_dir);
    let (explanation, judged_by) = match runtime.block_on(ask(&socket, &question(arguments)))? {
        Some(explanation) => (explanation, "server"),
        None => (runtime.block_on(alone(&prepared, arguments, &socket))?, "command"),
    };
    if arguments.json {
        return out::json(&Told { explanation: &explanation, judged_by });
    }
    if judged_by == "command" {
        out::line(&format!(
            "no server answers at {}: this is what the configuration and the data say",
            out::tame(&socket.display().to_string())
        ));
    }
    out::line(&in_words(&explanation));
    Ok(())
}

/// The question as the server reads it.
fn question(arguments: &Arguments) -> String {
    let mut query = Serializer::new(format!("{}?", control::EXPLAIN));
    if let Some(reference) = &arguments.reference {
        query.append_pair("reference", reference);
    }
    if let Some(host) = &arguments.last {
        query.append_pair("last", "");
        query.extend_pairs(host.iter().map(|host| ("host", host)));
    }
    if let Some(url) = &arguments.url {
        query.append_pair("url", url).append_pair("method", &arguments.method);
        query.extend_pairs(arguments.user.iter().map(|user| ("as", user)));
        query.extend_pairs(arguments.from.iter().map(|from| ("from", from.to_string())));
    }
    query.finish()
}

/// What the server whose control socket this is says of a refusal, if it runs and knows it.
pub(super) async fn of_reference(socket: &Path, reference: &str) -> Option<Explanation> {
    let question =
        Serializer::new(format!("{}?", control::EXPLAIN)).append_pair("reference", reference).finish();
    ask(socket, &question).await.ok().flatten()
}

/// The server's explanation; nothing if none runs.
async fn ask(socket: &Path, question: &str) -> Result<Option<Explanation>, Failure> {
    let shown = socket.display();
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(error.kind()) => {
            return Ok(None);
        }
        Err(error) => {
            let fault = Fault::new(format!("cannot ask the server at {shown}: {error}"));
            return Err(fault.hint("only the user it runs as may: `sudo -u aegis aegis explain …`").into());
        }
    };
    let answered = tokio::time::timeout(PATIENCE, get(stream, question)).await;
    let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
    let (status, body) = answered
        .map_err(late)
        .and_then(|answered| answered.map_err(|error| error.to_string()))
        .map_err(|why| Failure::said(format!("the server at {shown} did not answer: {why}")))?;
    let wrong = |_| Failure::said(format!("the server at {shown} is of another version: restart it"));
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map(Some).map_err(wrong);
    }
    let problem: serde_json::Value = serde_json::from_slice(&body).map_err(wrong)?;
    let detail = problem.get("detail").and_then(serde_json::Value::as_str).unwrap_or("it failed");
    let fault = Fault::new(detail);
    Err(match (status, detail.starts_with("no refusal")) {
        (StatusCode::NOT_FOUND, true) => fault
            .hint("the server keeps its last 4096 refusals, and none from before its start; older ones are in its log")
            .into(),
        _ => fault.into(),
    })
}

/// Whether a failure to connect means that no server runs there. A path too long for a socket is one
/// at which none can.
fn is_nobody(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput)
}

/// The explanation that configuration and data alone can give.
async fn alone(prepared: &Prepared, arguments: &Arguments, socket: &Path) -> Result<Explanation, Failure> {
    let Some(url) = &arguments.url else {
        let fault = Fault::new(format!("no server answers at {}", socket.display()));
        return Err(fault
            .hint("refusals are kept in its memory alone: is it running, and with this `data_dir`?")
            .into());
    };
    let unread =
        |why: String| Fault::new(why).hint("such as `--url https://arlo.example.com/admin --method POST`");
    let mut supposed = Supposed::parse(&arguments.method, url).map_err(unread)?;
    supposed.from = arguments.from.map(Into::into);
    let user = match &arguments.user {
        None => None,
        Some(login) => {
            let user = match Store::open_existing(&prepared.fixed.data_dir)? {
                None => None,
                Some(store) => {
                    let read = Users::new(store.clone()).by_login(login).await;
                    store.close().await;
                    read?
                }
            };
            Some(user.ok_or_else(|| desk::nobody(login))?)
        }
    };
    supposed.user = user.as_ref();
    Ok(judge(&prepared.current, &supposed, Clock::system().now().wall))
}

/// The explanation as a person reads it.
fn in_words(explanation: &Explanation) -> String {
    let Explanation {
        reference,
        at,
        asked,
        by,
        from,
        rule,
        place,
        passed_over,
        answer: _,
        allowed: _,
        verdict,
        why,
        advice,
        with_two_factors,
    } = explanation;
    let joined = |one: &str, link: &str, other: &Option<String>| match other {
        Some(other) => format!("{one}{link}{other}"),
        None => one.to_owned(),
    };
    let mut by = joined(by.as_deref().unwrap_or("nobody who is signed in"), ", from ", from);
    if with_two_factors.is_some() {
        by.push_str(", signed in with a password alone");
    }
    let with_two =
        with_two_factors.as_ref().map(|Otherwise { verdict, why, .. }| format!("{verdict}: {why}"));
    let rule = rule.as_deref().map(|rule| joined(rule, ", in ", place));
    let reference = reference.as_deref().map(|reference| joined(reference, ", at ", at));
    let lines = [
        ("reference", reference),
        ("asked", Some(asked.clone())),
        ("by", Some(by)),
        ("rule", Some(rule.unwrap_or_else(|| "none".to_owned()))),
        ("not", (!passed_over.is_empty()).then(|| passed_over.join("; "))),
        ("verdict", Some(verdict.clone())),
        ("why", Some(why.clone())),
        ("2 factors", with_two),
        ("to let in", advice.clone()),
    ];
    let line = |(name, text): (&str, Option<String>)| Some(format!("{name:9}  {}", out::tame(&text?)));
    lines.into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}
