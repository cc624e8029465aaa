//! The statement: the bytes that stand for a release, and the signature over them.

use std::borrow::Cow;
use std::fmt;

use crate::canonical::Value;
use crate::release::Dependency;
use crate::{
    Digest, INTEGER_LIMIT, Locator, PublicKey, RegistryId, Release, Signature, SignedFields, dsse,
};

/// What a statement over an index entry is, to the encoding that is signed. The `v1` is part of it.
const INDEX_TYPE: &str = "application/vnd.cargo.release.v1+json";

/// The same, of a statement in a carrier.
const CARRIER_TYPE: &str = "application/vnd.cargo.carrier.v1+json";

/// How a signature travels, which decides what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// In two fields of the index entry: the checksum of the archive is signed.
    Index,
    /// In a file of the package, which its own archive's checksum cannot be in.
    Carrier,
}

impl Release {
    /// The form in which this is signed.
    pub fn form(&self) -> Form {
        Form::of(self.cksum())
    }
}

impl Form {
    fn of(cksum: Option<&Digest>) -> Form {
        match cksum {
            Some(_) => Form::Index,
            None => Form::Carrier,
        }
    }

    fn payload_type(self) -> &'static str {
        match self {
            Form::Index => INDEX_TYPE,
            Form::Carrier => CARRIER_TYPE,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Index => "index",
            Form::Carrier => "carrier",
        })
    }
}

/// What is signed for one release: a single spelling for each meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    form: Form,
    body: Vec<u8>,
}

impl Statement {
    /// The statement that `signer` makes at `time`, in Unix seconds, about `release` in `registry`,
    /// whose unpacked files have the digest `tree`. The form is that of the release: index form where it has
    /// a checksum, carrier form where it has none, and then `tree` is without the carrier.
    ///
    /// Fails where `time` is not below 2⁵³.
    pub fn new(
        release: &Release,
        registry: &RegistryId,
        tree: &Digest,
        signer: &Locator,
        time: u64,
    ) -> Result<Statement, TimeOutOfRange> {
        if time >= INTEGER_LIMIT {
            return Err(TimeOutOfRange);
        }
        let mut deps: Vec<Vec<u8>> = release.deps.iter().map(|dep| dep.text(registry)).collect();
        deps.sort_unstable();
        let features = release
            .features
            .iter()
            .map(|(name, values)| (name.as_str().into(), values.iter().collect()));

        let mut object = Object::default();
        object.member("name", &*release.name);
        object.member("vers", &*release.vers);
        object.member("registry", registry.as_str());
        object.optional("cksum", release.cksum.map(|cksum| cksum.to_string()));
        object.member("tree", tree.to_string());
        let deps = deps.into_iter().map(Value::Written).collect();
        object.member("deps", Value::Array(deps));
        object.member("features", Value::Object(features.collect()));
        object.optional("links", release.links.as_deref());
        object.optional("rust_version", release.rust_version.as_deref());
        object.member("signer", self::signer(signer));
        object.member("time", Value::Integer(time));
        Ok(Statement {
            form: release.form(),
            body: object.into_value().into_text(),
        })
    }

    /// The canonical JSON (RFC 8785) of the statement, which is UTF-8.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The DSSE pre-authentication encoding of the body: the message that is signed.
    pub fn encoded(&self) -> Vec<u8> {
        dsse::encode(self.form.payload_type(), &self.body)
    }
}

/// An object that is being put together. What has its default value is left out.
#[derive(Default)]
struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    fn member(&mut self, name: &'static str, value: impl Into<Value<'a>>) {
        self.0.push((name.into(), value.into()));
    }

    fn optional(&mut self, name: &'static str, value: Option<impl Into<Value<'a>>>) {
        if let Some(value) = value {
            self.member(name, value);
        }
    }

    fn into_value(self) -> Value<'a> {
        Value::Object(self.0)
    }
}

