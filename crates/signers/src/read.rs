//! Reads a signers file, strictly: what is not understood is an error with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use consign_identity::Identity;
use consign_identity::account::AccountNumber;
use consign_statement::{PublicKey, RegistryId};
use semver::{Version, VersionReq};
use toml_edit::{Array, Document, InlineTable, Item, Key, Table, TomlError, Value};

use crate::record::{Account, Line, Package, Signer};
use crate::{Registry, Signers};

/// The version of the format.
pub(crate) const VERSION: i64 = 1;

/// How lines begin that git writes where it cannot merge.
const MARKS_OF_A_MERGE: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// A text that is no signers file, with the place where it is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct InvalidFile {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl InvalidFile {
    fn new(text: &str, at: usize, what: String) -> InvalidFile {
        let before = &text[..text.floor_char_boundary(at)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        InvalidFile {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            what,
        }
    }

    fn toml(text: &str, error: &TomlError) -> InvalidFile {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        let invalid = InvalidFile::new(text, at, what);
        let line = text.lines().nth(invalid.line - 1).unwrap_or_default();
        let what = match MARKS_OF_A_MERGE.iter().any(|mark| line.starts_with(mark)) {
            true => {
                "a merge left its marks here: keep the lines that are to count, and remove the marks"
            }
            false if invalid.what.starts_with("duplicate key") => {
                "this is said a second time, as by two branches that were merged: keep the line that is to \
                 count"
            }
            false => return invalid,
        };
        let what = format!("{what} ({})", invalid.what);
        InvalidFile { what, ..invalid }
    }
}

impl Signers {
    /// Reads the text of a signers file.
    pub fn read(text: &str) -> Result<Signers, InvalidFile> {
        let (signers, _) = parse(text)?;
        Ok(signers)
    }
}

/// Where in the text the entries are, for whoever changes them.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) identities: Section,
    pub(crate) registries: BTreeMap<RegistryId, Section>,
}

/// Where one table is, and its entries in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// The beginning of its header, where it has one.
    pub(crate) header: Option<usize>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// From its key to the end of its value.
    pub(crate) span: Range<usize>,
}

/// Reads the text, and where in it everything is.
pub(crate) fn parse(text: &str) -> Result<(Signers, Places), InvalidFile> {
    let document = Document::parse(text).map_err(|error| InvalidFile::toml(text, &error))?;
    let root = document.as_table();
    let mut reader = Reader {
        text,
        signers: Signers::default(),
        places: Places::default(),
    };
    let mut version = None;
    for (key, item) in entries(root) {
        match key.get() {
            "version" => version = Some(reader.version(key, item)?),
            "identity" => reader.identities(key, item)?,
            "registry" => reader.registries(key, item)?,
            other => return Err(reader.unknown(key, other, &["version", "identity", "registry"])),
        }
    }
    match version {
        Some(()) => Ok((reader.signers, reader.places)),
        None => Err(reader.wrong(0, format!("there is no `version = {VERSION}`"))),
    }
}

fn entries(table: &Table) -> impl Iterator<Item = (&Key, &Item)> {
    table.iter().filter_map(|(key, _)| table.get_key_value(key))
}

struct Reader<'t> {
    text: &'t str,
    signers: Signers,
    places: Places,
}

