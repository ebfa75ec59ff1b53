//! Methods a visitor may use. Owns the list; never takes one that is not on it.

use http::Method;

/// Methods beyond those of RFC 9110 and PATCH: the registered ones (IANA, "HTTP Method Registry") that
/// are letters only, without `PRI`. Remote files (RFC 4918), calendars and search are among them.
const REGISTERED: [&str; 28] = [
    "ACL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
];

/// The method of that name, upper case as it stands in the registry.
pub fn known(text: &str) -> Option<Method> {
    match text {
        "GET" => Some(Method::GET),
        "POST" => Some(Method::POST),
        "HEAD" => Some(Method::HEAD),
        "OPTIONS" => Some(Method::OPTIONS),
        "PUT" => Some(Method::PUT),
        "DELETE" => Some(Method::DELETE),
        "PATCH" => Some(Method::PATCH),
        // What a WebSocket over HTTP/2 asks with (RFC 8441).
        "CONNECT" => Some(Method::CONNECT),
        "TRACE" => Some(Method::TRACE),
        _ if REGISTERED.contains(&text) => Method::from_bytes(text.as_bytes()).ok(),
        _ => None,
    }
}
