//! All patches of a folder, laid over a copy of the crate they are for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::lay::{LayError, lay};
use crate::patch::{Edit, Patch, PatchError};

/// The patches of one folder.
#[derive(Debug)]
pub struct PatchSet {
    patches: Vec<Patch>,
}

/// How large a set of patches is: a number to be kept and lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Lines added.
    pub added: usize,
    /// Lines removed; a changed line is one removed and one added.
    pub removed: usize,
    /// Upstream files touched.
    pub files: usize,
}

/// Why the patches could not be laid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// A file or folder could not be read or written.
    #[error("failed to {what} `{path}`")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// A patch file cannot be read.
    #[error("patch `{patch}` is not well-formed")]
    Patch {
        /// The name of the patch file.
        patch: String,
        /// What is wrong with it.
        source: PatchError,
    },
    /// The published file is not the one that the patch was written against.
    #[error(
        "patch `{patch}` was written against another `{file}`: \
         its checksum should be {wanted} but is {found}"
    )]
    OtherUpstream {
        /// The name of the patch file.
        patch: String,
        /// The upstream file, relative to the crate's root.
        file: String,
        /// The checksum in the patch's header.
        wanted: String,
        /// The checksum of the file.
        found: String,
    },
    /// A patch does not apply, or applies twice.
    #[error("patch `{patch}` cannot be laid over `{file}`")]
    Lay {
        /// The name of the patch file.
        patch: String,
        /// The upstream file, relative to the crate's root.
        file: String,
        /// Where and why.
        source: LayError,
    },
    /// What was changed in a laid-out source cannot be told apart.
    #[error(
        "what was changed in `{file}` cannot be told apart: two patches would change one place"
    )]
    Unclear {
        /// The upstream file, relative to the crate's root.
        file: String,
        /// Where.
        source: LayError,
    },
    /// A change is next to the lines of no patch.
    #[error("line {line} of `{file}` was changed, and no patch does anything there")]
    Unowned {
        /// The upstream file, relative to the crate's root.
        file: String,
        /// The line, in the published file.
        line: usize,
    },
    /// There is nothing to make a new patch of.
    #[error("nothing was changed for the new patch `{patch}`")]
    NothingNew {
        /// The name that it should have.
        patch: String,
    },
    /// A file was added or removed.
    #[error("`{file}` was added or removed, and a patch only changes files")]
    AddedOrRemoved {
        /// The file, relative to the crate's root.
        file: String,
    },
    /// A new patch cannot be called so: its name is that of a file, in words of small letters and digits.
    #[error("`{patch}` is no name of a patch, such as `index-keeps-signature.patch`")]
    BadName {
        /// The name.
        patch: String,
    },
    /// What was changed should go to a patch that is not there.
    #[error("there is no patch `{patch}`")]
    NoSuchPatch {
        /// The name.
        patch: String,
    },
    /// Two patches have one name.
    #[error("there is a patch `{patch}` already")]
    SameName {
        /// The name.
        patch: String,
    },
}

impl PatchSet {
    /// These patches.
    pub(crate) fn new(mut patches: Vec<Patch>) -> Result<PatchSet, SetError> {
        patches.sort_by(|one, other| one.name().cmp(other.name()));
        match patches
            .windows(2)
            .find(|two| two[0].name() == two[1].name())
        {
            Some(two) => Err(SetError::SameName {
                patch: two[0].name().to_owned(),
            }),
            None => Ok(PatchSet { patches }),
        }
    }

    /// The paths of every `*.patch` in `folder`, sorted.
    pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, SetError> {
        let mut paths = fs::read_dir(folder)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect::<io::Result<Vec<PathBuf>>>()
            })
            .map_err(failed("read", folder))?;
        paths.retain(|path| path.extension().is_some_and(|ext| ext == "patch"));
        paths.sort();
        Ok(paths)
    }

    /// Reads every `*.patch` of `folder`.
    pub fn read(folder: &Path) -> Result<PatchSet, SetError> {
        let mut patches = Vec::new();
        for path in PatchSet::files(folder)? {
            let name = file_name(&path);
            let patch = Patch::parse(&name, &read(&path)?).map_err(|source| SetError::Patch {
                patch: name,
                source,
            })?;
            patches.push(patch);
        }
        PatchSet::new(patches)
    }

    /// The patches, by name.
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// How large the set is.
    pub fn figures(&self) -> Figures {
        Figures {
            added: self.patches.iter().map(Patch::added).sum(),
            removed: self.patches.iter().map(Patch::removed).sum(),
            files: self.by_file().len(),
        }
    }

    /// Lays all patches over the copy of the published crate at `root`.
    ///
    /// Everything is checked before the first file is written: the copy is left as it was where
    /// one of the patches does not fit.
    pub fn lay(&self, root: &Path) -> Result<(), SetError> {
        let mut patched = Vec::new();
        for (file, patches) in self.by_file() {
            let path = root.join(file);
            let text = read(&path)?;
            let found = checksum(&text);
            for (patch, wanted, _) in &patches {
                if *wanted != found {
                    return Err(SetError::OtherUpstream {
                        patch: (*patch).to_owned(),
                        file: file.to_owned(),
                        wanted: (*wanted).to_owned(),
                        found,
                    });
                }
            }
            let edits = patches.into_iter().map(|(patch, _, edits)| (patch, edits));
            let text = lay(&text, edits).map_err(|(patch, source)| SetError::Lay {
                patch: patch.to_owned(),
                file: file.to_owned(),
                source,
            })?;
            patched.push((path, text));
        }
        for (path, text) in patched {
            fs::write(&path, text).map_err(failed("write", &path))?;
        }
        Ok(())
    }

    /// For each upstream file: the patches that change it, with the checksum and the edits.
    #[expect(clippy::type_complexity, reason = "said in the line above")]
    pub(crate) fn by_file(&self) -> BTreeMap<&str, Vec<(&str, &str, &[Edit])>> {
        let mut files: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for patch in &self.patches {
            for (path, file) in patch.files() {
                let entry = (patch.name(), file.sha256.as_str(), file.edits.as_slice());
                files.entry(path).or_default().push(entry);
            }
        }
        files
    }
}

/// The checksum of a published file, in lower-case hexadecimal digits.
pub(crate) fn checksum(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

pub(crate) fn read(path: &Path) -> Result<String, SetError> {
    fs::read_to_string(path).map_err(failed("read", path))
}

pub(crate) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What a failure to do something with a file comes to.
pub(crate) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SetError {
    let path = path.to_owned();
    move |source| SetError::Io { what, path, source }
}
