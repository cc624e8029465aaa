//! Lays what several patches do to one file over its published text.

use std::collections::BTreeMap;

use crate::carry::is_conflict;
use crate::patch::Edit;

/// Why a patch cannot be laid. Lines are counted from 1, in the published file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayError {
    /// The published file has something else at that place.
    #[error("line {line} should be `{wanted}` but is `{found}`")]
    DoesNotApply {
        /// The line.
        line: usize,
        /// What the patch says stands there.
        wanted: String,
        /// What stands there; empty at the end of the file.
        found: String,
    },
    /// Another patch already changes this place, or this very patch is there twice.
    #[error("line {line} is changed by `{other}` already")]
    AppliesTwice {
        /// The line.
        line: usize,
        /// The patch that came first.
        other: String,
    },
}

/// What becomes of one line of the published file.
#[derive(Default)]
struct Change<'p> {
    before: Vec<(&'p str, String)>,
    removed_by: Option<&'p str>,
}

/// The text that results when the edits of all `patches`, each with its name, are made in the
/// published text. The order of the patches does not matter.
///
/// Fails with the name of the patch that is in the way.
pub(crate) fn lay<'p>(
    published: &str,
    patches: impl IntoIterator<Item = (&'p str, &'p [Edit])>,
) -> Result<String, (&'p str, LayError)> {
    let lines: Vec<&str> = published.split_inclusive('\n').collect();
    let mut changes: BTreeMap<usize, Change<'p>> = BTreeMap::new();

    for (patch, edits) in patches {
        for edit in edits {
            match edit {
                Edit::Keep { at, text } => stands_there(&lines, *at, text),
                Edit::Remove { at, text } => stands_there(&lines, *at, text).and_then(|()| {
                    match changes.entry(*at).or_default().removed_by.replace(patch) {
                        None => Ok(()),
                        Some(other) => Err(twice(*at, other)),
                    }
                }),
                Edit::Insert { at, text } => {
                    let before = &mut changes.entry(*at).or_default().before;
                    match before.last_mut() {
                        Some((by, so_far)) if *by == patch => so_far.push_str(text),
                        // Conflicts that are still to be put right may have one place.
                        Some((other, so_far)) if !(is_conflict(so_far) && is_conflict(text)) => {
                            return Err((patch, twice(*at, other)));
                        }
                        _ => before.push((patch, text.clone())),
                    }
                    if *at > lines.len() + 1 {
                        stands_there(&lines, *at - 1, "")
                    } else {
                        Ok(())
                    }
                }
            }
            .map_err(|error| (patch, error))?;
        }
    }

    let mut text = String::with_capacity(published.len() + 4096);
    for at in 1..=lines.len() + 1 {
        let change = changes.remove(&at).unwrap_or_default();
        for (_, inserted) in change.before {
            text.push_str(&inserted);
        }
        if let (Some(line), None) = (lines.get(at - 1), change.removed_by) {
            text.push_str(line);
        }
    }
    Ok(text)
}

fn twice(line: usize, other: &str) -> LayError {
    LayError::AppliesTwice {
        line,
        other: other.to_owned(),
    }
}

fn stands_there(lines: &[&str], at: usize, wanted: &str) -> Result<(), LayError> {
    let found = at.checked_sub(1).and_then(|index| lines.get(index));
    if found == Some(&wanted) {
        return Ok(());
    }
    Err(LayError::DoesNotApply {
        line: at,
        wanted: wanted.trim_end().to_owned(),
        found: found.copied().unwrap_or_default().trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "one\ntwo\nthree\n";

    fn keep(at: usize, text: &str) -> Edit {
        let text = text.to_owned();
        Edit::Keep { at, text }
    }
    fn remove(at: usize, text: &str) -> Edit {
        let text = text.to_owned();
        Edit::Remove { at, text }
    }
    fn insert(at: usize, text: &str) -> Edit {
        let text = text.to_owned();
        Edit::Insert { at, text }
    }

    #[test]
    fn patches_are_a_set_and_not_a_sequence() {
        let first = [keep(1, "one\n"), insert(2, "one and a half\n")];
        let second = [
            remove(3, "three\n"),
            insert(4, "drei\n"),
            insert(4, "vier\n"),
        ];
        let wanted = "one\none and a half\ntwo\ndrei\nvier\n";
        let (a, b) = (("a", &first[..]), ("b", &second[..]));
        assert_eq!(lay(PUBLISHED, [a, b]).as_deref(), Ok(wanted));
        assert_eq!(lay(PUBLISHED, [b, a]).as_deref(), Ok(wanted));
    }

    #[test]
    fn another_line_in_that_place_is_refused() {
        for (edit, line, wanted, found) in [
            (keep(2, "twain\n"), 2, "twain", "two"),
            (remove(2, "twain\n"), 2, "twain", "two"),
            (keep(4, "four\n"), 4, "four", ""),
            (insert(9, "nine\n"), 8, "", ""),
        ] {
            let error = LayError::DoesNotApply {
                line,
                wanted: wanted.to_owned(),
                found: found.to_owned(),
            };
            assert_eq!(lay(PUBLISHED, [("a", &[edit][..])]), Err(("a", error)));
        }
    }

    #[test]
    fn the_same_place_twice_is_refused() {
        for edit in [remove(2, "two\n"), insert(2, "more\n")] {
            let edits = [edit];
            let error = LayError::AppliesTwice {
                line: 2,
                other: "a".to_owned(),
            };
            assert_eq!(
                lay(PUBLISHED, [("a", &edits[..]), ("b", &edits[..])]),
                Err(("b", error))
            );
        }
    }
}
