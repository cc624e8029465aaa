//! The two fields that carry a signature, in an index line and in a publish request.
//!
//! ```json
//! "key_locator": {"provider": "github", "user": "octocat", "account": 583231, "key": "ed25519:…"},
//! "signature":   {"v": 1, "time": 1763800000, "registry": "…", "tree": "<hex>", "sig": "…"}
//! ```
//!
//! The rest of the line is read tolerantly, by others; these two strictly, here. One meaning has one
//! spelling: whatever is unknown, given twice, of another type or spelled otherwise is
//! [`Malformed`], which is a finding of its own and never the same as no signature. Only a version
//! of the signature that is not known is: then its other members are not judged.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::{
    Digest, INTEGER_LIMIT, InvalidDigest, InvalidKey, InvalidLocator, InvalidRegistry, Locator,
    RegistryId, carrier::InvalidCarrier, vendored::InvalidVendored,
};

const KEY_LOCATOR: &str = "key_locator";
const SIGNATURE: &str = "signature";

/// The version of the signature that is made and understood here. It fixes the algorithm.
const VERSION: u64 = 1;

/// The field `signature`, version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// When it was made, in Unix seconds, below 2⁵³. The signer's word.
    pub time: u64,
    /// The registry that the release was signed for.
    pub registry: RegistryId,
    /// The digest over the unpacked files.
    pub tree: Digest,
    /// The Ed25519 signature (RFC 8032, section 5.1.6) over the encoded statement.
    pub sig: [u8; 64],
}

/// Both fields of a signed release. Serialised they are an object with both, to be flattened into
/// the line or request that carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFields {
    /// The field `key_locator`.
    pub locator: Locator,
    /// The field `signature`.
    pub signature: Signature,
}

/// What a line or a request claims about its signature. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a line, looked at and dropped"
)]
pub enum Claim {
    /// Neither field is there.
    Unsigned,
    /// A signature of a version that is not known here, which counts as unsigned.
    UnknownVersion(u64),
    /// Both fields are there and well formed.
    Signed(SignedFields),
}

impl Claim {
    /// Reads the two fields from the object of a whole index line or publish request. Other members
    /// are skipped.
    ///
    /// A line in which neither name can occur is [`Claim::Unsigned`] without being parsed. A name
    /// occurs only as it is or with at least one of its letters escaped, and JSON escapes letters as
    /// `\u` and in no other way: so it is enough to look for both names and for `\u`, and no
    /// spelling gets a field past this that a JSON parser would see.
    pub fn from_json(line: &[u8]) -> Result<Claim, Malformed> {
        match Claim::may_be_in(line) {
            true => Claim::parse(line),
            false => Ok(Claim::Unsigned),
        }
    }

    /// Whether [`from_json`](Claim::from_json) has to look at this line at all. Where it has not, the
    /// line is [`Claim::Unsigned`].
    pub fn may_be_in(line: &[u8]) -> bool {
        let may_have = |needle: &str| memmem::find(line, needle.as_bytes()).is_some();
        may_have(SIGNATURE) || may_have(KEY_LOCATOR) || may_have("\\u")
    }

    /// [`Claim::from_json`], for a line that may have the fields.
    pub(crate) fn parse(line: &[u8]) -> Result<Claim, Malformed> {
        let fields: Fields = serde_json::from_slice(line).map_err(Malformed::json)?;
        if let Some(member) = fields.duplicate {
            return Err(Malformed::Duplicate {
                member: member.to_owned(),
            });
        }
        let alone = |present, missing| Err(Malformed::Alone { present, missing });
        match (fields.key_locator, fields.signature) {
            (None, None) => Ok(Claim::Unsigned),
            (Some(_), None) => alone(KEY_LOCATOR, SIGNATURE),
            (None, Some(_)) => alone(SIGNATURE, KEY_LOCATOR),
            (Some(locator), Some(signature)) => {
                let locator = read_locator(locator)?;
                Ok(match read_signature(signature)? {
                    Versioned::Unknown(version) => Claim::UnknownVersion(version),
                    Versioned::Known(signature) => {
                        Claim::Signed(SignedFields { locator, signature })
                    }
                })
            }
        }
    }
}

