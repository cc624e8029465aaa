//! The carrier: a file in the package that brings a signature along where the index cannot.
//!
//! ```json
//! {"left_out": {".gitignore": "<hex>"}, "sig": "…", "statement": {"name": "foo", …}, "v": 1}
//! ```
//!
//! Few registries keep members of a publish request that they do not know. A `.crate` file, though, is
//! stored byte for byte by all of them, by every mirror and by every cache. So `cargo publish` puts the
//! statement and its signature into it, as the first entry of the archive, under the name [`NAME`] at the
//! package's root. What such a statement cannot hold is the checksum of the archive that it lies in, and
//! its `tree` is that of all the other files. `left_out` has the digests of the files that vendoring leaves
//! out, so that a folder made by stock cargo can be checked as well.
//!
//! The file has one spelling: [`Carrier::from_json`] reads it, writes it again, and takes nothing else
//! than the same bytes. So nobody but the signer decides about a byte of it, and a build script that reads
//! it finds nothing there that was not signed. (`left_out` has to fit the `tree`.)
//!
//! A carrier speaks of what it names. Whether that is the release at hand, and whether an index entry
//! says the same of it ([`Release::difference`]), is asked where both are known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use tar::{Archive, EntryType};

use crate::canonical::Value;
use crate::index::{self, Features};
use crate::statement::Signer;
use crate::tree::Tree;
use crate::vendored::{LeftOut, may_be_left_out};
use crate::{
    Digest, INTEGER_LIMIT, Locator, Malformed, RegistryId, Release, SignError, Signature,
    SignatureValid, SignedFields, Statement, VerifyError, sign, verify,
};

/// The file's name, at the root of a package and in this spelling only.
pub const NAME: &str = ".cargo_signature.json";

/// No carrier has more bytes. The largest statement on crates.io would have some hundred thousand.
pub const MAX_SIZE: u64 = 1 << 20;

/// The version that is written and understood here. It fixes the algorithm.
const VERSION: u64 = 1;

/// A signature and what was signed, as a package carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    release: Release,
    fields: SignedFields,
    left_out: LeftOut,
    bytes: Vec<u8>,
}

/// What a package says of its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a package, looked at and dropped"
)]
pub enum Carried {
    /// A signature. Nothing is verified yet.
    Signature(Carrier),
    /// Something that a later version of the format says.
    UnknownVersion(u64),
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    left_out: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    sig: Cow<'a, str>,
    #[serde(borrow)]
    statement: &'a RawValue,
}

/// The statement, as it is read. Whatever is wrong with its spelling shows when it is written again.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    vers: Cow<'a, str>,
    #[serde(borrow)]
    registry: Cow<'a, str>,
    #[serde(borrow)]
    tree: Cow<'a, str>,
    #[serde(borrow)]
    deps: Vec<index::Dependency<'a>>,
    #[serde(borrow)]
    features: Features<'a>,
    #[serde(default)]
    links: Option<Cow<'a, str>>,
    #[serde(default)]
    rust_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    signer: &'a RawValue,
    time: u64,
}

impl Carrier {
    /// Signs `release` for `registry` as the identity in `locator`, at `time` in Unix seconds. `tree` has
    /// the files of the package, and no carrier among them.
    ///
    /// The checksum of the release, if it has one, is not signed.
    pub fn sign<S: Signer>(
        release: Release,
        registry: &RegistryId,
        tree: Tree,
        locator: Locator,
        time: u64,
        key: &S,
    ) -> Result<Carrier, SignError<S::Error>> {
        let release = release.without_cksum();
        let left_out = tree.files().filter(|(path, _)| may_be_left_out(path));
        let left_out = left_out.map(|(path, digest)| (path.to_owned(), *digest));
        let left_out = left_out.collect();
        let fields = sign(&release, registry, &tree.finish(), locator, time, key)?;
        Ok(Carrier::new(release, fields, left_out)?)
    }

    fn new(
        release: Release,
        fields: SignedFields,
        left_out: LeftOut,
    ) -> Result<Carrier, crate::TimeOutOfRange> {
        let SignedFields { locator, signature } = &fields;
        let statement = Statement::new(
            &release,
            &signature.registry,
            &signature.tree,
            locator,
            signature.time,
        )?;
        let digests = left_out.iter();
        let digests =
            digests.map(|(path, digest)| (path.as_str().into(), digest.to_string().into()));
        let bytes = Value::Object(vec![
            ("left_out".into(), Value::Object(digests.collect())),
            ("sig".into(), URL_SAFE_NO_PAD.encode(signature.sig).into()),
            (
                "statement".into(),
                Value::Written(statement.body().to_vec()),
            ),
            ("v".into(), Value::Integer(VERSION)),
        ]);
        Ok(Carrier {
            bytes: bytes.into_text(),
            release,
            fields,
            left_out,
        })
    }

