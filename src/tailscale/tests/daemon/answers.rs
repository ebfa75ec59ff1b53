//! What the stand-in answers, to the byte.

use super::*;

/// `State` on the bus.
pub(super) fn number_of(state: &str) -> Value {
    let states =
        ["NoState", "InUseOtherUser", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running"];
    states.iter().position(|known| *known == state).expect("a state of the backend").into()
}

pub(super) enum Answer {
    /// Tab-indented.
    Json(String),
    /// With a line's end behind it.
    Text(u16, String),
    /// The line that a bus begins with.
    Bus(String),
}

impl Answer {
    fn text(status: u16, text: &str) -> Self {
        Self::Text(status, text.to_owned())
    }
}

pub(super) fn answer(mind: &Mind, question: &Question) -> Answer {
    let header = |wanted: &str| {
        let own = question.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        own.map(|(_, value)| value.as_str())
    };
    let host = header("host").unwrap_or_default();
    if !["", "local-tailscaled.sock"].contains(&host) || header("origin").or(header("referer")).is_some() {
        return Answer::text(403, "invalid localapi request");
    }
    let (path, query) = question.target.split_once('?').unwrap_or((&question.target, ""));
    let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    match path {
        "/" => Answer::text(200, "tailscaled"),
        "/localapi/v0/status" => Answer::Json(indented(&mind.status)),
        "/localapi/v0/watch-ipn-bus" => {
            let state = mind.status["BackendState"].as_str().unwrap();
            let line = json!({
                "Version": "1.102.5-ERR-BuildInfo", "SessionID": "dfbf07f3bcc0b0a7", "ErrMessage": null,
                "LoginFinished": null, "State": number_of(state), "Prefs": null, "NetMap": null,
                "Engine": null, "BrowseToURL": null, "DriveShares": null,
            });
            Answer::Bus(format!("{line}\n"))
        }
        "/localapi/v0/whois" => match query.get("addr").map(AsRef::as_ref) {
            None | Some("") => Answer::text(400, "missing 'addr' parameter"),
            Some(address) if address.parse::<IpAddr>().is_err() && address.parse::<SocketAddr>().is_err() => {
                Answer::text(400, "invalid 'addr' parameter")
            }
            Some(address) => match mind.devices.get(address) {
                Some(whois) if mind.status["BackendState"] != "NoState" => Answer::Json(indented(whois)),
                Some(_) | None => Answer::text(404, "no match for IP:port"),
            },
        },
        _ => Answer::text(404, "404 page not found"),
    }
}

fn indented(value: &Value) -> String {
    let mut text = Vec::new();
    let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, tabs);
    serde::Serialize::serialize(value, &mut writer).unwrap();
    String::from_utf8(text).unwrap()
}

pub(super) fn head(status: u16, kind: &str) -> String {
    let reason = http::StatusCode::from_u16(status).unwrap().canonical_reason().unwrap_or("Unknown");
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'; \
         script-src 'none'; script-src-elem 'none'; script-src-attr 'none'\r\nContent-Type: {kind}\r\n\
         Tailscale-Cap: 142\r\nTailscale-Version: 1.102.5-ERR-BuildInfo\r\nX-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\nDate: Sat, 21 Nov 2026 07:27:37 GMT\r\n"
    )
}

/// As Go writes a body: in chunks if it is longer than its buffer of 2048 bytes.
pub(super) fn json_answer(body: &str) -> Vec<u8> {
    let head = head(200, "application/json");
    if body.len() <= 2048 {
        return format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    }
    format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
}

pub(super) fn text_answer(status: u16, text: &str) -> Vec<u8> {
    let kind = "text/plain; charset=utf-8";
    let head = if text == "invalid localapi request" {
        // Refused before the rest is looked at.
        format!("HTTP/1.1 {status} Forbidden\r\nContent-Type: {kind}\r\nX-Content-Type-Options: nosniff\r\n")
    } else {
        head(status, kind)
    };
    format!("{head}Content-Length: {}\r\n\r\n{text}\n", text.len() + 1).into_bytes()
}