impl Locator {
    /// Reads the object of the field `key_locator` alone, as strictly as [`Claim::from_json`].
    pub fn from_json(object: &[u8]) -> Result<Locator, Malformed> {
        read_locator(serde_json::from_slice(object).map_err(Malformed::json)?)
    }
}

fn read_locator(node: Node) -> Result<Locator, Malformed> {
    let mut members = Members::of(KEY_LOCATOR, node)?;
    let provider = members.string("provider")?;
    let user = members.string("user")?;
    let account = members.optional_integer("account")?;
    let key = members.string("key")?;
    members.finish()?;
    let key = key.parse().map_err(Malformed::Key)?;
    Locator::new(provider, user, account, key).map_err(Malformed::Locator)
}

enum Versioned {
    Known(Signature),
    Unknown(u64),
}

fn read_signature(node: Node) -> Result<Versioned, Malformed> {
    let mut members = Members::of(SIGNATURE, node)?;
    let version = members.integer("v")?;
    if version != VERSION {
        return Ok(Versioned::Unknown(version));
    }
    let time = members.integer("time")?;
    let registry = members.string("registry")?;
    let tree = members.string("tree")?;
    let sig = members.string("sig")?;
    members.finish()?;
    Ok(Versioned::Known(Signature {
        time,
        registry: registry.parse().map_err(Malformed::Registry)?,
        tree: tree.parse().map_err(Malformed::Tree)?,
        sig: Signature::read_sig(&sig)?,
    }))
}

impl Signature {
    /// The bytes of a signature in base64url.
    pub(crate) fn read_sig(text: &str) -> Result<[u8; 64], Malformed> {
        let decoded = URL_SAFE_NO_PAD.decode(text).ok();
        let sig = decoded.and_then(|sig| sig.try_into().ok());
        sig.ok_or(Malformed::Sig)
    }
}

/// The members of one of the two objects, until each has been taken.
struct Members {
    object: &'static str,
    members: Vec<(String, Node)>,
}

impl Members {
    fn of(object: &'static str, node: Node) -> Result<Members, Malformed> {
        match node {
            Node::Object(members) => Ok(Members { object, members }),
            other => Err(Malformed::Type {
                member: object.to_owned(),
                found: other.kind(),
                expected: "an object",
            }),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.object)
    }

    fn optional(&mut self, name: &'static str) -> Result<Option<Node>, Malformed> {
        let mut taken = self.members.extract_if(.., |(n, _)| n == name);
        let node = taken.next().map(|(_, node)| node);
        let twice = taken.next().is_some();
        drop(taken);
        if twice {
            return Err(Malformed::Duplicate {
                member: self.path(name),
            });
        }
        Ok(node)
    }

    fn required(&mut self, name: &'static str) -> Result<Node, Malformed> {
        self.optional(name)?.ok_or_else(|| Malformed::Missing {
            member: self.path(name),
        })
    }

    fn string(&mut self, name: &'static str) -> Result<String, Malformed> {
        match self.required(name)? {
            Node::String(text) => Ok(text),
            other => Err(self.wrong_type(name, other, "a string")),
        }
    }

    fn integer(&mut self, name: &'static str) -> Result<u64, Malformed> {
        match self.required(name)? {
            Node::Integer(number) => Ok(number),
            other => Err(self.wrong_type(name, other, AN_INTEGER)),
        }
    }

    fn optional_integer(&mut self, name: &'static str) -> Result<Option<u64>, Malformed> {
        match self.optional(name)? {
            None => Ok(None),
            Some(Node::Integer(number)) => Ok(Some(number)),
            Some(other) => Err(self.wrong_type(name, other, AN_INTEGER)),
        }
    }

    fn wrong_type(&self, name: &str, found: Node, expected: &'static str) -> Malformed {
        Malformed::Type {
            member: self.path(name),
            found: found.kind(),
            expected,
        }
    }

