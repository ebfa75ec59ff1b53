//! Failures as programs read them: problem documents (RFC 9457). Never tells more than the visitor's message.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;

use super::Response;
use super::answer::{of_type, retry_after, status};
use crate::error::{Error, Kind};

/// The header under which a refusal says its reference.
pub(super) const REFERENCE: HeaderName = HeaderName::from_static("x-aegis-ref");

/// The members of a problem document that we fill in.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(flatten)]
    lacks: Option<Lacks>,
}

/// That what was shown is right and not enough: the parameters of RFC 9470, section 3, as members.
#[derive(Serialize)]
struct Lacks {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

/// `error` as a problem document, which may travel through a proxy. With a reference it is said in
/// the document and in `X-Aegis-Ref`; a 401 names `Bearer` as the way (RFC 9110, section 15.5.2).
pub fn problem(error: &Error, reference: Option<&str>) -> Response {
    document(error, reference, None)
}

/// A 401 for somebody who is signed in and has to show more, no longer ago than `max_age`: a problem
/// document that says so, and the challenge of RFC 9470, section 3. `words` go into the header as they are.
pub fn step_up(words: &'static str, max_age: Option<Duration>, reference: &str) -> Response {
    const ERROR: &str = "insufficient_user_authentication";
    let max_age = max_age.map(|span| span.as_secs());
    let error = Error::said(Kind::NotSignedIn, words);
    let mut response = document(&error, Some(reference), Some(Lacks { error: ERROR, max_age }));
    let max_age = max_age.map(|max_age| format!(", max_age=\"{max_age}\"")).unwrap_or_default();
    let challenge =
        format!("Bearer realm=\"Aegis\", error=\"{ERROR}\", error_description=\"{words}\"{max_age}");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn document(error: &Error, reference: Option<&str>, lacks: Option<Lacks>) -> Response {
    let status = status(error.kind);
    let document = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: &error.visitor,
        reference,
        lacks,
    };
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = of_type(status, "application/problem+json", body);
    say(response.headers_mut(), error.kind, reference);
    response
}

/// Says the reference, the way in and when to try again, in the headers of a refusal.
pub(super) fn say(headers: &mut HeaderMap, kind: Kind, reference: Option<&str>) {
    if kind == Kind::NotSignedIn {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="Aegis""#));
    }
    if let Some(wait) = retry_after(kind) {
        headers.insert(header::RETRY_AFTER, wait);
    }
    if let Some(reference) = reference.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(REFERENCE, reference);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_problem_has_detail_and_tells_the_log_nothing_more() {
        let error =
            Error::new(Kind::Unavailable(Duration::from_millis(1500)), "Not \"now\".", "the disk is full");
        let response = problem(&error, Some("7F3K-92QD"));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()["x-aegis-ref"], "7F3K-92QD");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Service Unavailable", "status": 503,
            "detail": "Not \"now\".", "ref": "7F3K-92QD",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_401_names_a_way() {
        let response = problem(&Error::said(Kind::NotSignedIn, "Invalid email or password"), None);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"Aegis\"");
        assert!(!response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY), "it may travel");
    }
}
