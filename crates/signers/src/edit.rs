//! Changes a signers file, line by line.
//!
//! What is changed is the text: a line is added where it belongs by the alphabet, the value of one is
//! replaced, or a line is taken out. Everything else, comments and the order of lines that somebody
//! chose, stays as it is byte for byte. The result is read again, so that no change makes a file that
//! cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use consign_identity::Identity;
use consign_statement::RegistryId;

use crate::read::{Places, Section, VERSION, parse};
use crate::record::{Account, Package};
use crate::{InvalidFile, Signers};

/// What a new file begins with.
const HEAD: &str = "\
# Who may sign what this workspace is built from. `cargo signers` changes it; review it like code.
";

/// A signers file: its text, and what it says.
#[derive(Debug, Clone)]
pub struct SignersFile {
    text: String,
    signers: Signers,
}

/// What is to be changed. Nothing where an entry is `None` removes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// What is known of accounts from now on.
    pub identities: BTreeMap<Identity, Option<Account>>,
    /// What is known of packages from now on.
    pub packages: BTreeMap<(RegistryId, String), Option<Package>>,
}

impl Changes {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.packages.is_empty()
    }
}

impl SignersFile {
    /// A file that says nothing yet.
    pub fn new() -> SignersFile {
        SignersFile {
            text: format!("{HEAD}version = {VERSION}\n"),
            signers: Signers::default(),
        }
    }

    /// Reads the text of a file.
    pub fn read(text: String) -> Result<SignersFile, InvalidFile> {
        let signers = Signers::read(&text)?;
        Ok(SignersFile { text, signers })
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn signers(&self) -> &Signers {
        &self.signers
    }

    /// The file with `changes` made to it. Fails only where these say what no file can.
    pub fn with(&self, changes: &Changes) -> Result<SignersFile, InvalidFile> {
        let (_, places) = parse(&self.text)?;
        let mut edits = Edits {
            text: &self.text,
            newline: match self.text.contains("\r\n") {
                true => "\r\n",
                false => "\n",
            },
            edits: Vec::new(),
        };
        let identities = changes.identities.iter();
        let identities: Vec<_> = identities
            .map(|(identity, account)| (identity.to_string(), account.as_ref().map(account_line)))
            .collect();
        let first_registry = |places: &Places| {
            let sections = places.registries.values();
            sections.filter_map(|section| section.header).min()
        };
        edits.section("[identity]", &places.identities, &identities, || {
            first_registry(&places)
        });
        let registries: BTreeSet<_> = changes.packages.keys().map(|(id, _)| id).collect();
        for id in registries {
            let packages = changes.packages.iter().filter(|((of, _), _)| of == id);
            let packages: Vec<_> = packages
                .map(|((_, name), package)| (name.clone(), package.as_ref().map(package_line)))
                .collect();
            let none = Section::default();
            let section = places.registries.get(id).unwrap_or(&none);
            let next = || {
                let later = places.registries.iter().filter(|(other, _)| *other > id);
                later.filter_map(|(_, section)| section.header).next()
            };
            let header = format!("[registry.{}.package]", quoted(id.as_str()));
            edits.section(&header, section, &packages, next);
        }
        SignersFile::read(edits.apply())
    }
}

impl Default for SignersFile {
    fn default() -> SignersFile {
        SignersFile::new()
    }
}

/// Pieces of text to be put in the place of others.
struct Edits<'t> {
    text: &'t str,
    newline: &'static str,
    edits: Vec<(Range<usize>, String)>,
}

