//! How stock cargo did, kept from run to run.
//!
//! It holds for one published crate and one compiler; of any other it says nothing. What is not in
//! it has not been tried yet. To record anew, remove the file.
//!
//! One of a run of everything is a part of the project ([`Shared`]), so that who has the same compiler need not
//! run the tests on stock cargo at all. It is believed in one direction only: a test that passed there and
//! fails on Consign here is asked of stock cargo here as well.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::libtest::Outcome;
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

    /// The same, with what `shared` says where nothing has been tried. `known` are all tests there are.
    pub fn or_shared(mut self, shared: &Path, known: &[String]) -> anyhow::Result<Record> {
        if !self.content.outcomes.is_empty() || !shared.exists() {
            return Ok(self);
        }
        let shared = fs::read(shared)
            .map_err(anyhow::Error::from)
            .and_then(|bytes| Ok(serde_json::from_slice::<Shared>(&bytes)?))
            .with_context(|| format!("failed to read `{}`", shared.display()))?;
        if shared.key == self.content.key && shared.tests == known.len() {
            self.content.outcomes = shared.outcomes(known);
        }
        Ok(self)
    }

    /// Writes it for others, to `shared`. It has to be of all tests there are, which are `known`.
    pub fn share(&self, shared: &Path, known: &[String]) -> anyhow::Result<()> {
        let of = |wanted| {
            let outcomes = self.content.outcomes.iter();
            let wanted = outcomes.filter(move |(_, outcome)| **outcome == wanted);
            wanted.map(|(test, _)| test.clone()).collect()
        };
        let content = Shared {
            key: self.content.key.clone(),
            tests: known.len(),
            failed: of(Outcome::Failed),
            ignored: of(Outcome::Ignored),
        };
        write(shared, &(serde_json::to_string_pretty(&content)? + "\n"))
    }

    /// What has been tried.
    pub fn outcomes(&self) -> &Outcomes {
        &self.content.outcomes
    }

    /// Adds outcomes, here and in the file.
    pub fn add(&mut self, outcomes: Outcomes) -> anyhow::Result<()> {
        self.content.outcomes.extend(outcomes);
        write(&self.path, &serde_json::to_string_pretty(&self.content)?)
    }
}

/// A record of all tests, in a file that is read by people, too: what is not named passes.
#[derive(Serialize, Deserialize)]
struct Shared {
    #[serde(flatten)]
    key: Key,
    /// How many there are.
    tests: usize,
    failed: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

impl Shared {
    fn outcomes(&self, known: &[String]) -> Outcomes {
        let outcome = |test: &String| match test {
            failed if self.failed.contains(failed) => Outcome::Failed,
            ignored if self.ignored.contains(ignored) => Outcome::Ignored,
            _ => Outcome::Passed,
        };
        known
            .iter()
            .map(|test| (test.clone(), outcome(test)))
            .collect()
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let coming = path.with_extension("coming");
    fs::write(&coming, text)
        .and_then(|()| fs::rename(&coming, path))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn shared_record_serves_where_nothing_was_tried_and_for_the_same_compiler() -> anyhow::Result<()>
    {
        let folder = tempfile::tempdir()?;
        let (path, shared) = (folder.path().join("own"), folder.path().join("shared.json"));
        let known = ["a::b", "a::c", "a::d"].map(str::to_owned);
        let all = Outcomes::from([
            (known[0].clone(), Outcome::Passed),
            (known[1].clone(), Outcome::Ignored),
            (known[2].clone(), Outcome::Failed),
        ]);
        let mut record = Record::read(&path, key("1.95"))?.or_shared(&shared, &known)?;
        assert!(record.outcomes().is_empty());
        record.add(all.clone())?;
        record.share(&shared, &known)?;
        fs::remove_file(&path)?;

        let read = |rustc, known: &[String]| -> anyhow::Result<Outcomes> {
            let record = Record::read(&path, key(rustc))?.or_shared(&shared, known)?;
            Ok(record.outcomes().clone())
        };
        assert_eq!(read("1.95", &known)?, all);
        assert!(read("1.96", &known)?.is_empty());
        assert!(read("1.95", &known[1..])?.is_empty());
        Ok(())
    }
}