    /// Reads the file.
    pub fn from_json(bytes: &[u8]) -> Result<Carried, Malformed> {
        if bytes.len() as u64 > MAX_SIZE {
            return Err(InvalidCarrier::TooLarge.into());
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(InvalidCarrier::unreadable)?;
        if v != VERSION {
            return match v < INTEGER_LIMIT {
                true => Ok(Carried::UnknownVersion(v)),
                false => Err(InvalidCarrier::OtherSpelling.into()),
            };
        }
        let carrier = Carrier::read(bytes)?;
        match carrier.bytes == bytes {
            true => Ok(Carried::Signature(carrier)),
            false => Err(InvalidCarrier::OtherSpelling.into()),
        }
    }

    fn read(bytes: &[u8]) -> Result<Carrier, Malformed> {
        let unreadable = InvalidCarrier::unreadable::<serde_json::Error>;
        let file: File<'_> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let told: Told<'_> = serde_json::from_str(file.statement.get()).map_err(unreadable)?;
        let locator = Locator::from_json(told.signer.get().as_bytes())?;
        let signature = Signature {
            time: told.time,
            registry: told.registry.parse().map_err(Malformed::Registry)?,
            tree: told.tree.parse().map_err(Malformed::Tree)?,
            sig: Signature::read_sig(&file.sig)?,
        };
        let entry = index::Entry {
            name: told.name,
            vers: told.vers,
            deps: told.deps,
            features: told.features,
            links: told.links,
            rust_version: told.rust_version,
            ..index::Entry::default()
        };
        let release = Release::from_index_unpackaged(&entry).map_err(InvalidCarrier::unreadable)?;
        let left_out = file.left_out.into_iter().map(|(path, digest)| {
            if !may_be_left_out(&path) {
                let path = path.into_owned();
                return Err(InvalidCarrier::NotLeftOut { path });
            }
            let digest = digest.parse().map_err(InvalidCarrier::unreadable)?;
            Ok((path.into_owned(), digest))
        });
        let left_out = left_out.collect::<Result<_, _>>()?;
        let fields = SignedFields { locator, signature };
        Ok(Carrier::new(release, fields, left_out).map_err(InvalidCarrier::unreadable)?)
    }

    /// The file's bytes: canonical JSON (RFC 8785), which is UTF-8.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the file's bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The release that was signed. It has no checksum.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Signature and locator, as two fields of an index entry would have them.
    pub fn fields(&self) -> &SignedFields {
        &self.fields
    }

    /// The files that a vendored folder may lack, each with its digest.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Checks that the signature is one over the statement beside it, made for the registry in use. Whose key
    /// it is, and what the statement has to do with the package around it, is not asked here.
    pub fn verify(&self, registry_in_use: &RegistryId) -> Result<SignatureValid, VerifyError> {
        verify(&self.release, registry_in_use, &self.fields)
    }
}

/// The bytes of the carrier in a `.crate` file of the package `name` in the version `version`, whether or
/// not they are of the format. No more of the archive is read than its first entry.
///
/// `None` where that is another file, and where the archive cannot be read: then nobody can unpack it.
pub fn in_crate(
    archive: impl Read,
    name: &str,
    version: &str,
) -> Option<Result<Vec<u8>, InvalidCarrier>> {
    in_tar(GzDecoder::new(archive), name, version)
}

/// [`in_crate`], of an archive that is decompressed already.
pub fn in_tar(
    archive: impl Read,
    name: &str,
    version: &str,
) -> Option<Result<Vec<u8>, InvalidCarrier>> {
    // Headers and long names come before the first entry, and are read whole.
    const HEADERS: u64 = 1 << 16;
    let mut archive = Archive::new(archive.take(MAX_SIZE + 1 + HEADERS));
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    let root = format!("{name}-{version}/");
    let path = entry.path_bytes();
    let inner = path.strip_prefix(root.as_bytes())?;
    if inner != NAME.as_bytes() {
        // Where case is folded it would be found under the name all the same.
        let is_other_case = inner.eq_ignore_ascii_case(NAME.as_bytes());
        return is_other_case.then_some(Err(InvalidCarrier::OtherCase));
    }
    if entry.header().entry_type() != EntryType::Regular {
        return Some(Err(InvalidCarrier::NotAFile));
    }
    if entry.size() > MAX_SIZE {
        return Some(Err(InvalidCarrier::TooLarge));
    }
    let mut bytes = Vec::new();
    Some(match entry.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(InvalidCarrier::unreadable(error)),
    })
}

