//! Which patch a change belongs to.
//!
//! Somebody has opened a file with all its patches laid, and changed it. What was changed goes to the
//! patch whose lines it touches, or next to which it stands. What touches none goes to the patch that is
//! named for it, or is a new one. Patches that nothing was changed of come out as they went in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::lay::{LayError, lay};
use crate::patch::Edit;
use crate::{carry, diff};

/// What the patches of one file do after a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned<'p> {
    /// For each patch that does something to the file.
    pub(crate) patches: BTreeMap<&'p str, Vec<Edit>>,
    /// What belongs to none of them.
    pub(crate) new: Vec<Edit>,
}

/// A patch; nothing for one that is still to be made.
type Owner<'p> = Option<&'p str>;

/// Where a line of the laid file is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin<'p> {
    /// It is this line of the published file.
    Published(usize),
    /// This patch puts it before this line of the published file.
    Inserted(Owner<'p>, usize),
}

/// A file with its patches laid.
struct Laid<'p> {
    lines: Vec<(String, Origin<'p>)>,
    /// The lines of the published file that are not there, each with the patch that removes it.
    removed: BTreeMap<usize, Owner<'p>>,
    /// Whose a change is that touches no patch.
    otherwise: Owner<'p>,
}

/// Who changes what, where `changed` is what somebody made of the file with `patches` laid. What touches
/// none of them belongs to the patch `otherwise`, if one is named.
///
/// Fails where what comes out cannot be laid, because two patches would change the same place.
pub(crate) fn owned<'p>(
    published: &str,
    patches: &[(&'p str, &[Edit])],
    otherwise: Option<&'p str>,
    changed: &str,
) -> Result<Owned<'p>, LayError> {
    let before = lay(published, patches.iter().copied()).map_err(|(_, error)| error)?;
    let mut laid = Laid::new(published, patches, otherwise);
    let touched = laid.change(&diff::bare_edits(&before, changed));

    let mut owned = Owned::default();
    let is_here = |name: &&str| patches.iter().any(|(here, _)| here == name);
    let joins = otherwise.filter(|name| !is_here(name));
    let joins = joins.map(|name| (name, &[][..]));
    for (name, edits) in patches.iter().copied().chain(joins) {
        let edits = match touched.contains(&Some(name)) {
            true => laid.edits_of(Some(name), published)?,
            false => edits.to_vec(),
        };
        if !edits.is_empty() {
            owned.patches.insert(name, edits);
        }
    }
    owned.new = laid.edits_of(None, published)?;

    let all = owned
        .patches
        .iter()
        .map(|(name, edits)| (*name, &edits[..]));
    let all = all.chain([("the new patch", &owned.new[..])]);
    let after = lay(published, all).map_err(|(_, error)| error)?;
    assert_eq!(after, changed, "every change has an owner");
    Ok(owned)
}

impl<'p> Laid<'p> {
    fn new(published: &str, patches: &[(&'p str, &[Edit])], otherwise: Owner<'p>) -> Laid<'p> {
        let mut removed = BTreeMap::new();
        let mut inserted: BTreeMap<usize, Vec<(String, Origin<'p>)>> = BTreeMap::new();
        for (name, edits) in patches {
            for edit in *edits {
                match edit {
                    Edit::Keep { .. } => {}
                    Edit::Remove { at, .. } => drop(removed.insert(*at, Some(*name))),
                    Edit::Insert { at, text } => {
                        let line = (text.clone(), Origin::Inserted(Some(*name), *at));
                        inserted.entry(*at).or_default().push(line);
                    }
                }
            }
        }
        let mut lines = Vec::new();
        let published: Vec<_> = published.split_inclusive('\n').collect();
        for at in 1..=published.len() + 1 {
            lines.extend(inserted.remove(&at).into_iter().flatten());
            if let Some(line) = published.get(at - 1).filter(|_| !removed.contains_key(&at)) {
                lines.push(((*line).to_owned(), Origin::Published(at)));
            }
        }
        Laid {
            lines,
            removed,
            otherwise,
        }
    }

    /// Makes a change, whose edits are counted in the lines of this, and says whose patches it touches.
    fn change(&mut self, change: &[Edit]) -> BTreeSet<Owner<'p>> {
        let mut touched = BTreeSet::new();
        // From the end, that what comes before stays where it is.
        let hunks: Vec<_> = carry::hunks(change).collect();
        for hunk in hunks.into_iter().rev() {
            let lines = carry::range(hunk);
            let lines = lines.start - 1..lines.end - 1;
            let owner = self.owner(lines.clone());
            touched.insert(owner);
            let mut place = None;
            for (_, origin) in &self.lines[lines.clone()] {
                match *origin {
                    Origin::Published(at) => drop(self.removed.insert(at, owner)),
                    Origin::Inserted(by, at) => {
                        touched.insert(by);
                        place = place.or((by == owner).then_some(at));
                    }
                }
            }
            let place = place.unwrap_or_else(|| self.place(lines.clone(), owner));
            let inserted = hunk.iter().filter_map(|edit| match edit {
                Edit::Insert { text, .. } => Some((text.clone(), Origin::Inserted(owner, place))),
                _ => None,
            });
            self.lines.splice(lines, inserted);
        }
        touched
    }

    /// Whose lines a change of these is a change of: first theirs, then those of a neighbour.
    fn owner(&self, lines: Range<usize>) -> Owner<'p> {
        let by = |(_, origin): &(String, Origin<'p>)| match origin {
            Origin::Inserted(by, _) => *by,
            Origin::Published(_) => None,
        };
        let within = self.lines[lines.clone()].iter().find_map(by);
        let neighbours = self.neighbours(lines.clone());
        let beside = || neighbours.into_iter().flatten().find_map(by);
        let removing = || {
            let between = self.published_before(lines.start) + 1..self.published_after(lines.end);
            let mut removed = self.removed.range(between);
            removed.find_map(|(_, by)| *by)
        };
        let in_block = || self.block(lines.start);
        let known = within.or_else(in_block).or_else(beside).or_else(removing);
        known.or(self.otherwise)
    }

