//! Saves what somebody made of a laid-out source as patches again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::owner::owned;
use crate::patch::{About, FilePatch, Patch};
use crate::set::{PatchSet, SetError, checksum, failed, file_name, read};

/// Folders of a work tree that are not of the crate.
const NOT_OF_THE_CRATE: [&str; 2] = [".git", "target"];

/// A patch that is to be made of what belongs to no other.
#[derive(Debug, Clone)]
pub struct NewPatch {
    /// The name of its file, `….patch`.
    pub name: String,
    /// What it says of itself.
    pub about: About,
}

impl NewPatch {
    /// The patch that does this, if it can be read again.
    fn made_of(self, files: BTreeMap<String, FilePatch>) -> Result<Patch, SetError> {
        let is_word = |word: &str| {
            let mut bytes = word.bytes();
            !word.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let stem = self.name.strip_suffix(".patch");
        if !stem.is_some_and(|stem| stem.split('-').all(is_word)) {
            return Err(SetError::BadName { patch: self.name });
        }
        let patch = Patch::new(&self.name, self.about, files);
        Patch::parse(&self.name, &patch.to_string()).map_err(|source| SetError::Patch {
            patch: self.name,
            source,
        })
    }
}

/// Where a change goes that is next to the lines of no patch.
#[derive(Debug, Clone)]
pub enum Unowned {
    /// Nowhere: there should be none.
    Refused,
    /// To the patch of this name, which is there.
    Into(String),
    /// To a patch that is made for it.
    New(NewPatch),
}

impl PatchSet {
    /// The patches that make `changed` of `published`, where `changed` is a copy of it in which these
    /// patches were laid and then something was changed.
    ///
    /// Every change goes to the patch next to whose lines it was made; what is next to none of them,
    /// where `unowned` says. A patch that does nothing any more is left out.
    pub fn saved(
        &self,
        published: &Path,
        changed: &Path,
        unowned: Unowned,
    ) -> Result<PatchSet, SetError> {
        let mut files: BTreeMap<&str, BTreeMap<String, FilePatch>> = BTreeMap::new();
        let mut made: BTreeMap<String, FilePatch> = BTreeMap::new();
        let mut of_file = self.by_file();
        let into = match &unowned {
            Unowned::Into(name) => {
                let patch = self.patches().iter().find(|patch| patch.name() == name);
                let patch = patch.ok_or_else(|| SetError::NoSuchPatch {
                    patch: name.clone(),
                })?;
                Some(patch.name())
            }
            Unowned::Refused | Unowned::New(_) => None,
        };
        let new = match unowned {
            Unowned::New(new) => Some(new),
            Unowned::Refused | Unowned::Into(_) => None,
        };
        for file in differing(published, changed)? {
            let patches = of_file.remove(&*file).unwrap_or_default();
            let patches: Vec<_> = patches
                .iter()
                .map(|(name, _, edits)| (*name, *edits))
                .collect();
            let before = read(&published.join(&file))?;
            let after = read(&changed.join(&file))?;
            let owned =
                owned(&before, &patches, into, &after).map_err(|source| SetError::Unclear {
                    file: file.clone(),
                    source,
                })?;
            let sha256 = checksum(&before);
            for (name, edits) in owned.patches {
                let sha256 = sha256.clone();
                let file_patch = FilePatch { sha256, edits };
                files
                    .entry(name)
                    .or_default()
                    .insert(file.clone(), file_patch);
            }
            if let Some(first) = owned.new.first() {
                if new.is_none() {
                    let line = first.at();
                    return Err(SetError::Unowned { file, line });
                }
                let edits = owned.new;
                made.insert(file, FilePatch { sha256, edits });
            }
        }
        let mut patches: Vec<Patch> = self
            .patches()
            .iter()
            .filter_map(|patch| {
                let files = files.remove(patch.name())?;
                Some(Patch::new(patch.name(), patch.about().clone(), files))
            })
            .collect();
        if let Some(new) = new {
            if made.is_empty() {
                return Err(SetError::NothingNew { patch: new.name });
            }
            patches.push(new.made_of(made)?);
        }
        PatchSet::new(patches)
    }

    /// Writes every patch to a file in `folder`, and removes the patches there that are not among them.
    pub fn write(&self, folder: &Path) -> Result<(), SetError> {
        for path in PatchSet::files(folder)? {
            let name = file_name(&path);
            if self.patches().iter().all(|patch| patch.name() != name) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        for patch in self.patches() {
            let path = folder.join(patch.name());
            fs::write(&path, patch.to_string()).map_err(failed("write", &path))?;
        }
        Ok(())
    }
}

/// The files that are not the same in both folders, relative to them.
fn differing(published: &Path, changed: &Path) -> Result<Vec<String>, SetError> {
    let (before, after) = (files_below(published)?, files_below(changed)?);
    let mut differing = Vec::new();
    for (file, path) in &before {
        let missing = || SetError::AddedOrRemoved { file: file.clone() };
        let other = after.get(file).ok_or_else(missing)?;
        let bytes = |path: &Path| fs::read(path).map_err(failed("read", path));
        if bytes(path)? != bytes(other)? {
            differing.push(file.clone());
        }
    }
    match after.into_keys().find(|file| !before.contains_key(file)) {
        Some(file) => Err(SetError::AddedOrRemoved { file }),
        None => Ok(differing),
    }
}

/// Every file of a crate, by its path below `root` with `/` between the parts.
pub(crate) fn files_below(root: &Path) -> Result<BTreeMap<String, PathBuf>, SetError> {
    let mut files = BTreeMap::new();
    let mut left = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = left.pop() {
        for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
            let path = entry.map_err(failed("read", &folder))?.path();
            let name = file_name(&path);
            let is_root = prefix.is_empty();
            match path.is_dir() {
                // What cargo itself leaves beside the files of a package that it unpacked.
                false if is_root && name == ".cargo-ok" => {}
                false => drop(files.insert(format!("{prefix}{name}"), path)),
                true if is_root && NOT_OF_THE_CRATE.contains(&&*name) => {}
                true => left.push((format!("{prefix}{name}/"), path)),
            }
        }
    }
    Ok(files)
}