impl Dependency {
    /// Its canonical text in the statement of a release in `registry`.
    pub(crate) fn text(&self, registry: &RegistryId) -> Vec<u8> {
        dependency(self, registry).into_text()
    }
}

fn dependency<'a>(dep: &'a Dependency, registry: &RegistryId) -> Value<'a> {
    let elsewhere = dep.registry.as_ref().filter(|r| *r != registry);
    let artifact = Some(&dep.artifact).filter(|kinds| !kinds.is_empty());
    let mut object = Object::default();
    object.member("name", &*dep.name);
    object.optional("package", dep.package.as_deref());
    object.member("req", &*dep.req);
    object.member("kind", dep.kind);
    object.optional("target", dep.target.as_deref());
    object.member("features", dep.features.iter().collect::<Value<'_>>());
    object.member("optional", Value::Bool(dep.optional));
    object.member("default_features", Value::Bool(dep.default_features));
    object.optional("registry", elsewhere.map(RegistryId::as_str));
    object.optional(
        "artifact",
        artifact.map(|k| k.iter().collect::<Value<'_>>()),
    );
    object.optional("bindep_target", dep.bindep_target.as_deref());
    object.optional("lib", dep.lib.then_some(Value::Bool(true)));
    object.into_value()
}

fn signer(locator: &Locator) -> Value<'_> {
    let mut object = Object::default();
    object.member("provider", locator.provider());
    object.member("user", locator.user());
    object.optional("account", locator.account().map(Value::Integer));
    object.member("key", locator.key().to_string());
    object.into_value()
}

/// The time is not below 2⁵³ seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time of 2^53 seconds or more cannot be signed")]
pub struct TimeOutOfRange;

/// An Ed25519 key that signs, wherever its secret half is kept.
pub trait Signer {
    /// Why it did not sign.
    type Error: std::error::Error + 'static;

    /// The half of the key that is published.
    fn public_key(&self) -> PublicKey;

    /// The Ed25519 signature (RFC 8032, section 5.1.6) over `message`.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Self::Error>;
}

/// A secret key in memory.
impl Signer for ed25519_dalek::SigningKey {
    type Error = std::convert::Infallible;

