//! The signed entry of a release, kept in the folder that it was vendored to.
//!
//! ```json
//! {"package": "<cksum>", "files": {…},
//!  "consign": {"v": 1, "entry": <the index line>, "left_out": {".gitignore": "<hex>"}}}
//! ```
//!
//! `.cargo-checksum.json` is cargo's, and cargo skips members that it does not know. Who vendors keeps
//! the index line there, with its signature, so that whoever builds from the folder can check it
//! without a registry: the statement against the entry, the files against its `tree`. Vendoring leaves
//! out what git would take for its own ([`may_be_left_out`]); the digests of these files stand in for
//! them.
//!
//! The file is as untrusted as the folder. What it says is either covered by the signature, or has to
//! fit what is.

use std::collections::BTreeMap;

use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::{Claim, Digest, Malformed, SignedFields, index};

/// The version of the member that is written and understood here.
const VERSION: u64 = 1;

/// The member of `.cargo-checksum.json`.
const MEMBER: &str = "consign";

/// Files that are signed and not vendored, each with its digest, by path.
pub type LeftOut = BTreeMap<String, Digest>;

/// What a vendored folder says of the release that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a package, looked at and dropped"
)]
pub enum Vendored {
    /// Its entry, and what the entry claims of its signature.
    Entry {
        /// The entry.
        entry: index::Entry<'static>,
        /// What it claims.
        claim: Claim,
        /// What is missing from the folder.
        left_out: LeftOut,
    },
    /// Something that a later version of the format says.
    UnknownVersion(u64),
}

/// Whether the file at this path, relative to the package's root, is one that vendoring leaves out.
pub fn may_be_left_out(path: &str) -> bool {
    let name = path.rsplit('/').next();
    matches!(name, Some(".gitignore" | ".gitattributes"))
}

#[derive(Deserialize)]
struct Checksums<'a> {
    package: Option<String>,
    #[serde(borrow)]
    consign: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member<'a> {
    v: u64,
    #[serde(borrow)]
    entry: &'a RawValue,
    left_out: BTreeMap<String, String>,
}

impl Vendored {
    /// Reads the text of a `.cargo-checksum.json` beside the package `name` in the version `vers`.
    ///
    /// `None` where it says nothing of a signature, as that of a folder which stock cargo vendored.
    pub fn from_json(
        checksums: &[u8],
        name: &str,
        vers: &str,
    ) -> Result<Option<Vendored>, Malformed> {
        // As in `Claim::from_json`: a member's name stands there as it is, or with a letter escaped.
        let may_have = |needle: &str| memmem::find(checksums, needle.as_bytes()).is_some();
        if !may_have(MEMBER) && !may_have("\\u") {
            return Ok(None);
        }
        let unreadable = |error: serde_json::Error| InvalidVendored::Unreadable(error.to_string());
        let checksums: Checksums<'_> = serde_json::from_slice(checksums).map_err(unreadable)?;
        let Some(member) = checksums.consign else {
            return Ok(None);
        };
        let Version { v } = serde_json::from_str(member.get()).map_err(unreadable)?;
        if v != VERSION {
            return Ok(Some(Vendored::UnknownVersion(v)));
        }
        let member: Member<'_> = serde_json::from_str(member.get()).map_err(unreadable)?;
        let line = member.entry.get();
        let claim = Claim::from_json(line.as_bytes())?;
        let entry: index::Entry<'_> = serde_json::from_str(line).map_err(unreadable)?;
        let entry = entry.into_owned();
        if (&*entry.name, &*entry.vers) != (name, vers) {
            let found = format!("{} {}", entry.name, entry.vers);
            return Err(InvalidVendored::OtherRelease { found }.into());
        }
        if checksums.package.as_deref() != Some(&*entry.cksum) {
            return Err(InvalidVendored::OtherChecksum.into());
        }
        let left_out = member.left_out.into_iter().map(|(path, digest)| {
            if !may_be_left_out(&path) {
                return Err(InvalidVendored::NotLeftOut { path });
            }
            match digest.parse() {
                Ok(digest) => Ok((path, digest)),
                Err(_) => Err(InvalidVendored::Digest { path }),
            }
        });
        Ok(Some(Vendored::Entry {
            left_out: left_out.collect::<Result<_, _>>()?,
            entry,
            claim,
        }))
    }
}

/// The member that is added to `.cargo-checksum.json`: its name and its value.
///
/// `entry` and `fields` are those of the index line, `left_out` what the folder lacks of the files
/// that were signed.
pub fn member(
    entry: &index::Entry<'_>,
    fields: &SignedFields,
    left_out: &LeftOut,
) -> serde_json::Result<(&'static str, serde_json::Value)> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        entry: &'a index::Entry<'a>,
        #[serde(flatten)]
        fields: &'a SignedFields,
    }
    let member = Member {
        v: VERSION,
        entry: &to_raw_value(&Line { entry, fields })?,
        left_out: left_out
            .iter()
            .map(|(path, digest)| (path.clone(), digest.to_string()))
            .collect(),
    };
    Ok((MEMBER, serde_json::to_value(member)?))
}

