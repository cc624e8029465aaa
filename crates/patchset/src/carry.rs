//! Carries a patch from one release of a file to another.
//!
//! A three-way merge, with the old published file as the ancestor: a hunk is carried where every line
//! that it looks at is still there, in the new file, with nothing between. Where that is not so it is
//! a conflict, and is left to a person: in the place of the hunk comes a block that shows what the
//! patch is for, what it made of the old lines, those lines, and, below, what stands there now:
//!
//! ```text
//! <<<<<<< greet.patch: Everybody is greeted.
//! hello world
//! ||||||| as it was in 1.0.0, before the patch
//! hello
//! ======= as it is in 1.1.0
//! good morning
//! >>>>>>> greet.patch
//! ```
//!
//! The block is a part of the patch: all its lines but those of the new file are inserted. So it is
//! saved, opened and put right like any other. Where several hunks have the same place, their blocks follow
//! each other, and the last of them shows what stands there.

use std::collections::HashMap;
use std::ops::Range;

use crate::diff;
use crate::patch::Edit;

/// What stands first in a block that is to be put right, and what last.
const CONFLICT: &str = "<<<<<<< ";
const END: &str = ">>>>>>> ";

/// What a conflict is about, to be told in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// The name of the patch.
    pub(crate) patch: &'a str,
    /// What it is for.
    pub(crate) purpose: &'a str,
    /// The release that it was written for.
    pub(crate) old: &'a str,
    /// The release that it is carried to.
    pub(crate) new: &'a str,
}

/// A patch of one file, carried.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) edits: Vec<Edit>,
    /// The lines of the new file, counted from 1, at which there is a conflict.
    pub(crate) conflicts: Vec<usize>,
}

/// Carries `edits` from the published file `old` to the published file `new`. `shown` are the lines that
/// conflicts of patches show which will come after this one; its own are added.
pub(crate) fn carry(
    old: &str,
    new: &str,
    edits: &[Edit],
    labels: Labels<'_>,
    shown: &mut Vec<Range<usize>>,
) -> Carried {
    let new_place = diff::common_lines(old, new);
    let old: Vec<_> = old.split_inclusive('\n').collect();
    let new_end = new.split_inclusive('\n').count() + 1;
    let mut carried = Carried {
        edits: Vec::new(),
        conflicts: Vec::new(),
    };
    let hunks: Vec<_> = hunks(edits).collect();
    for hunk in hunks.into_iter().rev() {
        if let Some(moved) = moved(hunk, &new_place) {
            carried.edits.splice(..0, moved);
            continue;
        }
        let lines = range(hunk);
        let above = (1..lines.start).rev().find_map(|at| new_place.get(&at));
        let below = (lines.end..=old.len()).find_map(|at| new_place.get(&at));
        let above = above.copied().unwrap_or_default();
        let below = below.copied().unwrap_or(new_end);
        let (head, tail) = block(hunk, &old, labels);
        let insert = |at, text: String| {
            let lines = text.split_inclusive('\n').map(str::to_owned);
            lines
                .map(|text| Edit::Insert { at, text })
                .collect::<Vec<_>>()
        };
        let place = above + 1..below;
        let meets = |other: &&Range<usize>| place.start <= other.end && other.start <= place.end;
        let place = match shown.iter().find(meets) {
            Some(other) => other.start..other.start,
            None => place,
        };
        let block = insert(place.start, head)
            .into_iter()
            .chain(insert(place.end, tail));
        carried.edits.splice(..0, block);
        carried.conflicts.insert(0, place.start);
        shown.push(place);
    }
    carried
}

/// Whether a conflict that is to be put right begins at this line.
pub(crate) fn is_conflict(line: &str) -> bool {
    line.starts_with(CONFLICT)
}

/// Whether a conflict ends at this line.
pub(crate) fn ends_conflict(line: &str) -> bool {
    line.starts_with(END)
}

/// The edits in groups whose lines follow each other.
pub(crate) fn hunks(edits: &[Edit]) -> impl Iterator<Item = &[Edit]> {
    edits.chunk_by(|one, next| next.at() <= one.next())
}

/// The lines of the published file that a hunk looks at. An empty range is the place before a line.
pub(crate) fn range(hunk: &[Edit]) -> Range<usize> {
    let start = hunk.first().map_or(1, Edit::at);
    start..hunk.last().map_or(start, Edit::next)
}

/// The hunk in its new place, if its lines are all there, one after the other.
fn moved(hunk: &[Edit], new_place: &HashMap<usize, usize>) -> Option<Vec<Edit>> {
    let lines = range(hunk);
    let first = *new_place.get(&lines.start)?;
    let in_order = |at| new_place.get(&at) == Some(&(first + at - lines.start));
    if !lines.clone().all(in_order) {
        return None;
    }
    let moved = hunk.iter().cloned().map(|mut edit| {
        *edit.at_mut() = edit.at() + first - lines.start;
        edit
    });
    Some(moved.collect())
}

