//! The sheet, the script and the icon. Owns their text and the names they are served under, which
//! change with the text, so that browsers may keep them for ever. Never holds anything else.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::{Response, Site, headers, urls};
use crate::secret::fingerprint;

/// The one sheet of all pages.
pub(super) const SHEET: &str = include_str!("assets/aegis.css");
/// What script can add: showing a password, a code out of the fragment, local times.
const SCRIPT: &str = include_str!("assets/aegis.js");
/// The mark as the icon of a tab.
const ICON: &str = include_str!("assets/icon.svg");
/// The mark as it stands in a page.
pub(super) const MARK: &str = include_str!("assets/mark.svg");

/// The assets under their names.
#[derive(Clone, Debug)]
pub(super) struct Assets {
    pub(super) sheet: Asset,
    pub(super) script: Asset,
    pub(super) icon: Asset,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) path: Box<str>,
    content: &'static str,
    content_type: &'static str,
}

impl Assets {
    pub(super) fn new() -> Self {
        Self {
            sheet: Asset::new(SHEET, "css", "text/css; charset=utf-8"),
            script: Asset::new(SCRIPT, "js", "text/javascript; charset=utf-8"),
            icon: Asset::new(ICON, "svg", "image/svg+xml"),
        }
    }
}

impl Asset {
    fn new(content: &'static str, ending: &str, content_type: &'static str) -> Self {
        let mut path = format!("{}aegis-", urls::ASSETS);
        for byte in fingerprint(content).iter().take(8) {
            let _ = write!(path, "{byte:02x}");
        }
        path.push('.');
        path.push_str(ending);
        Self { path: path.into(), content, content_type }
    }
}

/// The asset at `path`, if there is one.
pub fn asset(site: &Site, path: &str) -> Option<Response> {
    let Assets { sheet, script, icon } = &site.assets;
    let asset = [sheet, script, icon].into_iter().find(|asset| &*asset.path == path)?;
    let mut response = Response::new(Bytes::from_static(asset.content.as_bytes()).into());
    *response.status_mut() = StatusCode::OK;
    let all = response.headers_mut();
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    all.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers::complete(site, all);
    Some(response)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn assets_may_be_kept_for_ever_and_are_found_under_their_names_alone() {
        let site = Site::new("https://auth.example.com".parse().unwrap(), None, Duration::ZERO);
        for known in [&site.assets.sheet, &site.assets.script, &site.assets.icon] {
            let response = asset(&site, &known.path).unwrap();
            assert!(response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{}", known.path);
        }
        for unknown in ["/assets/", "/assets/aegis.css", "/assets/../aegis.css", "/assets/aegis-0.css"] {
            assert!(asset(&site, unknown).is_none(), "{unknown} is no asset");
        }
    }

    #[test]
    fn nothing_in_the_sheet_or_script_comes_from_elsewhere() {
        for (text, name) in [(SHEET, "sheet"), (SCRIPT, "script"), (MARK, "mark")] {
            for word in ["@import", "url(", "http:", "https:", "</style", "</script", "innerHTML", "eval("] {
                assert!(!text.contains(word), "the {name} holds {word:?}");
            }
        }
    }
}
