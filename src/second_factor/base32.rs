//! Bytes as letters, five bits each, in groups of four that people can read and type.

use zeroize::Zeroizing;

use crate::secret::Secret;

/// The letters of RFC 4648, section 6, as authenticator apps take them.
pub(super) const STANDARD: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Those that are not taken for one another (Crockford's): without i, l, o and u.
pub(super) const UNAMBIGUOUS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Eight letters for each five bytes.
pub(super) fn encode(bytes: &[[u8; 5]], alphabet: &[u8; 32]) -> Secret {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 8));
    for five in bytes {
        let bits = five.iter().fold(0usize, |bits, byte| bits << 8 | usize::from(*byte));
        let letters = (0..8).rev().filter_map(|place| alphabet.get(bits >> (place * 5) & 31));
        text.extend(letters.copied().map(char::from));
    }
    Secret::new(text.as_str())
}

/// The same text with `separator` after each fourth letter.
pub(super) fn grouped(text: &Secret, separator: char) -> Secret {
    let text = text.reveal();
    let mut grouped = Zeroizing::new(String::with_capacity(text.len() * 5 / 4));
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            grouped.push(separator);
        }
        grouped.push(letter);
    }
    Secret::new(grouped.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_come_out() {
        let fooba = encode(&[*b"fooba"], STANDARD);
        assert_eq!(fooba.reveal(), "MZXW6YTB");
        assert_eq!(encode(&[*b"12345", *b"67890"], STANDARD).reveal(), "GEZDGNBVGY3TQOJQ");
        assert_eq!(encode(&[[0xff; 5]], UNAMBIGUOUS).reveal(), "zzzzzzzz");
        assert_eq!(encode(&[[0x00, 0x44, 0x32, 0x14, 0xc7]], UNAMBIGUOUS).reveal(), "01234567");
        assert_eq!(grouped(&fooba, ' ').reveal(), "MZXW 6YTB");
    }
}