/// What comes above the new lines, and what below.
fn block(hunk: &[Edit], old: &[&str], labels: Labels<'_>) -> (String, String) {
    let Labels {
        patch,
        purpose,
        old: was,
        new: is,
    } = labels;
    let mut head = format!("{CONFLICT}{patch}: {purpose}\n");
    for edit in hunk {
        match edit {
            Edit::Keep { text, .. } | Edit::Insert { text, .. } => head += text,
            Edit::Remove { .. } => {}
        }
    }
    head += &format!("||||||| as it was in {was}, before the patch\n");
    for at in range(hunk) {
        head += old.get(at - 1).copied().unwrap_or_default();
    }
    head += &format!("======= as it is in {is}\n");
    (head, format!("{END}{patch}\n"))
}

/// Which of `candidates` a file became that is no longer where it was: the one that has most of its
/// lines, if that is more than half of them.
pub(crate) fn successor<'a>(
    old: &str,
    candidates: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<&'a str> {
    let lines = old.lines().count();
    candidates
        .into_iter()
        // Most of hundreds of files need not be compared at length.
        .filter(|(_, text)| diff::shared_lines(old, text) * 2 > lines)
        .map(|(path, text)| (diff::common_lines(old, text).len(), path))
        .filter(|(common, _)| common * 2 > lines)
        .max()
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lay::lay;

    const LABELS: Labels<'_> = Labels {
        patch: "greet.patch",
        purpose: "Everybody is greeted.",
        old: "1.0.0",
        new: "1.1.0",
    };
    const OLD: &str = "one\ntwo\nthree\nfour\n";

    /// A patch that puts a line between the second and the third.
    fn inserting() -> Vec<Edit> {
        diff::edits(OLD, "one\ntwo\nmore\nthree\nfour\n")
    }

    fn carried(new: &str) -> (String, Vec<usize>) {
        let carried = carry(OLD, new, &inserting(), LABELS, &mut Vec::new());
        let laid = lay(new, [("greet.patch", &carried.edits[..])]).map_err(|(_, error)| error);
        (laid.unwrap_or_default(), carried.conflicts)
    }

    #[test]
    fn hunk_moves_with_its_lines() {
        let new = "zero\none and a half\ntwo\nthree\nfive\n";
        let (laid, conflicts) = carried(new);
        assert_eq!(laid, "zero\none and a half\ntwo\nmore\nthree\nfive\n");
        assert!(conflicts.is_empty());
    }

    #[test]
    fn changed_line_beside_a_hunk_is_a_conflict_that_can_be_read() {
        let (laid, conflicts) = carried("one\ntwo\ndrei\nfour\n");
        assert_eq!(
            laid,
            "one\n\
             <<<<<<< greet.patch: Everybody is greeted.\n\
             two\nmore\nthree\n\
             ||||||| as it was in 1.0.0, before the patch\n\
             two\nthree\n\
             ======= as it is in 1.1.0\n\
             two\ndrei\n\
             >>>>>>> greet.patch\n\
             four\n"
        );
        assert_eq!(conflicts, [2]);
        assert!(laid.lines().any(is_conflict));
    }

    #[test]
    fn line_that_upstream_put_in_the_same_place_is_a_conflict() {
        let (_, conflicts) = carried("one\ntwo\nbetween\nthree\nfour\n");
        assert_eq!(conflicts, [2]);
    }

    #[test]
    fn conflicts_that_meet_follow_each_other() {
        const NEW: &str = "one\nzwei\ndrei\nfour\n";
        let replacing = diff::edits(OLD, "one\ntwo\n3\nfour\n");
        let mut shown = Vec::new();
        let later = carry(OLD, NEW, &replacing, LABELS, &mut shown);
        let earlier = carry(OLD, NEW, &inserting(), LABELS, &mut shown);
        let patches = [("earlier", &earlier.edits[..]), ("later", &later.edits[..])];
        let laid = lay(NEW, patches).map_err(|(_, error)| error);
        assert_eq!(
            laid.unwrap_or_default(),
            "one\n\
             <<<<<<< greet.patch: Everybody is greeted.\n\
             two\nmore\nthree\n\
             ||||||| as it was in 1.0.0, before the patch\n\
             two\nthree\n\
             ======= as it is in 1.1.0\n\
             >>>>>>> greet.patch\n\
             <<<<<<< greet.patch: Everybody is greeted.\n\
             two\n3\nfour\n\
             ||||||| as it was in 1.0.0, before the patch\n\
             two\nthree\nfour\n\
             ======= as it is in 1.1.0\n\
             zwei\ndrei\nfour\n\
             >>>>>>> greet.patch\n"
        );
    }

    #[test]
    fn nothing_that_was_there_is_a_conflict_too() {
        let (laid, conflicts) = carried("another\n");
        assert!(laid.ends_with("another\n>>>>>>> greet.patch\n"), "{laid}");
        assert_eq!(conflicts, [1]);
    }

    #[test]
    fn file_that_moved_is_found_by_its_lines() {
        let candidates = [
            ("a/mod.rs", "one\nx\ny\n"),
            ("b/mod.rs", "one\ntwo\nthree\nvier\n"),
        ];
        assert_eq!(successor(OLD, candidates), Some("b/mod.rs"));
        assert_eq!(successor(OLD, [("a/mod.rs", "one\nx\n")]), None);
    }
}
