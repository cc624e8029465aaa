//! What a patch file says.
//!
//! A header of fields, an empty line, and a unified diff of one or more files:
//!
//! ```text
//! For: what the patch makes possible, in one or more lines;
//!   further lines are indented.
//! Why-not-less: why it cannot be a smaller one, or live in our own code.
//! Fails-without: the test that turns red when the patch is taken away.
//! Sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  src/lib.rs
//!
//! --- a/src/lib.rs
//! +++ b/src/lib.rs
//! @@ -1 +1,2 @@
//!  hello
//! +world
//! ```
//!
//! Every field must be there, and there is one `Sha256` for each file of the diff: the checksum of
//! the published file. Line numbers are those of the published file and are meant exactly. There
//! is no fuzz.

use std::collections::BTreeMap;

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet as Diff};

/// One patch file, read.
#[derive(Debug)]
pub struct Patch {
    name: String,
    purpose: String,
    why_not_less: String,
    fails_without: String,
    files: BTreeMap<String, FilePatch>,
}

/// What a patch does to one file.
#[derive(Debug)]
pub struct FilePatch {
    /// SHA-256 of the published file, in lower-case hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) edits: Vec<Edit>,
}

/// One line that a patch looks at. Lines are counted from 1, in the published file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Line `at` is `text`, and stays.
    Keep { at: usize, text: String },
    /// Line `at` is `text`, and goes.
    Remove { at: usize, text: String },
    /// `text` comes right before line `at`.
    Insert { at: usize, text: String },
}