    /// Nothing may be left.
    fn finish(self) -> Result<(), Malformed> {
        match self.members.first() {
            None => Ok(()),
            // Names come from the registry: no more of one than a message can hold.
            Some((name, _)) => Err(Malformed::Unknown {
                member: self.path(&name.chars().take(64).collect::<String>()),
            }),
        }
    }
}

const AN_INTEGER: &str = "an integer from 0 to 2^53 - 1";

/// Any JSON value, with nothing decided: members keep their order and their duplicates.
enum Node {
    Integer(u64),
    String(String),
    Object(Vec<(String, Node)>),
    /// What no member of the two fields may be, by what it is.
    Other(&'static str),
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Node::Integer(_) => "a number",
            Node::String(_) => "a string",
            Node::Object(_) => "an object",
            Node::Other(kind) => kind,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
                Ok(Node::Other("null"))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Other("a boolean"))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
                Ok(if number < INTEGER_LIMIT {
                    Node::Integer(number)
                } else {
                    Node::Other("a number of 2^53 or more")
                })
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Other("a number below 0"))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Other("a number that is not written as an integer"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
                Ok(Node::String(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Node::Other("an array"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Node::Object(object))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

/// The two fields of the whole object, not yet looked into.
#[derive(Default)]
struct Fields {
    key_locator: Option<Node>,
    signature: Option<Node>,
    duplicate: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Name;

        /// Which of the two fields a member is.
        impl<'de> de::DeserializeSeed<'de> for Name {
            type Value = Option<&'static str>;

            fn deserialize<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_identifier(self)
            }
        }

        impl Visitor<'_> for Name {
            type Value = Option<&'static str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok([KEY_LOCATOR, SIGNATURE].into_iter().find(|n| *n == name))
            }
        }

        struct Line;

        impl<'de> Visitor<'de> for Line {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = members.next_key_seed(Name)? {
                    let Some(name) = name else {
                        members.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let field = if name == KEY_LOCATOR {
                        &mut fields.key_locator
                    } else {
                        &mut fields.signature
                    };
                    if field.replace(members.next_value()?).is_some() {
                        fields.duplicate = Some(name);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Line)
    }
}

/// The field `signature`, as an object.
impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Signature", 5)?;
        object.serialize_field("v", &VERSION)?;
        object.serialize_field("time", &self.time)?;
        object.serialize_field("registry", self.registry.as_str())?;
        object.serialize_field("tree", &self.tree.to_string())?;
        object.serialize_field("sig", &URL_SAFE_NO_PAD.encode(self.sig))?;
        object.end()
    }
}

impl Serialize for SignedFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("SignedFields", 2)?;
        object.serialize_field(KEY_LOCATOR, &self.locator)?;
        object.serialize_field(SIGNATURE, &self.signature)?;
        object.end()
    }
}