/// How a carrier breaks the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCarrier {
    /// It cannot be read.
    #[error("{}", .0.escape_debug())]
    Unreadable(String),
    /// It says what could be signed, and not in the one way in which that is written.
    #[error("it is not in canonical form")]
    OtherSpelling,
    /// It has more bytes than any carrier.
    #[error("it has more than {MAX_SIZE} bytes")]
    TooLarge,
    /// It is a link, a directory or the like.
    #[error("it is not a regular file")]
    NotAFile,
    /// It has its name in another case.
    #[error("its name is spelled otherwise")]
    OtherCase,
    /// It stands in for a file that no vendored folder lacks.
    #[error("`{}` cannot be left out", .path.escape_debug())]
    NotLeftOut {
        /// The file's path.
        path: String,
    },
}

impl InvalidCarrier {
    fn unreadable<E: ToString>(error: E) -> InvalidCarrier {
        InvalidCarrier::Unreadable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::{Value as Json, json};
    use tar::{Builder, Header};

    use super::*;
    use crate::publish;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        for path in [
            "Cargo.toml",
            ".gitignore",
            "docs/.gitattributes",
            "src/lib.rs",
        ] {
            tree.add_file(path, Digest::of(path.as_bytes())).unwrap();
        }
        tree
    }

    fn carrier() -> Carrier {
        let request = json!({"name": "foo", "vers": "1.0.0", "features": {"a": ["b"]}, "links": "z",
            "rust_version": "1.70",
            "deps": [{"name": "b", "version_req": "^1", "optional": true, "registry":
                "sparse+https://corp.example/index/", "explicit_name_in_toml": "c"}]});
        let request = request.to_string();
        let request: publish::Request<'_> = serde_json::from_str(&request).unwrap();
        let release = Release::from_publish_unpackaged(&request).unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let locator = Locator::new("github", "octocat", Some(1), key.public_key()).unwrap();
        let registry = RegistryId::crates_io();
        Carrier::sign(release, &registry, tree(), locator, 5, &key).unwrap()
    }

    fn json() -> Json {
        serde_json::from_slice(carrier().bytes()).unwrap()
    }

    fn read(json: &Json) -> Result<Carried, Malformed> {
        Carrier::from_json(json.to_string().as_bytes())
    }

    fn fault(edit: impl FnOnce(&mut Json)) -> Malformed {
        let mut json = json();
        edit(&mut json);
        read(&json).unwrap_err()
    }

    #[test]
    fn what_is_signed_is_read_and_verified() {
        let carrier = carrier();
        let read = Carrier::from_json(carrier.bytes()).unwrap();
        assert_eq!(read, Carried::Signature(carrier.clone()));
        let valid = carrier.verify(&RegistryId::crates_io()).unwrap();
        assert_eq!((valid.name(), valid.vers()), ("foo", "1.0.0"));
        assert_eq!((valid.form(), valid.cksum()), (crate::Form::Carrier, None));
        assert_eq!(*valid.tree(), tree().finish());
        let left_out: Vec<_> = carrier.left_out().keys().collect();
        assert_eq!(left_out, [".gitignore", "docs/.gitattributes"]);
    }

    #[test]
    fn statement_has_no_checksum_and_is_of_its_own_type() {
        let carrier = carrier();
        assert_eq!(json()["statement"]["cksum"], Json::Null);
        let SignedFields { locator, signature } = carrier.fields();
        let release = carrier.release();
        let tree = &signature.tree;
        let statement = Statement::new(release, &signature.registry, tree, locator, 5).unwrap();
        let encoded = statement.encoded();
        assert!(encoded.starts_with(b"DSSEv1 37 application/vnd.cargo.carrier.v1+json "));
    }

    #[test]
    fn what_was_changed_does_not_verify() {
        let edits: [fn(&mut Json); 4] = [
            |c| c["statement"]["vers"] = json!("1.0.1"),
            |c| c["statement"]["tree"] = json!(Digest::of(b"").to_string()),
            |c| c["statement"]["signer"]["user"] = json!("mallory"),
            |c| c["statement"]["deps"] = json!([]),
        ];
        for edit in edits {
            let mut json = json();
            edit(&mut json);
            let Ok(Carried::Signature(carrier)) = read(&json) else {
                panic!("{json}");
            };
            let error = carrier.verify(&RegistryId::crates_io()).unwrap_err();
            assert_eq!(error, VerifyError::BadCarrier);
        }
        let elsewhere = RegistryId::from_index_url("https://corp.example/index").unwrap();
        let error = carrier().verify(&elsewhere).unwrap_err();
        assert!(matches!(error, VerifyError::OtherRegistry { .. }));
    }

