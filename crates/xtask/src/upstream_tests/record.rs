//! How stock cargo did, kept from run to run.
//!
//! It holds for one published crate and one compiler; of any other it says nothing. What is not in
//! it has not been tried yet. To record anew, remove the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::suite::Outcomes;

/// What the outcomes depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The checksum of the published crate.
    pub checksum: String,
    /// What `rustc -Vv` prints.
    pub rustc: String,
}

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    key: Key,
    outcomes: Outcomes,
}

/// The record, as it is in its file.
pub struct Record {
    path: PathBuf,
    content: Content,
}

impl Record {
    /// Reads the record at `path`. It is empty where there is none, or one of something else.
    pub fn read(path: &Path, key: Key) -> anyhow::Result<Record> {
        let empty = |key| Content {
            key,
            outcomes: Outcomes::new(),
        };
        let content = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .ok()
                .filter(|content: &Content| content.key == key)
                .unwrap_or_else(|| empty(key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => empty(key),
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read `{}`", path.display()));
            }
        };
        Ok(Record {
            path: path.to_owned(),
            content,
        })
    }

    /// What has been tried.
    pub fn outcomes(&self) -> &Outcomes {
        &self.content.outcomes
    }

    /// Adds outcomes, here and in the file.
    pub fn add(&mut self, outcomes: Outcomes) -> anyhow::Result<()> {
        self.content.outcomes.extend(outcomes);
        let text = serde_json::to_string_pretty(&self.content)?;
        let coming = self.path.with_extension("coming");
        fs::write(&coming, text)
            .and_then(|()| fs::rename(&coming, &self.path))
            .with_context(|| format!("failed to write `{}`", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream_tests::libtest::Outcome;

    fn key(rustc: &str) -> Key {
        Key {
            checksum: "abc".to_owned(),
            rustc: rustc.to_owned(),
        }
    }

    #[test]
    fn what_was_added_is_found_again_and_only_for_the_same_compiler() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("stock.json");
        let outcomes = Outcomes::from([
            ("a::b".to_owned(), Outcome::Passed),
            ("a::c".to_owned(), Outcome::Ignored),
        ]);

        let mut record = Record::read(&path, key("1.95"))?;
        assert!(record.outcomes().is_empty());
        record.add(outcomes.clone())?;

        assert_eq!(Record::read(&path, key("1.95"))?.outcomes(), &outcomes);
        assert!(Record::read(&path, key("1.96"))?.outcomes().is_empty());
        Ok(())
    }
}