/// How the two fields break the format. Members are named by their path, such as `signature.sig`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The line as a whole is no JSON object.
    #[error("not a JSON object: {}", .0.escape_debug())]
    Json(String),
    /// One of the two fields came without the other.
    #[error("`{present}` without `{missing}`")]
    Alone {
        /// The field that is there.
        present: &'static str,
        /// The field that is not.
        missing: &'static str,
    },
    /// A member is given more than once.
    #[error("`{member}` is given more than once")]
    Duplicate {
        /// Its path.
        member: String,
    },
    /// A member is not there.
    #[error("`{member}` is missing")]
    Missing {
        /// Its path.
        member: String,
    },
    /// A member that the format does not have.
    #[error("`{}` is no member of the format", .member.escape_debug())]
    Unknown {
        /// Its path.
        member: String,
    },
    /// A member is of another type.
    #[error("`{member}` is {found}, not {expected}")]
    Type {
        /// Its path.
        member: String,
        /// What it is.
        found: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// The locator's members are no names of an identity.
    #[error("key_locator: {0}")]
    Locator(InvalidLocator),
    /// `key_locator.key` is no key.
    #[error("`key_locator.key`: {0}")]
    Key(InvalidKey),
    /// `signature.registry` is no identity of a registry.
    #[error("`signature.registry`: {0}")]
    Registry(InvalidRegistry),
    /// `signature.tree` is no digest.
    #[error("`signature.tree`: {0}")]
    Tree(InvalidDigest),
    /// `signature.sig` is no signature.
    #[error("`signature.sig` is not 64 bytes in base64url without padding")]
    Sig,
    /// What a vendored folder says of its release is not of the format, or not of this release.
    #[error("`consign` in `.cargo-checksum.json`: {0}")]
    Vendored(#[from] InvalidVendored),
    /// The file that carries a signature in a package is not of the format.
    #[error("`.cargo_signature.json`: {0}")]
    Carrier(#[from] InvalidCarrier),
}

impl Malformed {
    fn json(error: serde_json::Error) -> Malformed {
        Malformed::Json(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LOCATOR: &str = r#"{"provider":"github","user":"octocat","account":583231,"key":"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const REGISTRY: &str = "https://github.com/rust-lang/crates.io-index";
    const TREE: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn sig() -> String {
        "A".repeat(86)
    }

    fn signature() -> String {
        format!(
            r#"{{"v":1,"time":1763800000,"registry":"{REGISTRY}","tree":"{TREE}","sig":"{}"}}"#,
            sig()
        )
    }

    fn line(locator: &str, signature: &str) -> String {
        format!(
            r#"{{"name":"foo","key_locator":{locator},"deps":[{{"signature":1}}],"signature":{signature}}}"#
        )
    }

    fn read(line: &str) -> Result<Claim, Malformed> {
        Claim::from_json(line.as_bytes())
    }

    fn locator_fault(from: &str, to: &str) -> Malformed {
        assert!(LOCATOR.contains(from), "{from}");
        read(&line(&LOCATOR.replacen(from, to, 1), &signature())).unwrap_err()
    }

    fn signature_fault(from: &str, to: &str) -> Malformed {
        assert!(signature().contains(from), "{from}");
        read(&line(LOCATOR, &signature().replacen(from, to, 1))).unwrap_err()
    }

    fn member(path: &str) -> String {
        path.to_owned()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let Ok(Claim::Signed(fields)) = read(&line(LOCATOR, &signature())) else {
            panic!("not signed");
        };
        assert_eq!(fields.locator.user(), "octocat");
        assert_eq!(fields.locator.account(), Some(583231));
        assert_eq!(fields.signature.time, 1763800000);
        assert_eq!(fields.signature.registry, RegistryId::crates_io());
        assert_eq!(fields.signature.tree, Digest::of(b""));
        assert_eq!(fields.signature.sig, [0; 64]);
        assert_eq!(serde_json::to_string(&fields.locator).unwrap(), LOCATOR);
        assert_eq!(
            serde_json::to_string(&fields.signature).unwrap(),
            signature()
        );
        let both = serde_json::to_string(&fields).unwrap();
        assert_eq!(read(&both), Ok(Claim::Signed(fields.clone())));
        assert_eq!(Locator::from_json(LOCATOR.as_bytes()), Ok(fields.locator));
    }

    #[test]
    fn a_line_without_the_fields_is_unsigned() {
        for unsigned in [
            "{}",
            r#"{"name":"foo","cksum":""}"#,
            // The words may be there in another place.
            r#"{"name":"signature","deps":[{"name":"key_locator","key_locator":{},"signature":{}}]}"#,
            r#"{"signatures":1,"Signature":2,"key_locator ":3}"#,
            r#"{"name":"\u0061"}"#,
        ] {
            assert_eq!(read(unsigned), Ok(Claim::Unsigned), "{unsigned}");
        }
    }

    #[test]
    fn an_escaped_name_is_the_name() {
        let plain = line(LOCATOR, &signature());
        let Ok(Claim::Signed(fields)) = read(&plain) else {
            panic!("not signed");
        };
        let escaped = plain
            .replace(r#""key_locator""#, r#""\u006bey\u005Flocator""#)
            .replace(r#","signature""#, r#","\u0073ignatur\u0065""#);
        assert!(!escaped.contains("key_locator"));
        assert_eq!(read(&escaped), Ok(Claim::Signed(fields)));
        assert_eq!(
            read(r#"{"\u0073ignature":{}}"#),
            Err(Malformed::Alone {
                present: "signature",
                missing: "key_locator"
            })
        );
        let twice = plain.replacen('{', r#"{"signatur\u0065":{},"#, 1);
        assert_eq!(
            read(&twice),
            Err(Malformed::Duplicate {
                member: member("signature")
            })
        );
    }

    #[test]
    fn one_without_the_other_is_malformed() {
        assert_eq!(
            read(&format!(r#"{{"key_locator":{LOCATOR}}}"#)),
            Err(Malformed::Alone {
                present: "key_locator",
                missing: "signature"
            })
        );
        assert_eq!(
            read(&format!(r#"{{"signature":{}}}"#, signature())),
            Err(Malformed::Alone {
                present: "signature",
                missing: "key_locator"
            })
        );
    }

    #[test]
    fn both_fields_are_objects() {
        for (value, found) in [
            ("null", "null"),
            ("[]", "an array"),
            (r#"["github","octocat"]"#, "an array"),
            ("1", "a number"),
            ("true", "a boolean"),
            (r#""x""#, "a string"),
        ] {
            for name in ["key_locator", "signature"] {
                let line = match name {
                    "signature" => line(LOCATOR, value),
                    _ => line(value, &signature()),
                };
                let expected = "an object";
                assert_eq!(
                    read(&line),
                    Err(Malformed::Type {
                        member: member(name),
                        found,
                        expected
                    })
                );
            }
        }
    }

    #[test]
    fn each_member_is_there_once_and_no_other() {
        for name in ["provider", "user", "key"] {
            let missing = Malformed::Missing {
                member: format!("key_locator.{name}"),
            };
            let without = format!(r#""{name}":"#);
            // Under another name it would be unknown, but what is missing is found first.
            assert_eq!(locator_fault(&without, r#""x":"#), missing);
        }
        for name in ["v", "time", "registry", "tree", "sig"] {
            let missing = Malformed::Missing {
                member: format!("signature.{name}"),
            };
            let without = format!(r#""{name}":"#);
            assert_eq!(signature_fault(&without, r#""x":"#), missing);
            let duplicate = Malformed::Duplicate {
                member: format!("signature.{name}"),
            };
            let twice = format!(r#"{{"{name}":1,"#);
            assert_eq!(signature_fault("{", &twice), duplicate);
        }
        for name in ["provider", "user", "account", "key"] {
            let duplicate = Malformed::Duplicate {
                member: format!("key_locator.{name}"),
            };
            let twice = format!(r#"{{"{name}":"x","#);
            assert_eq!(locator_fault("{", &twice), duplicate);
        }
        let unknown = |path| Malformed::Unknown {
            member: member(path),
        };
        assert_eq!(
            locator_fault("{", r#"{"url":"x","#),
            unknown("key_locator.url")
        );
        assert_eq!(
            signature_fault("{", r#"{"alg":null,"#),
            unknown("signature.alg")
        );
    }

    #[test]
    fn null_is_not_missing() {
        for fault in [
            locator_fault("583231", "null"),
            locator_fault(r#""octocat""#, "null"),
            signature_fault("1763800000", "null"),
            signature_fault(r#""v":1"#, r#""v":null"#),
        ] {
            assert!(
                matches!(fault, Malformed::Type { found: "null", .. }),
                "{fault}"
            );
        }
    }

    #[test]
    fn numbers_are_integers_below_the_limit() {
        for number in [
            "-1",
            "-0",
            "1.0",
            "1e0",
            "1E2",
            "0.5",
            "9007199254740992",
            "18446744073709551616",
            r#""1""#,
            "true",
            "[1]",
        ] {
            for fault in [
                locator_fault("583231", number),
                signature_fault("1763800000", number),
                signature_fault(r#""v":1"#, &format!(r#""v":{number}"#)),
            ] {
                assert!(matches!(fault, Malformed::Type { .. }), "{number}: {fault}");
            }
        }
        for number in ["01", "+1", "0x1", "NaN"] {
            let fault = signature_fault("1763800000", number);
            assert!(matches!(fault, Malformed::Json(_)), "{number}: {fault}");
        }
        let most = signature().replace("1763800000", "9007199254740991");
        assert!(matches!(read(&line(LOCATOR, &most)), Ok(Claim::Signed(_))));
    }

    #[test]
    fn encodings_have_one_spelling() {
        for wrong in [
            format!("{}==", sig()),
            "A".repeat(85),
            "A".repeat(87),
            "A".repeat(88),
            // The last digit carries four bits that no byte uses.
            format!("{}B", "A".repeat(85)),
            format!("+{}", "A".repeat(85)),
            format!("/{}", "A".repeat(85)),
            format!(" {}", "A".repeat(85)),
            String::new(),
        ] {
            assert_eq!(signature_fault(&sig(), &wrong), Malformed::Sig, "{wrong}");
        }
        for wrong in [
            TREE.to_uppercase(),
            TREE[1..].to_owned(),
            format!("{TREE}00"),
        ] {
            assert_eq!(
                signature_fault(TREE, &wrong),
                Malformed::Tree(InvalidDigest)
            );
        }
        assert_eq!(
            locator_fault("URo\"", "URp\""),
            Malformed::Key(InvalidKey::Spelling)
        );
        assert_eq!(
            locator_fault("ed25519:", "ssh-ed25519:"),
            Malformed::Key(InvalidKey::Spelling)
        );
        assert!(matches!(
            signature_fault(REGISTRY, "sparse+https://index.crates.io/"),
            Malformed::Registry(InvalidRegistry::NotCanonical(_))
        ));
        assert_eq!(
            locator_fault("octocat", "Octocat"),
            Malformed::Locator(InvalidLocator::UserCharacter)
        );
    }

    #[test]
    fn an_unknown_version_is_told_and_its_members_are_not_judged() {
        for signature in [r#"{"v":2}"#, r#"{"future":[null],"v":2,"sig":7,"sig":8}"#] {
            assert_eq!(
                read(&line(LOCATOR, signature)),
                Ok(Claim::UnknownVersion(2))
            );
        }
        assert_eq!(
            read(&line(LOCATOR, r#"{"v":0}"#)),
            Ok(Claim::UnknownVersion(0))
        );
        // Which version it is must be clear, and the locator is judged whatever the version.
        assert!(read(&line(LOCATOR, r#"{"v":2,"v":1}"#)).is_err());
        assert!(read(&line("{}", r#"{"v":2}"#)).is_err());
    }

    #[test]
    fn what_is_no_object_is_malformed_where_it_could_hold_a_field() {
        for text in [
            r#"["signature"]"#,
            r#""key_locator""#,
            r#"{"signature":"#,
            "signature",
        ] {
            assert!(matches!(read(text), Err(Malformed::Json(_))), "{text}");
        }
        let deep = format!(r#"{{"signature":{}"#, r#"{"a":"#.repeat(100_000));
        assert!(matches!(read(&deep), Err(Malformed::Json(_))));
        assert!(Claim::from_json(b"{\"signature\":\"\xff\"}").is_err());
    }

    #[test]
    fn messages_name_the_member_and_hide_what_a_terminal_would_obey() {
        let fault = signature_fault("{", r#"{"\u001b[2J":1,"#);
        assert_eq!(
            fault.to_string(),
            "`signature.\\u{1b}[2J` is no member of the format"
        );
        let fault = signature_fault("1763800000", "1.5");
        assert_eq!(
            fault.to_string(),
            "`signature.time` is a number that is not written as an integer, \
             not an integer from 0 to 2^53 - 1"
        );
    }
}
