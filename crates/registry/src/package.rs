//! A package as it is kept: its name, its owners, and its versions' index lines.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::line::Line;
use crate::name::{Key, Name};
use crate::store::{Item, Store, StoreError, Writer};
use crate::token::User;

/// A package with at least one version, or one that is about to get its first.
#[derive(Debug, Clone)]
pub struct Package {
    name: Name,
    owners: Vec<User>,
    lines: Vec<Line>,
}

/// `package.json`.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    owners: Vec<User>,
}

/// What is known of one version besides its index line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `package.description` in the manifest.
    pub description: Option<String>,
}

impl Package {
    /// A package without a version. It is not there for anyone until [`Package::add`] was called.
    pub fn new(name: Name, owners: Vec<User>) -> Package {
        Package {
            name,
            owners,
            lines: Vec::new(),
        }
    }

    /// Reads a package; `None` where it has no version.
    pub fn load(store: &Store, key: &Key) -> Result<Option<Package>, StoreError> {
        let Some(index) = store.read(key, Item::Index)? else {
            return Ok(None);
        };
        let (name, owners) = Package::load_record(store, key)?;
        let lines = index
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .map(Line::parse)
            .collect::<Result<_, _>>()
            .map_err(|e| store.damaged(key, Item::Index, e))?;
        Ok(Some(Package {
            name,
            owners,
            lines,
        }))
    }

    /// Reads the index lines as they are served; `None` where there is no package of this name, or
    /// where it lies elsewhere in the index because it is spelled with `-` for `_`.
    pub fn load_index(store: &Store, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        let key = name.key();
        let Some(index) = store.read(&key, Item::Index)? else {
            return Ok(None);
        };
        let (spelled, _) = Package::load_record(store, &key)?;
        Ok((spelled.index_path() == name.index_path()).then_some(index))
    }

    fn load_record(store: &Store, key: &Key) -> Result<(Name, Vec<User>), StoreError> {
        let damaged = |reason: &dyn ToString| store.damaged(key, Item::Package, reason.to_string());
        let bytes = (store.read(key, Item::Package)?).ok_or_else(|| damaged(&"it is missing"))?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
        let name = record.name.parse().map_err(|e| damaged(&e))?;
        Ok((name, record.owners))
    }

    /// The name, as its first publisher spelled it.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Who may publish, yank and sign.
    pub fn owners(&self) -> &[User] {
        &self.owners
    }

    /// The versions, in the order in which they came.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The line of exactly this version.
    pub fn line(&self, version: &Version) -> Option<&Line> {
        self.lines.iter().find(|line| line.version() == version)
    }

    /// The line that this version would double: the index may not hold two versions that differ
    /// in build metadata only.
    pub fn same_version(&self, version: &Version) -> Option<&Line> {
        let same = |line: &&Line| line.version().cmp_precedence(version).is_eq();
        self.lines.iter().find(same)
    }

    /// The version to show: the highest that is not yanked, or the highest of all.
    pub fn newest(&self) -> Option<&Line> {
        let rank = |line: &&Line| (!line.yanked(), line.version().clone());
        self.lines.iter().max_by_key(rank)
    }

    /// Adds a version. Once the last step is done it is there, before that it is not.
    pub fn add(
        &mut self,
        writer: &Writer<'_>,
        line: Line,
        archive: &[u8],
        about: &About,
    ) -> Result<(), StoreError> {
        let version = line.version().clone();
        writer.write(Item::Archive(&version), archive)?;
        writer.write_json(Item::About(&version), about)?;
        if self.lines.is_empty() {
            self.write_record(writer)?;
        }
        self.lines.push(line);
        self.write_lines(writer)
    }

    /// Replaces the line of the version that `line` is of.
    pub fn replace(&mut self, writer: &Writer<'_>, line: Line) -> Result<(), StoreError> {
        for old in &mut self.lines {
            if old.version() == line.version() {
                *old = line.clone();
            }
        }
        self.write_lines(writer)
    }

    /// Replaces the owners.
    pub fn set_owners(&mut self, writer: &Writer<'_>, owners: Vec<User>) -> Result<(), StoreError> {
        self.owners = owners;
        self.write_record(writer)
    }

    fn write_record(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        let record = Record {
            name: self.name.to_string(),
            owners: self.owners.clone(),
        };
        writer.write_json(Item::Package, &record)
    }

    fn write_lines(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line.as_str());
            text.push('\n');
        }
        writer.write(Item::Index, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn line(name: &str, version: &str) -> Line {
        let cksum = "0".repeat(64);
        let text = format!(r#"{{"name":"{name}","vers":"{version}","cksum":"{cksum}"}}"#);
        Line::parse(text.as_bytes()).unwrap()
    }

    fn user(name: &str) -> User {
        name.parse().unwrap()
    }

    #[test]
    fn a_package_without_an_index_line_is_not_there_and_may_be_anybodys() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let alices = line("Foo-Bar", "1.0.0");
        let key = alices.name().key();
        let writer = store.writer(&key);
        // All that alice's publish writes before the last step.
        writer
            .write(Item::Archive(alices.version()), b"hers")
            .unwrap();
        let about = About::default();
        writer
            .write_json(Item::About(alices.version()), &about)
            .unwrap();
        let package = Package::new(alices.name().clone(), vec![user("alice")]);
        package.write_record(&writer).unwrap();
        assert!(Package::load(&store, &key).unwrap().is_none());

        let bobs = line("foo_bar", "1.0.0");
        let mut package = Package::new(bobs.name().clone(), vec![user("bob")]);
        package.add(&writer, bobs.clone(), b"his", &about).unwrap();
        let package = Package::load(&store, &key).unwrap().unwrap();
        assert_eq!(package.owners(), [user("bob")]);
        assert_eq!(package.name(), bobs.name());
        let bytes = store.read(&key, Item::Archive(bobs.version())).unwrap();
        assert_eq!(bytes.unwrap(), b"his");
        assert!(Package::load_index(&store, bobs.name()).unwrap().is_some());
        assert!(
            Package::load_index(&store, alices.name())
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn the_newest_version_is_not_a_yanked_one() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let name = line("foo", "1.0.0").name().clone();
        let writer = store.writer(&name.key());
        let mut package = Package::new(name, Vec::new());
        for version in ["1.9.0", "1.10.0", "1.2.0"] {
            let line = line("foo", version);
            package.add(&writer, line, b"", &About::default()).unwrap();
        }
        let newest = package.newest().unwrap().clone();
        assert_eq!(newest.version().to_string(), "1.10.0");
        package
            .replace(&writer, newest.with_yanked(true).unwrap())
            .unwrap();
        assert_eq!(package.newest().unwrap().version().to_string(), "1.9.0");
    }
}
