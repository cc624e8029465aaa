//! JSON in the one spelling of RFC 8785, for as much of JSON as a statement needs: strings,
//! booleans, integers below 2⁵³, arrays and objects. There is no `null` and no fraction here, so
//! none can be signed.

use std::borrow::Cow;

/// A value that has a canonical text.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// A string.
    String(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// An integer; the caller keeps it below [`INTEGER_LIMIT`](crate::INTEGER_LIMIT), where its
    /// decimal digits are what RFC 8785, section 3.2.2.3 writes.
    Integer(u64),
    /// An array, kept in its order.
    Array(Vec<Value<'a>>),
    /// A value whose canonical text is known already.
    Written(Vec<u8>),
    /// An object, in any order. Names are distinct.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Value<'a> {
        Value::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::String(Cow::Owned(text))
    }
}

impl<'a, S: AsRef<str>> FromIterator<&'a S> for Value<'a> {
    fn from_iter<I: IntoIterator<Item = &'a S>>(strings: I) -> Value<'a> {
        Value::Array(strings.into_iter().map(|s| s.as_ref().into()).collect())
    }
}

impl Value<'_> {
    /// The canonical text: no white space, members of an object sorted by the UTF-16 code units of
    /// their names (RFC 8785, section 3.2.3).
    pub(crate) fn into_text(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        match self {
            Value::String(text) => write_string(text, out),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Written(text) => out.extend_from_slice(text),
            Value::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter_mut().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Value::Object(members) => {
                members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                out.push(b'{');
                for (i, (name, value)) in members.iter_mut().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// RFC 8785, section 3.2.2.2: only `"`, `\` and U+0000 to U+001F are escaped, by the short form
/// where JSON has one.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (i, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            0x00..=0x1f => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..i]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(format!("{byte:04x}").as_bytes());
        }
        plain = i + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn from_json(value: serde_json::Value) -> Value<'static> {
        match value {
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Bool(bool) => Value::Bool(bool),
            serde_json::Value::Number(number) => Value::Integer(number.as_u64().unwrap()),
            serde_json::Value::Array(items) => {
                Value::Array(items.into_iter().map(from_json).collect())
            }
            serde_json::Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.into(), from_json(value)))
                    .collect(),
            ),
            serde_json::Value::Null => unreachable!("the subset has no null"),
        }
    }

    fn canonical(value: serde_json::Value) -> String {
        String::from_utf8(from_json(value).into_text()).unwrap()
    }

    /// RFC 8785, section 3.2.3: the sample whose order by UTF-16 code units is neither that of code
    /// points nor that of UTF-8.
    #[test]
    fn members_are_sorted_as_in_the_standard() {
        let sample = json!({
            "\u{20ac}": "Euro Sign",
            "\r": "Carriage Return",
            "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\u{1f600}": "Emoji: Grinning Face",
            "\u{80}": "Control",
            "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        assert_eq!(
            canonical(sample),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
             \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
             \"\u{1f600}\":\"Emoji: Grinning Face\",\
             \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        );
    }

    /// RFC 8785, section 3.2.2: the `string` member of the sample, and its `literals` without the
    /// `null` that we leave out.
    #[test]
    fn strings_and_literals_are_written_as_in_the_standard() {
        let sample = json!({
            "string": "\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\"/",
            "literals": [true, false]
        });
        assert_eq!(
            canonical(sample),
            "{\"literals\":[true,false],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn every_control_character_has_one_spelling() {
        let all: String = (0..0x21).map(char::from).chain(['\u{7f}']).collect();
        assert_eq!(
            canonical(json!(all)),
            "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\
             \\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\
             \\u001b\\u001c\\u001d\\u001e\\u001f \u{7f}\""
        );
    }

    #[test]
    fn integers_are_plain_digits_up_to_the_limit() {
        assert_eq!(
            canonical(json!([0, 9007199254740991u64])),
            "[0,9007199254740991]"
        );
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(|text| json!(text)),
            any::<bool>().prop_map(|bool| json!(bool)),
            (0..crate::INTEGER_LIMIT).prop_map(|number| json!(number)),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(|items| json!(items)),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| json!(members)),
            ]
        })
    }

    proptest! {
        /// Another implementation of the standard writes the same bytes.
        #[test]
        fn agrees_with_serde_jcs(value in values()) {
            let theirs = serde_jcs::to_string(&value).unwrap();
            prop_assert_eq!(canonical(value), theirs);
        }
    }
}
