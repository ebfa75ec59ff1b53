//! Which lines a text has more than another. Never says where.

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// The lines of `new` that are not in `old`, those that stand together in one text.
pub(super) fn added(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let changes = capture_diff_slices(Algorithm::Myers, &old, &new);
    let mut texts = Vec::new();
    for change in changes.iter().filter(|change| matches!(change.tag(), DiffTag::Insert | DiffTag::Replace)) {
        let mut range = change.new_range();
        // A block between others like it ends as they do: of the places that are as good, the last, so that
        // it begins with its own beginning.
        while change.tag() == DiffTag::Insert
            && new.get(range.end).is_some_and(|next| new.get(range.start) == Some(next))
        {
            range = range.start + 1..range.end + 1;
        }
        let lines = new.get(range).unwrap_or_default();
        texts.push(lines.join("\n").trim_matches('\n').to_owned());
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_and_a_line_that_changed() {
        let old = "names a b\n\na {\n\tx\n\n\ty\n}\n\nc {\n\tx\n\n\ty\n}\n";
        let between = "names a b d\n\na {\n\tx\n\n\ty\n}\n\nb {\n\tx\n\n\ty\n}\n\nc {\n\tx\n\n\ty\n}\n";
        assert_eq!(added(old, between), ["names a b d", "b {\n\tx\n\n\ty\n}"]);
        let after = "names a b d\n\na {\n\tx\n\n\ty\n}\n\nc {\n\tx\n\n\ty\n}\n\nd {\n\tx\n\n\ty\n}\n";
        assert_eq!(added(old, after), ["names a b d", "d {\n\tx\n\n\ty\n}"]);
        assert_eq!(added("a\n", "a\nb\n"), ["b"]);
        assert!(added(old, old).is_empty());
    }
}
