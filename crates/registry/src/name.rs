//! Package names: which are allowed, and which are the same.
//!
//! The rules are those of crates.io. Two names that differ only in case or in `-` against `_` are
//! one package: a [`Key`] is what they have in common, and everything that is kept is kept under
//! it.

use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes.
pub const MAX_LENGTH: usize = 64;

/// Names that Windows gives to devices, whatever follows the first dot. No file can be called so.
const RESERVED: [&str; 22] = [
    "aux", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "con", "lpt1",
    "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "nul", "prn",
];

/// Names of the crates and programs of the toolchain: a package of that name would be taken for it.
const TOOLCHAIN: [&str; 12] = [
    "alloc",
    "core",
    "proc-macro",
    "proc_macro",
    "rust",
    "rustc",
    "rustc-std-workspace-alloc",
    "rustc-std-workspace-core",
    "rustc-std-workspace-std",
    "std",
    "test",
    "unwind",
];

/// A package name as its publisher spells it.
///
/// ASCII letters, digits, `-` and `_`, a letter first, at most [`MAX_LENGTH`] bytes, and no
/// reserved name. So it is safe in a path and in a URL as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name as it is spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What this name shares with every other spelling of it.
    pub fn key(&self) -> Key {
        Key(self.0.to_ascii_lowercase().replace('-', "_"))
    }

    /// Where cargo looks for the package below the root of an index ("Index files" in cargo's
    /// reference): in lower case, in folders named after the first letters.
    pub fn index_path(&self) -> String {
        let name = self.0.to_ascii_lowercase();
        match name.len() {
            1 => format!("1/{name}"),
            2 => format!("2/{name}"),
            3 => format!("3/{}/{name}", &name[..1]),
            _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name in lower case with `_` for `-`: equal for names that are one package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Reads the name of a package's folder; `None` where it is none.
    pub fn from_folder(folder: &str) -> Option<Key> {
        let key = folder.parse::<Name>().ok()?.key();
        (key.as_str() == folder).then_some(key)
    }

    /// The key, which is also the name of the package's folder.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// There is nothing in it.
    #[error("the package name is empty")]
    Empty,
    /// It is longer than [`MAX_LENGTH`] bytes.
    #[error("the package name is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// It does not begin with an ASCII letter.
    #[error("the package name `{}` does not begin with an ASCII letter", .0.escape_default())]
    FirstCharacter(String),
    /// It has something else in it than ASCII letters, digits, `-` and `_`.
    #[error(
        "the package name `{}` has something else in it than ASCII letters, digits, `-` and `_`",
        .0.escape_default()
    )]
    Character(String),
    /// It is the name of a device on Windows, or of a part of the Rust toolchain.
    #[error(
        "the package name `{0}` is reserved: a device on Windows, or a part of the Rust toolchain, is called so"
    )]
    Reserved(String),
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Name, InvalidName> {
        let first = text.chars().next().ok_or(InvalidName::Empty)?;
        if text.len() > MAX_LENGTH {
            return Err(InvalidName::TooLong);
        }
        if !first.is_ascii_alphabetic() {
            return Err(InvalidName::FirstCharacter(text.into()));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !text.bytes().all(allowed) {
            return Err(InvalidName::Character(text.into()));
        }
        let mut reserved = RESERVED.iter().chain(&TOOLCHAIN);
        if reserved.any(|name| text.eq_ignore_ascii_case(name)) {
            return Err(InvalidName::Reserved(text.into()));
        }
        Ok(Name(text.into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn rules_of_crates_io() {
        for good in ["a", "Foo-Bar_9", &"x".repeat(64), "nul2", "com0"] {
            assert_eq!(name(good).as_str(), good);
        }
        for (text, wrong) in [
            ("", InvalidName::Empty),
            (&*"x".repeat(65), InvalidName::TooLong),
            ("9p", InvalidName::FirstCharacter("9p".into())),
            ("-p", InvalidName::FirstCharacter("-p".into())),
            ("été", InvalidName::FirstCharacter("été".into())),
            ("a.b", InvalidName::Character("a.b".into())),
            ("a/../b", InvalidName::Character("a/../b".into())),
            ("cafe\u{301}", InvalidName::Character("cafe\u{301}".into())),
            ("NUL", InvalidName::Reserved("NUL".into())),
            ("lpt9", InvalidName::Reserved("lpt9".into())),
            ("Std", InvalidName::Reserved("Std".into())),
            ("proc_macro", InvalidName::Reserved("proc_macro".into())),
        ] {
            assert_eq!(text.parse::<Name>(), Err(wrong));
        }
    }

    #[test]
    fn spellings_of_one_package_share_a_key() {
        assert_eq!(name("Foo-Bar").key(), name("foo_bar").key());
        assert_ne!(name("foobar").key(), name("foo_bar").key());
    }

    #[test]
    fn index_paths_are_cargos() {
        for (text, path) in [
            ("a", "1/a"),
            ("AB", "2/ab"),
            ("aBc", "3/a/abc"),
            ("Serde", "se/rd/serde"),
            ("a-b-c", "a-/b-/a-b-c"),
        ] {
            assert_eq!(name(text).index_path(), path);
        }
    }
}
