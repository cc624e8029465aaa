//! In what the files of two archives differ, for somebody to read.
//!
//! What is in them may be anybody's: nothing of it reaches a terminal that would obey it.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::Context as _;
use consign_statement::carrier::{self, Carried, Carrier};
use flate2::read::GzDecoder;
use tar::Archive;

use crate::CargoResult;

/// A file that is not the same here as in the release.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path in the package, and how it differs: `src/lib.rs (only in the release)`.
    pub file: String,
    /// The difference line by line, from what is here to what was released; nothing of what is no text.
    pub lines: Vec<String>,
}

/// The files in an archive, which are known to be such as can be signed, and of `limit` bytes at most.
pub(super) fn files(
    packed: &[u8],
    name: &str,
    version: &str,
    limit: u64,
) -> CargoResult<BTreeMap<String, Vec<u8>>> {
    let root = format!("{name}-{version}/");
    let mut archive = Archive::new(GzDecoder::new(packed).take(limit));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8(entry.path_bytes().into_owned())?;
        let path = path
            .strip_prefix(&root)
            .context("a file beside the package")?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path.to_owned(), content);
    }
    Ok(files)
}

/// What is not the same in `released` as `here`. A carrier is in what was published, and never in a checkout.
pub(super) fn between(
    here: &BTreeMap<String, Vec<u8>>,
    released: &BTreeMap<String, Vec<u8>>,
) -> Vec<Change> {
    let is_carrier = |path: &str, content: &[u8]| {
        path == carrier::NAME && matches!(Carrier::from_json(content), Ok(Carried::Signature(_)))
    };
    let mut paths: Vec<_> = here.keys().chain(released.keys()).collect();
    paths.sort();
    paths.dedup();
    let change = |path: &String| {
        let (old, new) = (here.get(path), released.get(path));
        if old == new || new.is_some_and(|new| is_carrier(path, new)) {
            return None;
        }
        let how = match (old, new) {
            (None, _) => " (only in the release)",
            (_, None) => " (not in the release)",
            _ => "",
        };
        Some(Change {
            file: format!("{}{how}", path.escape_debug()),
            lines: difference(
                old.map_or(&[], Vec::as_slice),
                new.map_or(&[], Vec::as_slice),
            ),
        })
    };
    paths.into_iter().filter_map(change).collect()
}

fn difference(old: &[u8], new: &[u8]) -> Vec<String> {
    let (Ok(old), Ok(new)) = (str::from_utf8(old), str::from_utf8(new)) else {
        return vec!["no text".to_owned()];
    };
    let patch = diffy::create_patch(old, new).to_string();
    // The first two lines name the files.
    patch.lines().skip(2).map(plain).collect()
}

/// A line without what a terminal would obey, or show in another order.
fn plain(line: &str) -> String {
    let plain = |c: char| match c {
        '\t' => "\t".to_owned(),
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    line.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        files.iter().map(file).collect()
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let here = files(&[("a", "x\n"), ("b", "1\n2\n"), ("d", "old\n")]);
        let released = files(&[("a", "x\n"), ("b", "1\n\u{1b}[2J\n"), ("c", "new\n")]);
        let told: Vec<_> = between(&here, &released)
            .into_iter()
            .map(|change| (change.file, change.lines.join("|")))
            .collect();
        let expected = [
            ("b", "@@ -1,2 +1,2 @@| 1|-2|+\\u{1b}[2J"),
            ("c (only in the release)", "@@ -0,0 +1 @@|+new"),
            ("d (not in the release)", "@@ -1 +0,0 @@|-old"),
        ];
        let expected = expected.map(|(file, lines)| (file.to_owned(), lines.to_owned()));
        assert_eq!(told, expected);
    }
}
