use http::HeaderValue;
use http_body_util::Full;

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn read(body: &[u8]) -> Result<Form, Kind> {
    Form::read(&headers(&[("content-type", FORM)]), body).map_err(|error| error.kind)
}

#[test]
fn a_form_is_read_as_browsers_write_it() {
    let form =
        read("email=sam%40example.com&password=a+b%2B%C3%A9%26&keep=on&empty=&bare".as_bytes()).unwrap();
    assert_eq!(form.text("email"), "sam@example.com");
    assert_eq!(form.secret("password").reveal(), "a b+é&");
    assert_eq!(form.text("absent"), "");
    assert!(form.has("keep") && form.has("empty") && form.has("bare") && !form.has("absent"));
    assert!(!format!("{form:?}").contains("sam"), "a form does not print what was typed: {form:?}");
}

#[test]
fn a_form_with_two_readings_is_refused() {
    let many = |count: usize| (0..count).map(|one| format!("f{one}=x")).collect::<Vec<_>>().join("&");
    assert!(read(many(MOST_FIELDS).as_bytes()).is_ok());
    for (body, expected) in [
        (b"a=1&a=2".to_vec(), Kind::Malformed),
        (b"a=1&%61=2".to_vec(), Kind::Malformed),
        (b"a=%ff".to_vec(), Kind::Malformed),
        (b"a=\xff".to_vec(), Kind::Malformed),
        (b"%c3=a".to_vec(), Kind::Malformed),
        (many(MOST_FIELDS + 1).into_bytes(), Kind::Malformed),
        (format!("a={}", "x".repeat(LONGEST)).into_bytes(), Kind::TooLarge),
    ] {
        let asked = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
        assert_eq!(read(&body).err(), Some(expected), "asked with {asked:?}");
    }
}

#[test]
fn only_a_form_is_a_form() {
    for (content_type, accepted) in [
        (Some(FORM), true),
        (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), true),
        (Some("text/plain"), false),
        (Some("multipart/form-data; boundary=x"), false),
        (Some("application/json"), false),
        (Some("application/x-www-form-urlencodedx"), false),
        (None, false),
    ] {
        let headers = content_type.map_or_else(HeaderMap::new, |value| headers(&[("content-type", value)]));
        let kind = Form::read(&headers, b"a=b").err().map(|error| error.kind);
        let expected = if accepted { None } else { Some(Kind::UnsupportedType) };
        assert_eq!(kind, expected, "asked with {content_type:?}");
    }
}

#[test]
fn a_form_counts_only_from_a_page_of_ours() {
    let public_url: Origin = "https://auth.example.com".parse().unwrap();
    for (fields, accepted) in [
        (&[("sec-fetch-site", "same-origin")][..], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://auth.example.com")], true),
        (&[("origin", "https://auth.example.com")], true),
        (&[], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://auth.example.com")], false),
        (&[("sec-fetch-site", "none")], false),
        (&[("sec-fetch-site", "")], false),
        (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], false),
        (&[("sec-fetch-site", "Same-Origin")], false),
        (&[("origin", "null")], false),
        (&[("origin", "")], false),
        (&[("origin", "https://evil.test")], false),
        (&[("origin", "http://auth.example.com")], false),
        (&[("origin", "https://auth.example.com:443")], false),
        (&[("origin", "https://auth.example.com/")], false),
        (&[("origin", "https://auth.example.com.evil.test")], false),
        (&[("origin", "https://auth.example.com"), ("origin", "https://evil.test")], false),
        (&[("referer", "https://auth.example.com/login")], false),
    ] {
        let kind = same_origin(&headers(fields), &public_url).err().map(|error| error.kind);
        let expected = if accepted { None } else { Some(Kind::Forbidden) };
        assert_eq!(kind, expected, "asked with {fields:?}");
    }
}

#[tokio::test]
async fn a_body_is_bounded_announced_or_not() {
    /// A body that does not say how long it is.
    struct Unannounced(Full<Bytes>);
    impl hyper::body::Body for Unannounced {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            std::pin::Pin::new(&mut self.0).poll_frame(context)
        }
    }

    let fits = Bytes::from(vec![b'a'; 10]);
    let long = Bytes::from(vec![b'a'; 11]);
    assert_eq!(body(Full::new(fits.clone()), 10).await.unwrap(), fits);
    assert_eq!(body(Unannounced(Full::new(fits.clone())), 10).await.unwrap(), fits);
    assert_eq!(body(Full::new(long.clone()), 10).await.unwrap_err().kind, Kind::TooLarge);
    assert_eq!(body(Unannounced(Full::new(long)), 10).await.unwrap_err().kind, Kind::TooLarge);
}