/// A patch file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The header lacks a field.
    #[error("the header has no `{0}:`")]
    MissingField(&'static str),
    /// A header line is neither a field that is known nor the continuation of one.
    #[error("line {line} of the header is not a field that is known: `{text}`")]
    UnknownField {
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// `Sha256:` is not followed by a checksum and a path.
    #[error("line {line}: `Sha256:` wants 64 hexadecimal digits, two spaces and a path")]
    BadChecksum {
        /// Counted from 1.
        line: usize,
    },
    /// The diff is no unified diff.
    #[error("the diff cannot be read: {0}")]
    Diff(String),
    /// The diff adds, removes, renames or copies a file.
    #[error("a patch changes files and does not add, remove or rename any: `{0}`")]
    NotAChange(String),
    /// A file of the diff has no checksum.
    #[error("the header has no `Sha256:` for `{0}`")]
    NoChecksum(String),
    /// A checksum is for a file that the diff does not touch.
    #[error("`Sha256:` names `{0}`, which the diff does not change")]
    UnusedChecksum(String),
    /// The diff changes nothing.
    #[error("the diff changes nothing")]
    Empty,
}

impl Patch {
    /// Reads `text`, the content of the patch file called `name`.
    pub fn parse(name: &str, text: &str) -> Result<Patch, PatchError> {
        let body_at = text
            .find("\n--- ")
            .map(|at| at + 1)
            .ok_or(PatchError::Empty)?;
        let (header, diff) = text.split_at(body_at);
        let mut header = Header::parse(header)?;

        let mut files = BTreeMap::new();
        for file in Diff::parse(diff, ParseOptions::unidiff()) {
            let file = file.map_err(|e| PatchError::Diff(e.to_string()))?;
            let operation = file.operation().strip_prefix(1);
            let FileOperation::Modify { original, modified } = operation else {
                return Err(PatchError::NotAChange(format!("{operation:?}")));
            };
            if original != modified {
                return Err(PatchError::NotAChange(original.into_owned()));
            }
            let path = modified.into_owned();
            let sha256 = header
                .sha256
                .remove(&path)
                .ok_or_else(|| PatchError::NoChecksum(path.clone()))?;
            let edits = file
                .patch()
                .as_text()
                .map(|patch| patch.hunks().iter().flat_map(edits).collect())
                .unwrap_or_default();
            files.insert(path, FilePatch { sha256, edits });
        }
        if let Some((path, _)) = header.sha256.pop_first() {
            return Err(PatchError::UnusedChecksum(path));
        }
        let patch = Patch {
            name: name.to_owned(),
            purpose: header.field("For")?,
            why_not_less: header.field("Why-not-less")?,
            fails_without: header.field("Fails-without")?,
            files,
        };
        match patch.added() + patch.removed() {
            0 => Err(PatchError::Empty),
            _ => Ok(patch),
        }
    }

    /// The name of the patch file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the patch is for.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// Why it cannot be less.
    pub fn why_not_less(&self) -> &str {
        &self.why_not_less
    }

    /// The test that fails without it.
    pub fn fails_without(&self) -> &str {
        &self.fails_without
    }

    /// The files that it changes, by their path in the upstream crate.
    pub fn files(&self) -> &BTreeMap<String, FilePatch> {
        &self.files
    }

    /// How many lines it adds.
    pub fn added(&self) -> usize {
        self.count(|edit| matches!(edit, Edit::Insert { .. }))
    }

    /// How many lines it removes. A line that is changed is one removed and one added.
    pub fn removed(&self) -> usize {
        self.count(|edit| matches!(edit, Edit::Remove { .. }))
    }

    fn count(&self, which: impl Fn(&Edit) -> bool) -> usize {
        let edits = self.files.values().flat_map(|file| &file.edits);
        edits.filter(|edit| which(edit)).count()
    }
}

/// The lines of one hunk, each with its place in the published file.
fn edits(hunk: &diffy::Hunk<'_, str>) -> Vec<Edit> {
    let old = hunk.old_range();
    // By convention a hunk without old lines (`@@ -7,0 +8 @@`) names the line it comes after.
    let mut at = old.start() + usize::from(old.is_empty());
    let mut edits = Vec::new();
    for line in hunk.lines() {
        edits.push(match line {
            diffy::Line::Context(text) => Edit::Keep {
                at,
                text: (*text).to_owned(),
            },
            diffy::Line::Delete(text) => Edit::Remove {
                at,
                text: (*text).to_owned(),
            },
            diffy::Line::Insert(text) => Edit::Insert {
                at,
                text: (*text).to_owned(),
            },
        });
        at += usize::from(!matches!(line, diffy::Line::Insert(_)));
    }
    edits
}

#[derive(Default)]
struct Header {
    fields: BTreeMap<&'static str, String>,
    sha256: BTreeMap<String, String>,
}

impl Header {
    const FIELDS: [&'static str; 3] = ["For", "Why-not-less", "Fails-without"];

    fn parse(text: &str) -> Result<Header, PatchError> {
        let mut header = Header::default();
        let mut open = None;
        for (number, line) in (1..).zip(text.lines()) {
            let unknown = || PatchError::UnknownField {
                line: number,
                text: line.to_owned(),
            };
            if let Some(checksum) = line.strip_prefix("Sha256: ") {
                let (digest, path) = checksum
                    .split_once("  ")
                    .filter(|(digest, _)| hex::decode(digest).is_ok_and(|d| d.len() == 32))
                    .ok_or(PatchError::BadChecksum { line: number })?;
                header.sha256.insert(path.to_owned(), digest.to_owned());
                open = None;
            } else if let Some(more) = line.strip_prefix("  ") {
                let name = open.ok_or_else(unknown)?;
                let value: &mut String = header.fields.entry(name).or_default();
                value.push(' ');
                value.push_str(more.trim());
            } else if !line.is_empty() {
                let (name, value) = line.split_once(':').ok_or_else(unknown)?;
                let name = Header::FIELDS
                    .into_iter()
                    .find(|known| *known == name)
                    .ok_or_else(unknown)?;
                header.fields.insert(name, value.trim().to_owned());
                open = Some(name);
            }
        }
        Ok(header)
    }

    fn field(&mut self, name: &'static str) -> Result<String, PatchError> {
        self.fields
            .remove(name)
            .filter(|value| !value.is_empty())
            .ok_or(PatchError::MissingField(name))
    }
}