impl Edits<'_> {
    /// Changes the `lines` of a section, each a key with its new value or none. A section that is not
    /// there yet goes before what `next` finds, or to the end.
    fn section(
        &mut self,
        header: &str,
        section: &Section,
        lines: &[(String, Option<String>)],
        next: impl Fn() -> Option<usize>,
    ) {
        let mut added = Vec::new();
        for (key, value) in lines {
            let known = section.entries.iter().find(|entry| entry.key == *key);
            match (known, value) {
                (Some(entry), Some(value)) => {
                    let line = format!("{} = {value}", bare_or_quoted(key));
                    self.edits.push((entry.span.clone(), line));
                }
                (Some(entry), None) => {
                    let end = self.line_end(entry.span.end);
                    self.edits
                        .push((self.line_start(entry.span.start)..end, String::new()));
                }
                (None, Some(value)) => added.push((key, value)),
                (None, None) => {}
            }
        }
        for (key, value) in &added {
            let at = match section.header {
                Some(_) => self.place(section, key),
                None => continue,
            };
            let line = format!("{} = {value}{}", bare_or_quoted(key), self.newline);
            self.insert(at, &line);
        }
        if section.header.is_none() && !added.is_empty() {
            let mut text = format!("{header}{}", self.newline);
            for (key, value) in &added {
                text += &format!("{} = {value}{}", bare_or_quoted(key), self.newline);
            }
            match next() {
                Some(at) => {
                    let at = self.with_comments(self.line_start(at));
                    self.insert(at, &format!("{text}{}", self.newline));
                }
                None => self.insert(self.text.len(), &format!("{}{text}", self.newline)),
            }
        }
    }

    /// Where a line with this key belongs: before the first that comes after it by the alphabet, with the
    /// comments above it, or after the last.
    fn place(&self, section: &Section, key: &str) -> usize {
        let later = section.entries.iter().find(|entry| *entry.key > *key);
        match (later, section.entries.last(), section.header) {
            (Some(entry), _, _) => self.with_comments(self.line_start(entry.span.start)),
            (None, Some(last), _) => self.line_end(last.span.end),
            (None, None, header) => self.line_end(header.unwrap_or_default()),
        }
    }

    fn insert(&mut self, at: usize, text: &str) {
        let ends_a_line = at == 0 || self.text[..at].ends_with('\n');
        let before = if ends_a_line { "" } else { self.newline };
        self.edits.push((at..at, format!("{before}{text}")));
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The beginning of the next line.
    fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        rest.find('\n')
            .map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// The beginning of the comments that stand right above the line that begins at `start`.
    fn with_comments(&self, start: usize) -> usize {
        let mut start = start;
        while start > 0 {
            let above = self.line_start(start - 1);
            if !self.text[above..start].trim_start().starts_with('#') {
                break;
            }
            start = above;
        }
        start
    }

    fn apply(mut self) -> String {
        // Several insertions at one place stay in the order in which they were made.
        self.edits
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = String::new();
        let mut done = 0;
        for (range, new) in self.edits {
            text += &self.text[done..range.start];
            text += &new;
            done = range.end;
        }
        text + &self.text[done..]
    }
}

fn account_line(account: &Account) -> String {
    let mut fields = Vec::new();
    if let Some(number) = account.number {
        fields.push(format!("account = {number}"));
    }
    if !account.keys.is_empty() {
        fields.push(format!("keys = {}", list(account.keys.iter())));
    }
    format!("{{ {} }}", fields.join(", "))
}

fn package_line(package: &Package) -> String {
    let mut fields = Vec::new();
    if !package.signers.is_empty() {
        let signers = package.signers.iter().map(|signer| {
            let identity = quoted(&signer.identity.to_string());
            match signer.versions() {
                None => identity,
                Some(versions) => {
                    let versions = quoted(&versions.to_string());
                    format!("{{ identity = {identity}, versions = {versions} }}")
                }
            }
        });
        let signers = signers.collect::<Vec<_>>().join(", ");
        fields.push(format!("signers = [{signers}]"));
    }
    if !package.since.is_empty() {
        fields.push(format!("since = {}", list(package.since.values())));
    }
    match &package.unsigned[..] {
        [] => {}
        [one] => fields.push(format!("unsigned = {}", quoted(&one.to_string()))),
        several => fields.push(format!("unsigned = {}", list(several.iter()))),
    }
    if !package.keep.is_empty() {
        let kept = package.keep.iter();
        let kept = kept.map(|(version, key)| {
            let version = quoted(&version.to_string());
            format!("{version} = {}", quoted(&key.to_string()))
        });
        let kept = kept.collect::<Vec<_>>().join(", ");
        fields.push(format!("keep = {{ {kept} }}"));
    }
    if let Some(reason) = &package.reason {
        fields.push(format!("reason = {}", quoted(reason.as_str())));
    }
    format!("{{ {} }}", fields.join(", "))
}

fn list(values: impl Iterator<Item = impl ToString>) -> String {
    let values = values.map(|value| quoted(&value.to_string()));
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

/// A key, in quotes where it needs them.
fn bare_or_quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => quoted(key),
    }
}

/// A text in quotes. There are no control characters in what is written here.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
