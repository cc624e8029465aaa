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
use std::fmt;
use std::ops::Range;

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet as Diff};

use crate::carry;

/// How long a line of the header may be.
const WIDTH: usize = 98;

/// One patch file, read.
#[derive(Debug)]
pub struct Patch {
    name: String,
    about: About,
    files: BTreeMap<String, FilePatch>,
}

/// What a patch does to one file.
#[derive(Debug, Clone)]
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

impl Edit {
    /// The line that it is about.
    pub(crate) fn at(&self) -> usize {
        let (Edit::Keep { at, .. } | Edit::Remove { at, .. } | Edit::Insert { at, .. }) = self;
        *at
    }

    pub(crate) fn at_mut(&mut self) -> &mut usize {
        let (Edit::Keep { at, .. } | Edit::Remove { at, .. } | Edit::Insert { at, .. }) = self;
        at
    }

    /// The first line of the published file that comes after it.
    pub(crate) fn next(&self) -> usize {
        self.at() + usize::from(!self.is_insert())
    }

    pub(crate) fn is_insert(&self) -> bool {
        matches!(self, Edit::Insert { .. })
    }

    pub(crate) fn is_remove(&self) -> bool {
        matches!(self, Edit::Remove { .. })
    }
}

/// What a patch says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// What it makes possible.
    pub purpose: String,
    /// Why it cannot be a smaller one, or live in our own code.
    pub why_not_less: String,
    /// The test that turns red when it is taken away.
    pub fails_without: String,
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
            about: About {
                purpose: header.field("For")?,
                why_not_less: header.field("Why-not-less")?,
                fails_without: header.field("Fails-without")?,
            },
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

    /// A patch that is not in a file yet.
    pub(crate) fn new(name: &str, about: About, files: BTreeMap<String, FilePatch>) -> Patch {
        Patch {
            name: name.to_owned(),
            about,
            files,
        }
    }

    /// What the patch says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The files that it changes, by their path in the upstream crate.
    pub fn files(&self) -> &BTreeMap<String, FilePatch> {
        &self.files
    }

    /// Whether there is a conflict in it that nobody has put right.
    pub fn has_conflict(&self) -> bool {
        let mut edits = self.files.values().flat_map(|file| &file.edits);
        edits.any(|edit| matches!(edit, Edit::Insert { text, .. } if carry::is_conflict(text)))
    }

    /// How many lines it adds.
    pub fn added(&self) -> usize {
        self.count(Edit::is_insert)
    }

    /// How many lines it removes. A line that is changed is one removed and one added.
    pub fn removed(&self) -> usize {
        self.count(Edit::is_remove)
    }

    fn count(&self, which: impl Fn(&Edit) -> bool) -> usize {
        let edits = self.files.values().flat_map(|file| &file.edits);
        edits.filter(|edit| which(edit)).count()
    }
}

/// The text of the patch file. What is read from it is the same patch, and where it was written this way
/// the text is the same too.
impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About {
            purpose,
            why_not_less,
            fails_without,
        } = &self.about;
        let values = [purpose, why_not_less, fails_without];
        for (name, value) in Header::FIELDS.into_iter().zip(values) {
            f.write_str(&wrapped(&format!("{name}: {value}")))?;
        }
        for (path, file) in &self.files {
            writeln!(f, "Sha256: {}  {path}", file.sha256)?;
        }
        writeln!(f)?;
        for (path, file) in &self.files {
            write!(f, "--- a/{path}\n+++ b/{path}\n")?;
            let (mut added, mut removed) = (0, 0);
            for hunk in carry::hunks(&file.edits) {
                let inserts = hunk.iter().filter(|edit| edit.is_insert()).count();
                let removes = hunk.iter().filter(|edit| edit.is_remove()).count();
                let old = carry::range(hunk);
                let start = old.start + added - removed;
                let new = start..start + old.len() + inserts - removes;
                writeln!(f, "@@ -{} +{} @@", Span(old), Span(new))?;
                for edit in hunk {
                    let (sign, text) = match edit {
                        Edit::Keep { text, .. } => (' ', text),
                        Edit::Remove { text, .. } => ('-', text),
                        Edit::Insert { text, .. } => ('+', text),
                    };
                    write!(f, "{sign}{text}")?;
                    if !text.ends_with('\n') {
                        f.write_str("\n\\ No newline at end of file\n")?;
                    }
                }
                added += inserts;
                removed += removes;
            }
        }
        Ok(())
    }
}

/// The lines of a hunk, as its head names them.
struct Span(Range<usize>);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start, self.0.len()) {
            (start, 1) => write!(f, "{start}"),
            // By convention such a hunk names the line it comes after.
            (start, 0) => write!(f, "{},0", start - 1),
            (start, lines) => write!(f, "{start},{lines}"),
        }
    }
}

/// A field of the header, in lines of at most [`WIDTH`] characters.
fn wrapped(field: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in field.split_whitespace() {
        let length = word.chars().count();
        let separator = match width {
            0 => "",
            _ if width + 1 + length > WIDTH => "\n  ",
            _ => " ",
        };
        width = match separator {
            "\n  " => 2 + length,
            other => width + other.len() + length,
        };
        text += separator;
        text += word;
    }
    text + "\n"
}

/// The lines of one hunk, each with its place in the published file.
pub(crate) fn edits(hunk: &diffy::Hunk<'_, str>) -> Vec<Edit> {
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