    /// Whose conflict a line is in: there all that is changed puts that right, also what is between lines
    /// of the published file.
    fn block(&self, line: usize) -> Owner<'p> {
        let border = |(text, origin): &(String, Origin<'p>)| match origin {
            Origin::Inserted(by, _) if carry::is_conflict(text) => Some(*by),
            Origin::Inserted(..) if carry::ends_conflict(text) => Some(None),
            _ => None,
        };
        let mut above = self.lines[..line].iter().rev();
        above.find_map(border).flatten()
    }

    /// Before which line of the published file something comes that its owner puts there.
    fn place(&self, lines: Range<usize>, owner: Owner<'p>) -> usize {
        for (_, origin) in self.neighbours(lines.clone()).into_iter().flatten() {
            match *origin {
                Origin::Inserted(by, at) if by == owner => return at,
                _ => {}
            }
        }
        // What replaces a line comes after it, as in any diff.
        let mut at = self.published_before(lines.start) + 1;
        while self.removed.get(&at) == Some(&owner) {
            at += 1;
        }
        at
    }

    fn neighbours(&self, lines: Range<usize>) -> [Option<&(String, Origin<'p>)>; 2] {
        let before = lines.start.checked_sub(1);
        [
            before.and_then(|at| self.lines.get(at)),
            self.lines.get(lines.end),
        ]
    }

    /// The last line of the published file that is before this line; 0 where there is none.
    fn published_before(&self, line: usize) -> usize {
        let before = self.lines[..line].iter().rev().find_map(published);
        before.unwrap_or_default()
    }

    /// The first line of the published file that is not before this line.
    fn published_after(&self, line: usize) -> usize {
        let after = self.lines[line..].iter().find_map(published);
        after.unwrap_or(usize::MAX)
    }

    /// What one patch does, with context.
    fn edits_of(&self, owner: Owner<'p>, published: &str) -> Result<Vec<Edit>, LayError> {
        let texts: Vec<_> = published.split_inclusive('\n').collect();
        let mut edits = Vec::new();
        for (&at, _) in self.removed.iter().filter(|(_, by)| **by == owner) {
            let text = texts.get(at - 1).copied().unwrap_or_default().to_owned();
            edits.push(Edit::Remove { at, text });
        }
        for (text, origin) in &self.lines {
            match *origin {
                Origin::Inserted(by, at) if by == owner => {
                    let text = text.clone();
                    edits.push(Edit::Insert { at, text });
                }
                _ => {}
            }
        }
        let alone = lay(published, [("", &edits[..])]).map_err(|(_, error)| error)?;
        Ok(diff::edits(published, &alone))
    }
}