impl Reader<'_> {
    fn wrong(&self, at: usize, what: impl Into<String>) -> InvalidFile {
        InvalidFile::new(self.text, at, what.into())
    }

    fn at(&self, key: &Key) -> usize {
        key.span().map_or(0, |span| span.start)
    }

    fn unknown(&self, key: &Key, name: &str, known: &[&str]) -> InvalidFile {
        let known = known.join("`, `");
        self.wrong(
            self.at(key),
            format!(
                "unknown key `{}`: the keys here are `{known}`",
                name.escape_debug()
            ),
        )
    }

    fn version(&self, key: &Key, item: &Item) -> Result<(), InvalidFile> {
        let at = self.at(key);
        match item.as_integer() {
            Some(VERSION) => Ok(()),
            Some(other) => Err(self.wrong(
                at,
                format!(
                    "it is in version {other} of the format; this Consign reads version {VERSION}"
                ),
            )),
            None => Err(self.wrong(at, format!("`version` is not the number {VERSION}"))),
        }
    }

    /// A table that is written with a header of its own, `[name]`.
    fn table<'d>(&self, key: &Key, item: &'d Item) -> Result<&'d Table, InvalidFile> {
        match item.as_table() {
            Some(table) if !table.is_dotted() => Ok(table),
            _ => Err(self.wrong(
                self.at(key),
                format!(
                    "`{}` is not a table with a `[header]`",
                    key.get().escape_debug()
                ),
            )),
        }
    }

    /// An entry that is a line: a key and an inline table.
    fn line<'d>(&self, key: &Key, item: &'d Item) -> Result<(&'d InlineTable, Entry), InvalidFile> {
        let spans = (key.span(), item.span());
        match (item.as_inline_table(), spans) {
            (Some(table), (Some(start), Some(end))) if !table.is_dotted() => {
                let entry = Entry {
                    key: key.get().to_owned(),
                    span: start.start..end.end,
                };
                Ok((table, entry))
            }
            _ => {
                let name = key.get().escape_debug();
                Err(self.wrong(
                    self.at(key),
                    format!("`{name}` is not written in one line, as `{name} = {{ … }}`"),
                ))
            }
        }
    }

    fn identities(&mut self, key: &Key, item: &Item) -> Result<(), InvalidFile> {
        let table = self.table(key, item)?;
        let mut section = Section {
            header: table.span().map(|span| span.start),
            entries: Vec::new(),
        };
        for (key, item) in entries(table) {
            let identity: Identity = self.parse(self.at(key), key.get())?;
            let (fields, entry) = self.line(key, item)?;
            let account = self.account(self.at(key), fields)?;
            section.entries.push(entry);
            self.signers.identities.insert(identity, account);
        }
        self.places.identities = section;
        Ok(())
    }

    fn account(&self, at: usize, fields: &InlineTable) -> Result<Account, InvalidFile> {
        let mut account = Account::default();
        for (key, value) in self.fields(fields) {
            match key.get() {
                "account" => {
                    let number = value.as_integer().and_then(|n| u64::try_from(n).ok());
                    let number = number.map(AccountNumber::try_from);
                    let Some(Ok(number)) = number else {
                        return Err(
                            self.wrong(self.at(key), "`account` is not the number of an account")
                        );
                    };
                    account.number = Some(number);
                }
                "keys" => account.keys = self.list::<PublicKey>(key, value)?.into_iter().collect(),
                other => return Err(self.unknown(key, other, &["account", "keys"])),
            }
        }
        match account == Account::default() {
            true => Err(self.wrong(at, "nothing is said of this identity")),
            false => Ok(account),
        }
    }

    fn registries(&mut self, key: &Key, item: &Item) -> Result<(), InvalidFile> {
        let table = self.table(key, item)?;
        for (key, item) in entries(table) {
            let id: RegistryId = self.parse(self.at(key), key.get())?;
            let table = self.table(key, item)?;
            let mut registry = Registry::default();
            let mut section = Section::default();
            for (key, item) in entries(table) {
                match key.get() {
                    "also" => {
                        let value = item.as_value();
                        let Some(value) = value else {
                            return Err(
                                self.wrong(self.at(key), "`also` is not a list of addresses")
                            );
                        };
                        registry.also = self.list::<RegistryId>(key, value)?.into_iter().collect();
                    }
                    "package" => section = self.packages(key, item, &mut registry)?,
                    other => return Err(self.unknown(key, other, &["also", "package"])),
                }
            }
            self.places.registries.insert(id.clone(), section);
            self.signers.registries.insert(id, registry);
        }
        self.one_original_each(key)
    }

    /// Each address belongs to one registry.
    fn one_original_each(&self, key: &Key) -> Result<(), InvalidFile> {
        let registries = &self.signers.registries;
        let mut seen = BTreeSet::new();
        let all = registries.values().flat_map(|registry| &registry.also);
        for address in all {
            if registries.contains_key(address) || !seen.insert(address) {
                return Err(self.wrong(
                    self.at(key),
                    format!("`{address}` is said to be more than one registry"),
                ));
            }
        }
        Ok(())
    }

    fn packages(
        &self,
        key: &Key,
        item: &Item,
        registry: &mut Registry,
    ) -> Result<Section, InvalidFile> {
        let table = self.table(key, item)?;
        let mut section = Section {
            header: table.span().map(|span| span.start),
            entries: Vec::new(),
        };
        for (key, item) in entries(table) {
            let name = key.get();
            if name.is_empty() || name.chars().any(char::is_control) {
                return Err(self.wrong(self.at(key), "no package has this name"));
            }
            let (fields, entry) = self.line(key, item)?;
            let package = self.package(self.at(key), fields)?;
            section.entries.push(entry);
            registry.packages.insert(name.to_owned(), package);
        }
        Ok(section)
    }

    fn package(&self, at: usize, fields: &InlineTable) -> Result<Package, InvalidFile> {
        let mut package = Package::default();
        for (key, value) in self.fields(fields) {
            match key.get() {
                "signers" => package.signers = self.signers(key, value)?,
                "since" => {
                    for version in self.list::<Version>(key, value)? {
                        if package.since.insert(Line::of(&version), version).is_some() {
                            let what =
                                "`since` has two versions that are compatible with each other";
                            return Err(self.wrong(self.at(key), what));
                        }
                    }
                }
                "unsigned" => package.unsigned = self.one_or_more::<VersionReq>(key, value)?,
                "keep" => package.keep = self.keep(key, value)?,
                "reason" => package.reason = Some(self.text(key, value)?),
                "threshold" => {
                    if value.as_integer() != Some(1) {
                        let what = "`threshold` can only be 1: this Consign counts one signature a \
                                    release";
                        return Err(self.wrong(self.at(key), what));
                    }
                }
                other => {
                    let known = [
                        "signers",
                        "since",
                        "unsigned",
                        "keep",
                        "reason",
                        "threshold",
                    ];
                    return Err(self.unknown(key, other, &known));
                }
            }
        }
        if package.is_empty() {
            return Err(self.wrong(at, "nothing is said of who may sign this package"));
        }
        if package.signers.is_empty() && !package.since.is_empty() {
            return Err(self.wrong(at, "there is `since`, and nobody in `signers`"));
        }
        Ok(package)
    }

    fn signers(&self, key: &Key, value: &Value) -> Result<BTreeSet<Signer>, InvalidFile> {
        let mut signers = BTreeSet::new();
        for value in self.array(key, value)?.iter() {
            let at = value.span().map_or(self.at(key), |span| span.start);
            let signer = match value {
                Value::String(text) => Signer::new(self.parse(at, text.value())?, None),
                Value::InlineTable(fields) => {
                    let mut identity = None;
                    let mut versions = None;
                    for (key, value) in self.fields(fields) {
                        match key.get() {
                            "identity" => identity = Some(self.text::<Identity>(key, value)?),
                            "versions" => versions = Some(self.text::<VersionReq>(key, value)?),
                            other => {
                                return Err(self.unknown(key, other, &["identity", "versions"]));
                            }
                        }
                    }
                    let Some(identity) = identity else {
                        return Err(self.wrong(at, "a signer without an `identity`"));
                    };
                    Signer::new(identity, versions.as_ref())
                }
                _ => return Err(self.wrong(at, "a signer is not an identity in quotes")),
            };
            if !signers.insert(signer) {
                return Err(self.wrong(at, "the same signer twice"));
            }
        }
        match signers.is_empty() {
            true => Err(self.wrong(self.at(key), "`signers` names nobody")),
            false => Ok(signers),
        }
    }

    fn keep(&self, key: &Key, value: &Value) -> Result<BTreeMap<Version, PublicKey>, InvalidFile> {
        let Some(fields) = value.as_inline_table() else {
            let what = "`keep` is not a table of versions, as `{ \"1.0.0\" = \"ed25519:…\" }`";
            return Err(self.wrong(self.at(key), what));
        };
        let fields = self.fields(fields);
        fields
            .map(|(key, value)| Ok((self.parse(self.at(key), key.get())?, self.text(key, value)?)))
            .collect()
    }

    fn fields<'d>(&self, table: &'d InlineTable) -> impl Iterator<Item = (&'d Key, &'d Value)> {
        let keys = table.iter().map(|(key, _)| key);
        keys.filter_map(|key| {
            let (key, item) = table.get_key_value(key)?;
            Some((key, item.as_value()?))
        })
    }

    fn array<'d>(&self, key: &Key, value: &'d Value) -> Result<&'d Array, InvalidFile> {
        value
            .as_array()
            .ok_or_else(|| self.wrong(self.at(key), format!("`{}` is not a list", key.get())))
    }

    fn list<T: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &Key,
        value: &Value,
    ) -> Result<Vec<T>, InvalidFile> {
        let values = self.array(key, value)?.iter();
        values.map(|value| self.text(key, value)).collect()
    }

    fn one_or_more<T: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &Key,
        value: &Value,
    ) -> Result<Vec<T>, InvalidFile> {
        match value.is_str() {
            true => Ok(vec![self.text(key, value)?]),
            false => self.list(key, value),
        }
    }

    fn text<T: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &Key,
        value: &Value,
    ) -> Result<T, InvalidFile> {
        let at = value.span().map_or(self.at(key), |span| span.start);
        match value.as_str() {
            Some(text) => self.parse(at, text),
            None => Err(self.wrong(at, format!("`{}` is not a text in quotes", key.get()))),
        }
    }

    fn parse<T: FromStr<Err: std::fmt::Display>>(
        &self,
        at: usize,
        text: &str,
    ) -> Result<T, InvalidFile> {
        text.parse()
            .map_err(|error: T::Err| self.wrong(at, format!("`{}`: {error}", text.escape_debug())))
    }
}