    fn public_key(&self) -> PublicKey {
        // RFC 8032, section 5.1.5: the secret scalar is a multiple of 8 below 2^255. The first such
        // multiple of the group's order is above that, so the point is never of small order.
        PublicKey::from_bytes(self.verifying_key().as_bytes())
            .expect("the public half of a secret key is a valid key")
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Self::Error> {
        Ok(ed25519_dalek::Signer::sign(self, message).to_bytes())
    }
}

/// Signs `release` for `registry` as the identity in `locator`, at `time` in Unix seconds. `tree` is
/// the digest of the unpacked files.
///
/// The signature is verified before it is handed out: a key on a card, in an agent or in a damaged
/// file may give one that fits nothing.
pub fn sign<S: Signer>(
    release: &Release,
    registry: &RegistryId,
    tree: &Digest,
    locator: Locator,
    time: u64,
    key: &S,
) -> Result<SignedFields, SignError<S::Error>> {
    let public_key = key.public_key();
    if *locator.key() != public_key {
        return Err(SignError::OtherKey {
            named: Box::new(*locator.key()),
            given: Box::new(public_key),
        });
    }
    let message = Statement::new(release, registry, tree, &locator, time)?.encoded();
    let sig = key.sign(&message).map_err(SignError::Key)?;
    if !public_key.verify_strict(&message, &sig) {
        return Err(SignError::DoesNotVerify(Box::new(public_key)));
    }
    Ok(SignedFields {
        locator,
        signature: Signature {
            time,
            registry: registry.clone(),
            tree: *tree,
            sig,
        },
    })
}

/// Why a release was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError<E: std::error::Error + 'static> {
    /// The locator names another key than the one that would sign.
    #[error("the key locator names {named}, but the key that signs is {given}")]
    OtherKey {
        /// The key in the locator.
        named: Box<PublicKey>,
        /// The key that was given.
        given: Box<PublicKey>,
    },
    /// The time cannot be signed.
    #[error(transparent)]
    Time(#[from] TimeOutOfRange),
    /// The key did not sign.
    #[error("the signing key gave no signature")]
    Key(#[source] E),
    /// The key signed, but not this, or not with the key that it says it is.
    #[error("the signature that {0} gave does not verify")]
    DoesNotVerify(Box<PublicKey>),
}

/// Checks that `fields` are a signature over `release`, made for the registry in use.
///
/// The release is built from what the registry serves, so whatever the registry changed changes the
/// message, and the signature no longer fits. Whose key it is, is not asked here.
pub fn verify(
    release: &Release,
    registry_in_use: &RegistryId,
    fields: &SignedFields,
) -> Result<SignatureValid, VerifyError> {
    let SignedFields { locator, signature } = fields;
    // Built for the registry that was signed for: a true signature for another one is not the same
    // as a false signature.
    let message = Statement::new(
        release,
        &signature.registry,
        &signature.tree,
        locator,
        signature.time,
    )
    // No statement with such a time can have been signed.
    .map_err(|TimeOutOfRange| VerifyError::BadSignature)?
    .encoded();
    if !locator.key().verify_strict(&message, &signature.sig) {
        return Err(match release.form() {
            Form::Index => VerifyError::BadSignature,
            Form::Carrier => VerifyError::BadCarrier,
        });
    }
    if signature.registry != *registry_in_use {
        return Err(VerifyError::OtherRegistry {
            signed_for: signature.registry.clone(),
            in_use: registry_in_use.clone(),
        });
    }
    Ok(SignatureValid {
        name: release.name.clone(),
        vers: release.vers.clone(),
        cksum: release.cksum,
        fields: fields.clone(),
    })
}

/// Proof that a signature fits a release. Only [`verify`] makes one.
///
/// It says that the holder of the key in [`SignatureValid::locator`] signed this release. That the
/// key belongs to the identity beside it is still only claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureValid {
    name: String,
    vers: String,
    cksum: Option<Digest>,
    fields: SignedFields,
}

impl SignatureValid {
    /// The package's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, build metadata included.
    pub fn vers(&self) -> &str {
        &self.vers
    }

    /// The registry that the release was signed for, which is the one in use.
    pub fn registry(&self) -> &RegistryId {
        &self.fields.signature.registry
    }

    /// SHA-256 of the `.crate` file, where that was signed: in index form.
    pub fn cksum(&self) -> Option<&Digest> {
        self.cksum.as_ref()
    }

    /// How the signature travelled.
    pub fn form(&self) -> Form {
        Form::of(self.cksum.as_ref())
    }

    /// The digest of the unpacked files; in carrier form without the carrier.
    pub fn tree(&self) -> &Digest {
        &self.fields.signature.tree
    }

    /// When it was signed, by the signer's own clock, in Unix seconds.
    pub fn time(&self) -> u64 {
        self.fields.signature.time
    }