fn published((_, origin): &(String, Origin<'_>)) -> Option<usize> {
    match origin {
        Origin::Published(at) => Some(*at),
        Origin::Inserted(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "a\nb\nc\nd\ne\nf\ng\nh\n";

    /// `two` puts a line after `b`; `six` replaces `f`.
    fn patches() -> [(&'static str, Vec<Edit>); 2] {
        [
            ("two", diff::edits(PUBLISHED, "a\nb\n2\nc\nd\ne\nf\ng\nh\n")),
            ("six", diff::edits(PUBLISHED, "a\nb\nc\nd\ne\n6\ng\nh\n")),
        ]
    }

    /// The texts that each patch alone makes after a change, by name; the new one is called `new`.
    fn alone(changed: &str) -> Vec<(String, String)> {
        let patches = patches();
        let slices = patches.each_ref().map(|(name, edits)| (*name, &edits[..]));
        let owned = owned(PUBLISHED, &slices, None, changed).expect("it can be laid");
        let new = Some(("new", owned.new)).filter(|(_, edits)| !edits.is_empty());
        let all = owned.patches.into_iter().chain(new);
        all.map(|(name, edits)| {
            let text = lay(PUBLISHED, [(name, &edits[..])]).expect("it can be laid");
            (name.to_owned(), text.replace('\n', ""))
        })
        .collect()
    }

    fn is(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn nothing_changed_leaves_patches_as_they_are() {
        let patches = patches();
        let slices = patches.each_ref().map(|(name, edits)| (*name, &edits[..]));
        let same = owned(PUBLISHED, &slices, None, "a\nb\n2\nc\nd\ne\n6\ng\nh\n");
        let same = same.expect("it can be laid");
        assert_eq!(same.patches, patches.into_iter().collect());
        assert!(same.new.is_empty());
    }

    #[test]
    fn change_goes_to_the_patch_whose_line_it_touches_or_stands_beside() {
        for (changed, six, two) in [
            ("a\nb\n2\n2\nc\nd\ne\n6\ng\nh\n", "abcde6gh", "ab22cdefgh"),
            ("a\nb\ntwo\nc\nd\ne\n6\ng\nh\n", "abcde6gh", "abtwocdefgh"),
            ("a\nb\n2\nC\nd\ne\n6\ng\nh\n", "abcde6gh", "ab2Cdefgh"),
            ("a\nb\n2\nc\nd\n6\ng\nh\n", "abcd6gh", "ab2cdefgh"),
            ("a\nb\n2\nc\nd\ne\ng\nh\n", "abcdegh", "ab2cdefgh"),
        ] {
            assert_eq!(
                alone(changed),
                is(&[("six", six), ("two", two)]),
                "{changed}"
            );
        }
    }

    #[test]
    fn line_that_is_put_back_is_no_change_any_more() {
        let changed = "a\nb\n2\nc\nd\ne\nf\ng\nh\n";
        assert_eq!(alone(changed), is(&[("two", "ab2cdefgh")]));
    }

    #[test]
    fn whatever_is_changed_in_a_conflict_puts_it_right() {
        let conflict = "<<<<<<< 2: why\nx\n======= as it is\nc\nd\ne\nf\n>>>>>>> 2\n";
        let laid = format!("a\nb\n{conflict}g\nh\n");
        let edits = diff::edits(PUBLISHED, &laid);
        let patches = [("2", &edits[..])];
        let right = owned(PUBLISHED, &patches, None, "a\nb\nc\nd\n2\ne\nf\ng\nh\n");
        let right = right.expect("it can be laid");
        assert!(right.new.is_empty());
        assert_eq!(
            right.patches["2"],
            diff::edits(PUBLISHED, "a\nb\nc\nd\n2\ne\nf\ng\nh\n")
        );
        // Below it that is no longer so.
        let beyond = owned(
            PUBLISHED,
            &patches,
            None,
            &format!("a\nb\n{conflict}g\nH\n"),
        );
        assert!(!beyond.expect("it can be laid").new.is_empty());
    }

    #[test]
    fn change_beside_nobodys_lines_goes_where_it_is_told_to() {
        let patches = patches();
        let slices = patches.each_ref().map(|(name, edits)| (*name, &edits[..]));
        let changed = "A\nb\n2\nc\nd\ne\n6\ng\nH\n";
        for into in ["two", "another"] {
            let owned = owned(PUBLISHED, &slices, Some(into), changed).expect("it can be laid");
            assert!(owned.new.is_empty());
            let text = lay(PUBLISHED, [(into, &owned.patches[into][..])]).expect("it can be laid");
            assert!(text.starts_with("A\n") && text.ends_with("H\n"), "{text}");
            assert_eq!(owned.patches["six"], patches[1].1);
        }
    }

    #[test]
    fn change_beside_nobodys_lines_is_a_new_patch() {
        let changed = "a\nb\n2\nc\nd\ne\n6\ng\nH\n";
        let expected = [
            ("six", "abcde6gh"),
            ("two", "ab2cdefgh"),
            ("new", "abcdefgH"),
        ];
        assert_eq!(alone(changed), is(&expected));
    }
}
