//! Carries a set of patches to another release of the crate.

use std::collections::BTreeMap;
use std::path::Path;

use crate::carry::{Labels, carry, successor};
use crate::patch::{FilePatch, Patch};
use crate::save::files_below;
use crate::set::{PatchSet, SetError, checksum, read};

/// A set of patches that was carried to another release.
#[derive(Debug)]
pub struct Upgraded {
    /// The patches, with conflicts in them where there are any.
    pub set: PatchSet,
    /// How many hunks found their lines.
    pub carried: usize,
    /// What a person has to look at.
    pub conflicts: Vec<Conflict>,
    /// The files that are somewhere else now: from where, and where.
    pub moved: BTreeMap<String, String>,
}

/// A place where a patch could not be carried.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The name of the patch.
    pub patch: String,
    /// The file.
    pub file: String,
    /// The line of the published file, counted from 1; nothing where the file is gone, and with it
    /// what the patch did to it.
    pub line: Option<usize>,
}

impl PatchSet {
    /// Carries all patches from the crate at `old` to the crate at `new`, each with its version.
    pub fn upgraded(
        &self,
        (old, old_version): (&Path, &str),
        (new, new_version): (&Path, &str),
    ) -> Result<Upgraded, SetError> {
        let published = files_below(new)?;
        let mut upgraded: BTreeMap<&str, BTreeMap<String, FilePatch>> = BTreeMap::new();
        let (mut carried, mut conflicts, mut moved) = (0, Vec::new(), BTreeMap::new());
        for (file, patches) in self.by_file() {
            let before = read(&old.join(file))?;
            let place = match published.contains_key(file) {
                true => Some(file.to_owned()),
                false => moved_to(file, &before, published.keys().map(String::as_str), new)?,
            };
            let Some(place) = place else {
                conflicts.extend(patches.iter().map(|(patch, ..)| Conflict {
                    patch: (*patch).to_owned(),
                    file: file.to_owned(),
                    line: None,
                }));
                continue;
            };
            let after = read(&new.join(&place))?;
            let sha256 = checksum(&after);
            let mut shown = Vec::new();
            for (name, _, edits) in patches.into_iter().rev() {
                let labels = Labels {
                    patch: name,
                    purpose: self.purpose(name),
                    old: old_version,
                    new: new_version,
                };
                let result = carry(&before, &after, edits, labels, &mut shown);
                carried += crate::carry::hunks(edits).count() - result.conflicts.len();
                conflicts.extend(result.conflicts.into_iter().map(|line| Conflict {
                    patch: name.to_owned(),
                    file: place.clone(),
                    line: Some(line),
                }));
                let sha256 = sha256.clone();
                let edits = result.edits;
                let files = upgraded.entry(name).or_default();
                files.insert(place.clone(), FilePatch { sha256, edits });
            }
            if place != file {
                moved.insert(file.to_owned(), place);
            }
        }
        let patches = self.patches().iter().filter_map(|patch| {
            let files = upgraded.remove(patch.name())?;
            Some(Patch::new(patch.name(), patch.about().clone(), files))
        });
        Ok(Upgraded {
            set: PatchSet::new(patches.collect())?,
            carried,
            conflicts,
            moved,
        })
    }

    fn purpose(&self, name: &str) -> &str {
        let patch = self.patches().iter().find(|patch| patch.name() == name);
        patch.map_or("", |patch| &patch.about().purpose)
    }
}

/// Where a file has gone: to one of the same name with most of its lines, or else to any of its kind that
/// has them.
fn moved_to<'a>(
    file: &str,
    text: &str,
    published: impl Iterator<Item = &'a str>,
    root: &Path,
) -> Result<Option<String>, SetError> {
    let of_kind =
        published.filter(|path| Path::new(path).extension() == Path::new(file).extension());
    let is_namesake = |path: &&str| Path::new(path).file_name() == Path::new(file).file_name();
    let (namesakes, others): (Vec<_>, Vec<_>) = of_kind.partition(is_namesake);
    for among in [namesakes, others] {
        let texts: Result<Vec<_>, _> = among
            .into_iter()
            .map(|path| Ok((path, read(&root.join(path))?)))
            .collect();
        let texts = texts?;
        let candidates = texts.iter().map(|(path, text)| (*path, text.as_str()));
        if let Some(path) = successor(text, candidates) {
            return Ok(Some(path.to_owned()));
        }
    }
    Ok(None)
}
