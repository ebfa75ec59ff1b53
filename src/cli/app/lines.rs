//! Which lines a text has more than another. Never says where.

/// The lines of `new` that are not in `old`, those that stand together in one text. What both have in
/// common is as much as can be, in one order.
pub(super) fn added(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(before..).unwrap_or_default(), new.get(before..).unwrap_or_default());
    let after = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let old = old.get(..old.len() - after).unwrap_or_default();
    let new = new.get(..new.len() - after).unwrap_or_default();
    let common = common(old, new);
    let mut groups: Vec<Vec<&str>> = vec![Vec::new()];
    for (line, is_common) in new.iter().zip(common) {
        match groups.last_mut() {
            Some(group) if !is_common => group.push(line),
            Some(group) if !group.is_empty() => groups.push(Vec::new()),
            Some(_) | None => {}
        }
    }
    let texts = groups.into_iter().map(|group| group.join("\n").trim_matches('\n').to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}

/// Of each line of `new`, whether it is in the longest common subsequence.
fn common(old: &[&str], new: &[&str]) -> Vec<bool> {
    // How many lines the rests have in common that begin at each pair of lines.
    let width = new.len() + 1;
    let mut most = vec![0u32; (old.len() + 1) * width];
    let at = |most: &[u32], row: usize, column: usize| most.get(row * width + column).copied().unwrap_or(0);
    for (row, one) in old.iter().enumerate().rev() {
        for (column, other) in new.iter().enumerate().rev() {
            let found = if one == other {
                at(&most, row + 1, column + 1) + 1
            } else {
                at(&most, row + 1, column).max(at(&most, row, column + 1))
            };
            if let Some(cell) = most.get_mut(row * width + column) {
                *cell = found;
            }
        }
    }
    let mut row = 0;
    let mut is_common = Vec::with_capacity(new.len());
    for (column, line) in new.iter().enumerate() {
        while old.get(row).is_some_and(|one| one != line)
            && at(&most, row + 1, column) > at(&most, row, column + 1)
        {
            row += 1;
        }
        let found = old.get(row) == Some(line);
        is_common.push(found);
        row += usize::from(found);
    }
    is_common
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_is_found_and_a_line_that_changed() {
        let old = "names a b\n\na {\n\tx\n}\n\nc {\n\tx\n}\n";
        let new = "names a b d\n\na {\n\tx\n}\n\nb {\n\tx\n}\n\nc {\n\tx\n}\n";
        assert_eq!(added(old, new), ["names a b d", "b {\n\tx\n}"]);
        assert_eq!(added("a\n", "a\nb\n"), ["b"]);
        assert!(added(old, old).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_put_between_is_what_is_found(old in prop::collection::vec("[ab{}]", 0..12), at: prop::sample::Index, new in prop::collection::vec("[c-f]", 1..5)) {
            let at = at.index(old.len() + 1);
            let whole = [&old[..at], &new, &old[at..]].concat().join("\n");
            prop_assert_eq!(added(&old.join("\n"), &whole), [new.join("\n")]);
        }
    }
}
