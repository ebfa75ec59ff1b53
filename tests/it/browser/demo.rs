//! The show and its pretend phone, in a real Chromium.

use super::drive_at;
use crate::demo::{Demo, NAME};
use crate::lab::proxy::Kind;

/// Signs in with the phone of a demo of its own.
fn drive(visitor: &str) {
    let demo = Demo::start(Some(Kind::Caddy));
    let [portal, app, phone] = ["auth", "arlo", "phone"].map(|host| format!("http://{}", demo.host(host)));
    drive_at(
        "demo.mjs",
        &[
            ("AEGIS_ADDRESS", "127.0.0.1"),
            ("AEGIS_PORTAL", &portal),
            ("AEGIS_APP", &app),
            ("AEGIS_PHONE", &phone),
            ("AEGIS_USER", NAME),
            ("AEGIS_PASSWORD", demo.password()),
            ("AEGIS_VISITOR", visitor),
        ],
    );
    demo.interrupt();
}

#[test]
fn browser_taps_on_the_phone_of_the_demo() {
    drive("with JavaScript");
}

#[test]
fn browser_taps_on_the_phone_of_the_demo_without_script() {
    drive("without JavaScript");
}