    #[test]
    fn every_byte_is_decided_by_the_signer() {
        let text = String::from_utf8(carrier().bytes().to_vec()).unwrap();
        let other_spelling = Malformed::Carrier(InvalidCarrier::OtherSpelling);
        for text in [
            format!("{text}\n"),
            text.replacen(":", ": ", 1),
            text.replacen("foo", "f\\u006fo", 1),
            text.replacen("\"req\":\"^1\"", "\"req\":\"1\"", 1),
            text.replacen("\"v\":1", "\"v\":1,\"x\":1", 1),
            text.replacen("\"optional\":true", "\"more\":1,\"optional\":true", 1),
        ] {
            let found = Carrier::from_json(text.as_bytes());
            assert_eq!(found, Err(other_spelling.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_carrier_is_refused() {
        let unreadable = |fault| matches!(fault, Malformed::Carrier(InvalidCarrier::Unreadable(_)));
        assert!(unreadable(fault(|c| *c = json!([]))));
        assert!(unreadable(fault(|c| c["v"] = json!("1"))));
        assert!(unreadable(fault(|c| c["statement"]["deps"] = Json::Null)));
        assert!(unreadable(fault(|c| c["statement"]["vers"] = json!("1"))));
        assert!(unreadable(fault(
            |c| c["left_out"][".gitignore"] = json!("E3")
        )));
        assert_eq!(fault(|c| c["sig"] = json!("AA")), Malformed::Sig);
        let not_left_out = |path: &str| {
            let path = path.to_owned();
            Malformed::Carrier(InvalidCarrier::NotLeftOut { path })
        };
        let digest = Digest::of(b"").to_string();
        let found = fault(|c| c["left_out"]["build.rs"] = json!(digest));
        assert_eq!(found, not_left_out("build.rs"));
        let large = vec![b' '; 1 + usize::try_from(MAX_SIZE).unwrap()];
        let too_large = Malformed::Carrier(InvalidCarrier::TooLarge);
        assert_eq!(Carrier::from_json(&large), Err(too_large));
    }

    #[test]
    fn later_version_is_told_and_not_read() {
        let later = json!({"v": 2, "more": [null]});
        assert_eq!(read(&later), Ok(Carried::UnknownVersion(2)));
    }

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, data) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(data.len() as u64);
            archive.append_data(&mut header, path, *data).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn only_the_first_entry_at_the_root_and_of_that_name_is_the_carrier() {
        use EntryType::{Directory, Regular, Symlink};
        let found = |entries: &[_]| in_crate(&archive(entries)[..], "foo", "1.0.0");
        let own = "foo-1.0.0/.cargo_signature.json";
        let manifest = ("foo-1.0.0/Cargo.toml", Regular, &b""[..]);
        let mine = (own, Regular, &b"mine"[..]);
        assert_eq!(found(&[mine, manifest]), Some(Ok(b"mine".to_vec())));
        assert_eq!(found(&[manifest, mine]), None);
        assert_eq!(
            found(&[("foo-1.0.0/a/.cargo_signature.json", Regular, b"x")]),
            None
        );
        assert_eq!(
            found(&[("bar-1.0.0/.cargo_signature.json", Regular, b"x")]),
            None
        );
        assert_eq!(found(&[]), None);
        let other_case = found(&[("foo-1.0.0/.Cargo_Signature.json", Regular, b"x")]);
        assert_eq!(other_case, Some(Err(InvalidCarrier::OtherCase)));
        for kind in [Symlink, Directory] {
            assert_eq!(
                found(&[(own, kind, b"")]),
                Some(Err(InvalidCarrier::NotAFile))
            );
        }
        let large = vec![b' '; 1 + usize::try_from(MAX_SIZE).unwrap()];
        assert_eq!(
            found(&[(own, Regular, &large)]),
            Some(Err(InvalidCarrier::TooLarge))
        );
        assert!(found(&[(own, Regular, &large[1..])]).unwrap().is_ok());
    }

    #[test]
    fn archive_that_ends_within_the_carrier_is_no_package() {
        let mut tar = Vec::new();
        let mut header = Header::new_gnu();
        header.set_path("foo-1.0.0/.cargo_signature.json").unwrap();
        header.set_size(2000);
        header.set_cksum();
        tar.write_all(header.as_bytes()).unwrap();
        tar.write_all(&[b' '; 1000]).unwrap();
        let found = in_tar(&tar[..], "foo", "1.0.0").unwrap();
        assert!(found.is_err() || Carrier::from_json(&found.unwrap()).is_err());
        assert_eq!(in_crate(&b"no gzip"[..], "foo", "1.0.0"), None);
    }
}
