//! One line of the index: one version of one package.
//!
//! The registry changes a line in two ways only: it sets `yanked`, and it attaches signatures. All
//! other members stay in the order and the spelling in which they came, because they may be signed
//! and because a later cargo may know more of them than this registry does. So a line is kept as
//! raw JSON texts, and read only as far as the registry needs.

use std::collections::HashSet;
use std::fmt;

use consign_statement::Digest;
use consign_statement::index::Entry;
use semver::Version;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::name::Name;

/// The member with the signatures of those who signed after the first.
const COSIGNATURES: &str = "cosignatures";

/// A JSON object whose members keep their order and their spelling. Member names are distinct.
#[derive(Debug, Clone)]
struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    /// The text of the member, where there is one.
    fn get(&self, key: &str) -> Option<&RawValue> {
        let member = self.0.iter().find(|(name, _)| name == key)?;
        Some(&member.1)
    }

    /// Replaces the member, or adds it at the end.
    fn set(&mut self, key: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some(member) => member.1 = value,
            None => self.0.push((key.into(), value)),
        }
    }

    fn read<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<T>, serde_json::Error> {
        self.get(key)
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawObject, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = RawObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject, A::Error> {
                let mut members = Vec::new();
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("`{key}` is there twice")));
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(RawObject(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A line of the index.
#[derive(Debug, Clone)]
pub struct Line {
    text: String,
    name: Name,
    version: Version,
    checksum: Digest,
    yanked: bool,
}

/// Why a text is not a [`Line`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLine {
    /// It is not JSON, not an object, has a member twice, or a member of another type.
    #[error("not an index entry: {0}")]
    Json(#[from] serde_json::Error),
    /// `name`, `vers` or `cksum` is not there.
    #[error("not an index entry: it has no `{0}`")]
    Missing(&'static str),
    /// `name`, `vers` or `cksum` is there and is none.
    #[error("not an index entry: `{field}` is wrong: {reason}")]
    Field {
        /// Which of them.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Line {
    /// Reads one line, with or without the newline at its end.
    pub fn parse(text: &[u8]) -> Result<Line, InvalidLine> {
        Line::new(serde_json::from_slice(text)?)
    }

    /// The line that says what `entry` does.
    pub fn from_entry(entry: &Entry<'_>) -> Result<Line, InvalidLine> {
        Line::parse(&serde_json::to_vec(entry)?)
    }

    /// The line that has these members.
    fn new(mut fields: RawObject) -> Result<Line, InvalidLine> {
        for (_, value) in &mut fields.0 {
            if value.get().contains(['\n', '\r']) {
                *value = one_line(value)?;
            }
        }
        Ok(Line {
            name: parsed(&fields, "name")?,
            version: parsed(&fields, "vers")?,
            checksum: parsed(&fields, "cksum")?,
            yanked: fields.read("yanked")?.unwrap_or(false),
            text: serde_json::to_string(&fields)?,
        })
    }

    /// The line as it is served, without the newline at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the line says of the release.
    pub fn entry(&self) -> Result<Entry<'_>, InvalidLine> {
        Ok(serde_json::from_str(&self.text)?)
    }

    /// The package's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The SHA-256 of the `.crate`.
    pub fn checksum(&self) -> &Digest {
        &self.checksum
    }

    /// Whether the version is yanked.
    pub fn yanked(&self) -> bool {
        self.yanked
    }

    /// This line with the version yanked, or not.
    pub fn with_yanked(&self, yanked: bool) -> Result<Line, InvalidLine> {
        let mut fields: RawObject = serde_json::from_str(&self.text)?;
        fields.set("yanked", to_raw_value(&yanked)?);
        Line::new(fields)
    }

    /// The cosignatures, as they were sent.
    pub fn cosignatures(&self) -> Result<Vec<Box<RawValue>>, InvalidLine> {
        let fields: RawObject = serde_json::from_str(&self.text)?;
        Ok(fields.read(COSIGNATURES)?.unwrap_or_default())
    }

    /// This line with these cosignatures in the place of those that it has.
    pub fn with_cosignatures(&self, all: &[Box<RawValue>]) -> Result<Line, InvalidLine> {
        let mut fields: RawObject = serde_json::from_str(&self.text)?;
        fields.set(COSIGNATURES, to_raw_value(all)?);
        Line::new(fields)
    }

    /// This line with these members in the place of those that it has under the same names.
    pub fn with_signature(&self, signature: &SignatureFields) -> Result<Line, InvalidLine> {
        let mut fields: RawObject = serde_json::from_str(&self.text)?;
        for (key, value) in [
            ("signature", &signature.signature),
            ("key_locator", &signature.key_locator),
        ] {
            if let Some(value) = value {
                fields.set(key, value.clone());
            }
        }
        Line::new(fields)
    }
}

/// The two members that a signature is made of, as they were sent: in a publish request or alone.
///
/// Other members of the object are not read. What is in these two is not judged here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignatureFields {
    /// The signature.
    #[serde(
        default,
        deserialize_with = "even_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub signature: Option<Box<RawValue>>,
    /// Whose it is.
    #[serde(
        default,
        deserialize_with = "even_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub key_locator: Option<Box<RawValue>>,
}

/// A member that says `null` is there, and is passed on: whether that is malformed is decided where
/// signatures are read.
fn even_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

fn parsed<T: std::str::FromStr<Err: fmt::Display>>(
    fields: &RawObject,
    field: &'static str,
) -> Result<T, InvalidLine> {
    let text: String = fields.read(field)?.ok_or(InvalidLine::Missing(field))?;
    text.parse().map_err(|reason: T::Err| InvalidLine::Field {
        field,
        reason: reason.to_string(),
    })
}

/// The same JSON text without the white space between its tokens (RFC 8259, section 2), and so
/// without a line break: inside of strings they are always escaped.
fn one_line(value: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    let mut text = String::with_capacity(value.get().len());
    let (mut in_string, mut escaped) = (false, false);
    for c in value.get().chars() {
        if in_string || !matches!(c, ' ' | '\t' | '\n' | '\r') {
            text.push(c);
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    RawValue::from_string(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CKSUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn line(rest: &str) -> Result<Line, InvalidLine> {
        Line::parse(
            format!(r#"{{"vers":"1.0.0","name":"Foo","cksum":"{CKSUM}"{rest}}}"#).as_bytes(),
        )
    }

    #[test]
    fn yank_leaves_everything_else_as_it_was() {
        let rest = r#","yanked":false,"later":{"b":1.50,"a":[1e3]},"deps":[]"#;
        let line = line(rest).unwrap();
        assert!(line.as_str().ends_with(&format!("{rest}}}")), "{line:?}");
        let yanked = line.with_yanked(true).unwrap();
        assert!(yanked.yanked());
        assert_eq!(yanked.as_str(), line.as_str().replace("false", "true"));
        assert_eq!(yanked.with_yanked(false).unwrap().as_str(), line.as_str());
    }

    #[test]
    fn a_signature_in_many_lines_becomes_one() {
        let fields: SignatureFields = serde_json::from_str(
            "{\"signature\":{\n \"v\" : 9,\r\n\"x\":\"a \\\" b\\\\\"\n}, \"key_locator\":null, \"x\":1}",
        )
        .unwrap();
        let signed = line("").unwrap().with_signature(&fields).unwrap();
        assert!(
            signed
                .as_str()
                .ends_with(r#""signature":{"v":9,"x":"a \" b\\"},"key_locator":null}"#),
            "{signed:?}"
        );
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        assert!(matches!(
            line(",\"vers\":\"2.0.0\""),
            Err(InvalidLine::Json(_))
        ));
        assert!(matches!(line(",\"yanked\":1"), Err(InvalidLine::Json(_))));
        for (text, field) in [
            (r#"{"name":"a","vers":"1.0.0"}"#, "cksum"),
            (r#"{"name":"a","cksum":"x"}"#, "vers"),
            ("{}", "name"),
        ] {
            match Line::parse(text.as_bytes()) {
                Err(InvalidLine::Missing(missing)) => assert_eq!(missing, field),
                other => panic!("{other:?}"),
            }
        }
        let wrong = format!(r#"{{"name":"a/b","vers":"1.0.0","cksum":"{CKSUM}"}}"#);
        assert!(matches!(
            Line::parse(wrong.as_bytes()),
            Err(InvalidLine::Field { field: "name", .. })
        ));
    }
}