/// How the member of a `.cargo-checksum.json` breaks the format, or does not belong where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVendored {
    /// It cannot be read.
    #[error("{}", .0.escape_debug())]
    Unreadable(String),
    /// Its entry is that of another package or version.
    #[error("the entry is that of `{}`", .found.escape_debug())]
    OtherRelease {
        /// Name and version in the entry.
        found: String,
    },
    /// Its entry has another checksum than the one that cargo compares with `Cargo.lock`.
    #[error("the checksum in the entry is not that in `package`")]
    OtherChecksum,
    /// It stands in for a file that no vendored folder lacks.
    #[error("`{}` cannot be left out", .path.escape_debug())]
    NotLeftOut {
        /// The file's path.
        path: String,
    },
    /// It has no digest of a file that was left out.
    #[error("there is no SHA-256 of `{}` in lower-case hex", .path.escape_debug())]
    Digest {
        /// The file's path.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::{Locator, RegistryId, Release, Signer as _, sign};

    const CKSUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn entry() -> index::Entry<'static> {
        let line = json!({"name": "foo", "vers": "1.0.0", "cksum": CKSUM, "features": {"a": []},
            "deps": [{"name": "bar", "req": "^1", "kind": "normal"}]});
        let line = line.to_string();
        serde_json::from_str::<index::Entry<'_>>(&line)
            .unwrap()
            .into_owned()
    }

    fn fields() -> SignedFields {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let locator = Locator::new("github", "octocat", None, key.public_key()).unwrap();
        let registry = RegistryId::crates_io();
        let tree = Digest::of(b"the tree");
        sign(
            &Release::from_index(&entry()).unwrap(),
            &registry,
            &tree,
            locator,
            1,
            &key,
        )
        .unwrap()
    }

    fn left_out() -> LeftOut {
        LeftOut::from([("a/.gitignore".to_owned(), Digest::of(b"target"))])
    }

    fn checksums() -> Value {
        let (name, member) = member(&entry(), &fields(), &left_out()).unwrap();
        json!({"package": CKSUM, "files": {}, name: member})
    }

    fn read(checksums: &Value) -> Result<Option<Vendored>, Malformed> {
        Vendored::from_json(checksums.to_string().as_bytes(), "foo", "1.0.0")
    }

    fn fault(edit: impl FnOnce(&mut Value)) -> InvalidVendored {
        let mut checksums = checksums();
        edit(&mut checksums);
        match read(&checksums) {
            Err(Malformed::Vendored(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let expected = Vendored::Entry {
            entry: entry(),
            claim: Claim::Signed(fields()),
            left_out: left_out(),
        };
        assert_eq!(read(&checksums()), Ok(Some(expected)));
    }

    #[test]
    fn folder_of_stock_cargo_says_nothing() {
        assert_eq!(read(&json!({"package": CKSUM, "files": {}})), Ok(None));
        // A name that is spelled in another way is seen all the same.
        let text = checksums().to_string().replace("consign", "\\u0063onsign");
        let found = Vendored::from_json(text.as_bytes(), "foo", "1.0.0").unwrap();
        assert!(matches!(found, Some(Vendored::Entry { .. })));
    }

    #[test]
    fn later_version_is_told_and_not_read() {
        let later = json!({"package": CKSUM, "files": {}, "consign": {"v": 2, "more": []}});
        assert_eq!(read(&later), Ok(Some(Vendored::UnknownVersion(2))));
    }

    #[test]
    fn entry_of_another_release_is_refused() {
        let other = |found: &str| InvalidVendored::OtherRelease {
            found: found.to_owned(),
        };
        let name = fault(|c| c["consign"]["entry"]["name"] = json!("Foo"));
        assert_eq!(name, other("Foo 1.0.0"));
        let version = fault(|c| c["consign"]["entry"]["vers"] = json!("1.0.0+x"));
        assert_eq!(version, other("foo 1.0.0+x"));
    }

    #[test]
    fn other_checksum_is_refused() {
        let other = json!(CKSUM.replace('e', "f"));
        assert_eq!(
            fault(|c| c["package"] = other),
            InvalidVendored::OtherChecksum
        );
        let missing = fault(|c| c["package"] = Value::Null);
        assert_eq!(missing, InvalidVendored::OtherChecksum);
    }

    #[test]
    fn only_files_of_git_are_left_out() {
        for path in ["src/lib.rs", "build.rs", ".gitignore/x", "x.gitignore", ""] {
            let found = fault(|c| c["consign"]["left_out"][path] = json!(CKSUM));
            let path = path.to_owned();
            assert_eq!(found, InvalidVendored::NotLeftOut { path });
        }
        for path in [".gitignore", ".gitattributes", "a/b/.gitignore"] {
            assert!(may_be_left_out(path), "{path}");
        }
    }

    #[test]
    fn digest_in_another_spelling_is_refused() {
        let found = fault(|c| c["consign"]["left_out"][".gitignore"] = json!(CKSUM.to_uppercase()));
        let path = ".gitignore".to_owned();
        assert_eq!(found, InvalidVendored::Digest { path });
    }

    #[test]
    fn what_is_no_member_is_refused() {
        let faults: [fn(&mut Value); 7] = [
            |c| c["consign"] = json!([]),
            |c| c["consign"] = json!({}),
            |c| c["consign"]["more"] = json!(1),
            |c| c["consign"]["entry"] = json!("foo"),
            |c| c["consign"]["left_out"] = json!([]),
            |c| c["consign"]["v"] = json!("1"),
            |c| _ = c["consign"].as_object_mut().unwrap().remove("left_out"),
        ];
        for edit in faults {
            let mut checksums = checksums();
            edit(&mut checksums);
            assert!(read(&checksums).is_err(), "{checksums}");
        }
        // `null` is no member, as it is none to serde.
        let mut none = checksums();
        none["consign"] = Value::Null;
        assert_eq!(read(&none), Ok(None));
    }

    #[test]
    fn malformed_fields_of_the_entry_are_malformed() {
        let mut checksums = checksums();
        checksums["consign"]["entry"]["signature"] = Value::Null;
        assert!(matches!(read(&checksums), Err(Malformed::Type { .. })));
    }
}
