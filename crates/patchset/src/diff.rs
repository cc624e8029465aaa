//! The difference of two texts, as edits.

use std::collections::HashMap;

use diffy::DiffOptions;

use crate::patch::{self, Edit};

/// How many unchanged lines a patch shows on either side of what it changes. As few as there can be:
/// line numbers are exact, and each line more is one more that may change.
const CONTEXT: usize = 1;

/// What makes `changed` of `published`, with a line of context.
pub(crate) fn edits(published: &str, changed: &str) -> Vec<Edit> {
    with_context(published, CONTEXT, changed)
}

/// What makes `changed` of `published`, and nothing else.
pub(crate) fn bare_edits(published: &str, changed: &str) -> Vec<Edit> {
    with_context(published, 0, changed)
}

fn with_context(published: &str, lines: usize, changed: &str) -> Vec<Edit> {
    let mut options = DiffOptions::new();
    let diff = options.set_context_len(lines);
    let patch = diff.create_patch(published, changed);
    patch.hunks().iter().flat_map(patch::edits).collect()
}

/// Where the lines of `old` that are in `new` too are there. Counted from 1.
pub(crate) fn common_lines(old: &str, new: &str) -> HashMap<usize, usize> {
    let edits = bare_edits(old, new);
    let mut edits = edits.iter().peekable();
    let mut new_at = 1;
    let mut common = HashMap::new();
    for at in 1..=old.split_inclusive('\n').count() {
        while let Some(Edit::Insert { .. }) =
            edits.next_if(|edit| edit.at() == at && edit.is_insert())
        {
            new_at += 1;
        }
        if edits.next_if(|edit| edit.at() == at).is_none() {
            common.insert(at, new_at);
            new_at += 1;
        }
    }
    common
}

/// How many lines of `old` are in `new` too, wherever they are: as many as are common at most.
pub(crate) fn shared_lines(old: &str, new: &str) -> usize {
    let mut there: HashMap<&str, usize> = HashMap::new();
    for line in new.lines() {
        *there.entry(line).or_default() += 1;
    }
    let mut shared = 0;
    for line in old.lines() {
        if let Some(left) = there.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_lines_are_paired() {
        let common = common_lines("a\nb\nc\nd\n", "x\na\nc\ny\nd\n");
        let mut pairs: Vec<_> = common.into_iter().collect();
        pairs.sort();
        assert_eq!(pairs, [(1, 2), (3, 3), (4, 5)]);
    }

    #[test]
    fn shared_lines_are_counted_as_often_as_they_are_there() {
        assert_eq!(shared_lines("a\na\nb\n", "b\nc\na\n"), 2);
    }
}