    /// The key that signed, and the identity that it claims.
    pub fn locator(&self) -> &Locator {
        &self.fields.locator
    }
}

/// Why a well-formed signature is not accepted for a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The signature is over something else: the entry or the signature was changed.
    #[error("the signature does not fit the index entry")]
    BadSignature,
    /// The same, of a signature in a package: its carrier was changed.
    #[error("the signature in the package does not fit the statement beside it")]
    BadCarrier,
    /// The signature is true, but its signer released this in another registry.
    #[error("signed for another registry: for {signed_for}, not for {in_use}")]
    OtherRegistry {
        /// The registry that was signed for.
        signed_for: RegistryId,
        /// The registry that the release is offered by.
        in_use: RegistryId,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::index;

    /// Every member that a statement can have, in an order and spelling that are not the signed ones.
    const LINE: &str = r#"{"name":"foo","vers":"1.0.0+meta","cksum":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","deps":[
        {"name":"zed","req":"1.2","features":["b","a","b",""],"optional":true,"default_features":false,"target":"cfg( unix )","kind":null,"registry":"sparse+https://corp.example/index/","package":"zed-core","artifact":["staticlib","bin"],"bindep_target":"target","lib":true},
        {"name":"own","req":"*","features":[],"optional":false,"default_features":true,"target":null,"kind":"dev","registry":"https://index.crates.io/"}],
        "features":{"default":["std"]},"features2":{"\ue000":["dep:zed"],"😀":[]},"links":"z","rust_version":"1.70","yanked":true,"v":3}"#;

    /// The same, written by hand from the format's description. U+1F600 sorts before U+E000.
    const BODY: &str = concat!(
        r#"{"cksum":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
        r#""deps":[{"artifact":["bin","staticlib"],"bindep_target":"target","default_features":false,"features":["a","b"],"kind":"normal","lib":true,"name":"zed","optional":true,"package":"zed-core","registry":"https://corp.example/index","req":"^1.2","target":"cfg(unix)"},"#,
        r#"{"default_features":true,"features":[],"kind":"dev","name":"own","optional":false,"req":"*"}],"#,
        r#""features":{"default":["std"],"😀":[],"#,
        "\"\u{e000}\":[\"dep:zed\"]},",
        r#""links":"z","name":"foo","registry":"https://github.com/rust-lang/crates.io-index","rust_version":"1.70","#,
        r#""signer":{"account":583231,"key":"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","provider":"github","user":"octocat"},"#,
        r#""time":1763800000,"tree":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","vers":"1.0.0+meta"}"#,
    );

    /// RFC 8032, section 7.1, test 1.
    fn key() -> SigningKey {
        let mut seed = [0; 32];
        let digits = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        hex::decode_to_slice(digits, &mut seed).unwrap();
        SigningKey::from_bytes(&seed)
    }

    fn locator() -> Locator {
        Locator::new("github", "octocat", Some(583231), key().public_key()).unwrap()
    }

    fn release(line: &str) -> Release {
        let entry: index::Entry<'_> = serde_json::from_str(line).unwrap();
        Release::from_index(&entry).unwrap()
    }

    fn tree() -> Digest {
        Digest::of(b"abc")
    }

    fn signed() -> SignedFields {
        let registry = RegistryId::crates_io();
        let release = release(LINE);
        sign(&release, &registry, &tree(), locator(), 1763800000, &key()).unwrap()
    }

    #[test]
    fn the_body_is_what_the_format_says() {
        let statement = Statement::new(
            &release(LINE),
            &RegistryId::crates_io(),
            &tree(),
            &locator(),
            1763800000,
        )
        .unwrap();
        assert_eq!(std::str::from_utf8(statement.body()).unwrap(), BODY);
        assert_eq!(
            statement.encoded(),
            format!(
                "DSSEv1 37 application/vnd.cargo.release.v1+json {} {BODY}",
                BODY.len()
            )
            .into_bytes()
        );
    }

    #[test]
    fn what_has_its_default_is_left_out() {
        let line = r#"{"name":"foo","vers":"1.0.0","cksum":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","deps":[]}"#;
        let locator = Locator::new("wkd", "a@example.org", None, key().public_key()).unwrap();
        let registry = RegistryId::from_index_url("https://corp.example/").unwrap();
        let statement = Statement::new(&release(line), &registry, &tree(), &locator, 0).unwrap();
        assert_eq!(
            std::str::from_utf8(statement.body()).unwrap(),
            concat!(
                r#"{"cksum":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","deps":[],"features":{},"#,
                r#""name":"foo","registry":"https://corp.example/","signer":{"key":"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","provider":"wkd","user":"a@example.org"},"#,
                r#""time":0,"tree":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","vers":"1.0.0"}"#
            )
        );
    }

    #[test]
    fn equal_dependencies_are_kept() {
        let dep = r#"{"name":"a","req":"1"}"#;
        let line = format!(
            r#"{{"name":"foo","vers":"1.0.0","cksum":"{}","deps":[{dep},{dep}]}}"#,
            tree()
        );
        let registry = RegistryId::crates_io();
        let statement = Statement::new(&release(&line), &registry, &tree(), &locator(), 0).unwrap();
        let body: serde_json::Value = serde_json::from_slice(statement.body()).unwrap();
        assert_eq!(body["deps"][0], body["deps"][1]);
        assert_eq!(body["deps"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_time_that_json_cannot_hold_is_not_signed() {
        let registry = RegistryId::crates_io();
        let new = |time| Statement::new(&release(LINE), &registry, &tree(), &locator(), time);
        assert!(new(INTEGER_LIMIT - 1).is_ok());
        assert_eq!(new(INTEGER_LIMIT), Err(TimeOutOfRange));
        let mut fields = signed();
        fields.signature.time = INTEGER_LIMIT;
        assert_eq!(
            verify(&release(LINE), &registry, &fields),
            Err(VerifyError::BadSignature)
        );
    }

    /// RFC 8032, section 7.1, tests 1 and 2: the empty message, and one byte under another key.
    #[test]
    fn signs_as_the_standard_does() {
        let hex = |bytes: [u8; 64]| hex::encode(bytes);
        assert_eq!(
            hex(Signer::sign(&key(), b"").unwrap()),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        let mut seed = [0; 32];
        let digits = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        hex::decode_to_slice(digits, &mut seed).unwrap();
        let second = SigningKey::from_bytes(&seed);
        assert_eq!(
            hex::encode(second.public_key().as_bytes()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            hex(Signer::sign(&second, &[0x72]).unwrap()),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn a_signature_fits_its_release_and_says_so() {
        let fields = signed();
        let valid = verify(&release(LINE), &RegistryId::crates_io(), &fields).unwrap();
        assert_eq!(valid.name(), "foo");
        assert_eq!(valid.vers(), "1.0.0+meta");
        assert_eq!(valid.registry(), &RegistryId::crates_io());
        assert_eq!(valid.cksum(), Some(&Digest::of(b"")));
        assert_eq!(valid.tree(), &tree());
        assert_eq!(valid.time(), 1763800000);
        assert_eq!(valid.locator(), &locator());
    }

    #[test]
    fn a_change_to_anything_that_is_signed_breaks_it() {
        let fields = signed();
        for (from, to) in [
            (r#""name":"foo""#, r#""name":"fop""#),
            ("1.0.0+meta", "1.0.0+mate"),
            (r#""cksum":"e3"#, r#""cksum":"e4"#),
            (r#""name":"zed""#, r#""name":"zec""#),
            ("zed-core", "zed-care"),
            (r#""req":"1.2""#, r#""req":"1.3""#),
            (r#""b","a""#, r#""c","a""#),
            (r#""optional":true"#, r#""optional":false"#),
            (r#""default_features":false"#, r#""default_features":true"#),
            ("cfg( unix )", "cfg(windows)"),
            (r#""kind":null"#, r#""kind":"build""#),
            ("corp.example", "evil.example"),
            (r#""staticlib","bin""#, r#""staticlib""#),
            (r#""bindep_target":"target","#, ""),
            (r#""lib":true"#, r#""lib":false"#),
            (r#""default":["std"]"#, r#""default":[]"#),
            (r#""links":"z""#, r#""links":"y""#),
            (r#""rust_version":"1.70""#, r#""rust_version":"1.71""#),
            (r#""rust_version":"1.70","#, ""),
        ] {
            let changed = LINE.replacen(from, to, 1);
            assert_ne!(changed, LINE, "{from}");
            assert_eq!(
                verify(&release(&changed), &RegistryId::crates_io(), &fields),
                Err(VerifyError::BadSignature),
                "{from}"
            );
        }
    }

    #[test]
    fn a_change_to_the_fields_breaks_it() {
        let other = SigningKey::from_bytes(&[7; 32]).public_key();
        let new =
            |provider, user, account, key| Locator::new(provider, user, account, key).unwrap();
        let key = key().public_key();
        let account = Some(583231);
        let changed_locators = [
            new("gitlab", "octocat", account, key),
            new("github", "octodog", account, key),
            new("github", "octocat", Some(1), key),
            new("github", "octocat", None, key),
            new("github", "octocat", account, other),
        ];
        let mut changed: Vec<SignedFields> = changed_locators
            .into_iter()
            .map(|locator| SignedFields {
                locator,
                ..signed()
            })
            .collect();
        let mut change = |how: fn(&mut Signature)| {
            let mut fields = signed();
            how(&mut fields.signature);
            changed.push(fields);
        };
        change(|signature| signature.time += 1);
        change(|signature| signature.tree = Digest::of(b""));
        change(|signature| signature.sig[0] ^= 1);
        change(|signature| signature.sig[63] ^= 0x80);
        change(|signature| {
            signature.registry = RegistryId::from_index_url("https://evil.example").unwrap();
        });
        for fields in changed {
            assert_eq!(
                verify(&release(LINE), &RegistryId::crates_io(), &fields),
                Err(VerifyError::BadSignature),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn one_signed_for_another_registry_is_told_apart_from_a_false_one() {
        let corp = RegistryId::from_index_url("https://corp.example/index").unwrap();
        let error = verify(&release(LINE), &corp, &signed()).unwrap_err();
        assert_eq!(
            error,
            VerifyError::OtherRegistry {
                signed_for: RegistryId::crates_io(),
                in_use: corp.clone()
            }
        );
        assert_eq!(
            error.to_string(),
            "signed for another registry: for https://github.com/rust-lang/crates.io-index, \
             not for https://corp.example/index"
        );
        let changed = LINE.replace("1.2", "1.3");
        assert_eq!(
            verify(&release(&changed), &corp, &signed()),
            Err(VerifyError::BadSignature)
        );
    }

    /// A key whose signatures are over something else, as a wrong slot of a card would give.
    struct WrongKey;

    impl Signer for WrongKey {
        type Error = std::convert::Infallible;

        fn public_key(&self) -> PublicKey {
            key().public_key()
        }

        fn sign(&self, _: &[u8]) -> Result<[u8; 64], Self::Error> {
            Signer::sign(&key(), b"something else")
        }
    }

    /// A key that does not sign.
    struct LockedKey;

    impl Signer for LockedKey {
        type Error = std::io::Error;

        fn public_key(&self) -> PublicKey {
            key().public_key()
        }

        fn sign(&self, _: &[u8]) -> Result<[u8; 64], Self::Error> {
            Err(std::io::Error::other("locked"))
        }
    }

    #[test]
    fn a_signature_that_does_not_verify_is_never_handed_out() {
        let (release, registry, tree) = (release(LINE), RegistryId::crates_io(), tree());
        let error = sign(&release, &registry, &tree, locator(), 0, &WrongKey).unwrap_err();
        assert!(matches!(error, SignError::DoesNotVerify(_)));
        let error = sign(&release, &registry, &tree, locator(), 0, &LockedKey).unwrap_err();
        assert!(matches!(error, SignError::Key(_)));
        let other = SigningKey::from_bytes(&[7; 32]);
        let error = sign(&release, &registry, &tree, locator(), 0, &other).unwrap_err();
        assert!(matches!(error, SignError::OtherKey { .. }));
        let late = sign(&release, &registry, &tree, locator(), INTEGER_LIMIT, &key());
        assert!(matches!(late.unwrap_err(), SignError::Time(_)));
    }
}
