//! What a call is given: JSON, a form, or a query. Never more than 64 KiB.

use http::Request;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value};

use super::Refusal;

const LARGEST: usize = 64 * 1024;

/// The parameters of one call.
pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    /// Reads those of `request`.
    pub(super) async fn read(request: Request<Incoming>) -> Result<Self, Refusal> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = Limited::new(request.into_body(), LARGEST).collect().await;
        let body = body.map_err(|_| Refusal::new(413, "Request Entity Too Large"))?.to_bytes();
        let mut parameters = pairs(query.as_bytes());
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => parameters.extend(fields),
            _ => parameters.extend(pairs(&body)),
        }
        Ok(Self(parameters))
    }

    pub(super) fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// What is there; `null` is not.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number, which may be written as text.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let value = self.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == &Value::Bool(true))
    }
}

/// The pairs of a form; a value that reads as JSON is what it reads as.
fn pairs(text: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(text)
        .map(|(name, value)| {
            let value = serde_json::from_str(&value).unwrap_or_else(|_| Value::String(value.into_owned()));
            (name.into_owned(), value)
        })
        .collect()
}
