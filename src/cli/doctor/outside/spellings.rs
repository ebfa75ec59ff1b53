//! Other ways to write a path, as they have got past one server and another. Pure.

/// How many closed paths are spelled out.
pub(super) const MOST: usize = 8;

/// Other spellings of `path`, some of which begin as an `open` path does.
pub(super) fn of(path: &str, open: &[String]) -> Vec<String> {
    let bare = path.trim_start_matches('/');
    let mut spelled = vec![
        format!("//{bare}"),
        format!("/./{bare}"),
        format!("/%2e/{bare}"),
        format!("/aegis-doctor/../{bare}"),
        format!("/aegis-doctor/%2e%2e/{bare}"),
        format!("/aegis-doctor/..;/{bare}"),
        format!("/aegis-doctor/..%2f{bare}"),
        format!("/aegis-doctor/..%5c{bare}"),
        format!("/{bare};aegis=doctor"),
        format!("/%2f{bare}"),
    ];
    if let Some(first) = bare.chars().next().filter(char::is_ascii_alphanumeric) {
        let rest = bare.get(1..).unwrap_or_default();
        let byte = first as u32;
        spelled.push(format!("/%{byte:02x}{rest}"));
        spelled.push(format!("/%25{byte:02x}{rest}"));
    }
    for open in open.iter().take(MOST) {
        spelled.push(format!("{open}/../{bare}"));
        spelled.push(format!("{open}/%2e%2e/{bare}"));
        spelled.push(format!("{open}/..;/{bare}"));
        spelled.push(format!("{open}/..%2f{bare}"));
        spelled.push(format!("{open}%2f..%2f{bare}"));
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_can_be_sent_and_is_another_than_the_path() {
        for path in ["/", "/admin", "/a/b"] {
            for spelled in of(path, &["/hooks".to_owned()]) {
                assert_ne!(spelled, path);
                let sent = http::Request::get(&*spelled).body(());
                assert!(sent.is_ok_and(|sent| sent.uri().path() == spelled), "{spelled} of {path}");
            }
        }
        assert!(of("/admin", &[]).contains(&"/%61dmin".to_owned()));
    }
}
