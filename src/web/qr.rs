//! A QR code as a picture in the page. Owns how it is drawn: black on white whatever the page's colours,
//! with a margin of four modules (ISO/IEC 18004), by attributes alone. Never knows what it says.

use std::fmt::Write as _;

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// The margin that a reader needs, in modules.
const MARGIN: usize = 4;

/// `text` as a picture with a `title` for who does not see it. Nothing, if it is too long for one: what is
/// in a picture stands on the page in letters, too.
pub fn qr(text: &str, title: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return html! {} };
    let size = code.width() + 2 * MARGIN;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (size) " " (size) } width="240" height="240"
            role="img" aria-label=(title) shape-rendering="crispEdges" {
            title { (title) }
            rect width=(size) height=(size) fill="#ffffff" {}
            path fill="#000000" d=(dark(&code)) {}
        }
    }
}

/// The dark modules as one path, a rectangle for each run of them in a row.
fn dark(code: &QrCode) -> String {
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        let mut x = MARGIN;
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let _ = write!(path, "M{x} {}h{length}v1h-{length}z", y + MARGIN, length = run.len());
            }
            x += run.len();
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules that the path of a picture makes dark, and the side of its square.
    fn drawn(svg: &str) -> (Vec<(usize, usize)>, usize) {
        let between = |open: &str, close: &str| {
            let rest = svg.split(open).nth(1).unwrap_or_else(|| panic!("no {open} in {svg}"));
            rest.split(close).next().unwrap().to_owned()
        };
        let mut dark = Vec::new();
        for run in between(" d=\"", "\"").split_terminator('z') {
            let (place, shape) = run.trim_start_matches('M').split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            let length: usize = shape.split('v').next().unwrap().parse().unwrap();
            assert_eq!(shape, format!("{length}v1h-{length}"), "a run that is no rectangle");
            dark.extend((x..x + length).map(|x| (x, y)));
        }
        (dark, between("viewBox=\"0 0 ", " ").parse().unwrap())
    }

    #[test]
    fn every_module_is_where_it_belongs() {
        let text = "otpauth://totp/Aegis:sam?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Aegis";
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let (dark, size) = drawn(&qr(text, "").into_string());
        assert_eq!(size, code.width() + 8, "the side, with its margins");
        for y in 0..size {
            for x in 0..size {
                let inside = (4..size - 4).contains(&x) && (4..size - 4).contains(&y);
                let expected = inside && code[(x - 4, y - 4)] == Color::Dark;
                assert_eq!(dark.contains(&(x, y)), expected, "the module at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_picture_has_a_title_and_no_style() {
        let svg = qr("x", "Set up \"<Aegis>\"").into_string();
        assert!(svg.contains("<title>Set up &quot;&lt;Aegis&gt;&quot;</title>"), "{svg}");
        assert!(svg.contains("role=\"img\"") && svg.contains("#ffffff") && svg.contains("#000000"), "{svg}");
        assert!(!svg.contains("style") && !svg.contains("script"), "{svg}");
    }

    #[test]
    fn what_fits_into_no_picture_makes_none() {
        assert_eq!(qr(&"x".repeat(5_000), "too long").into_string(), "");
    }
}
