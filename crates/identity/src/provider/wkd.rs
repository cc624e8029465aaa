//! Web Key Directory (draft-koch-openpgp-webkey-service): keys at the domain of an e-mail address.
//!
//! The local part of the address is hashed, so that the file has a name that any server can serve.
//! Where the domain has a host `openpgpkey` for it, the file is there (the advanced method), and
//! only where that host does not exist at the domain itself (the direct method): a host that fails
//! must not let another answer for it.
//!
//! ```text
//! joe.doe@example.org
//!   https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q…3n5q?l=joe.doe
//!   https://example.org/.well-known/openpgpkey/hu/iy9q…3n5q?l=joe.doe
//! ```
//!
//! What is there is binary, and may be any keys: only those count that have the address, and
//! nothing else in its place, in a User ID.

use sha1::{Digest as _, Sha1};
use url::Url;

use super::template::{InvalidTemplate, UrlTemplate};
use crate::answer::{self, Answer, NoAnswer, NotAKey};
use crate::openpgp::{self, KeyError};

/// Where the keys of addresses are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Directory {
    /// At the domain of each.
    AtTheirDomain,
    /// All at one host, laid out as in the advanced method.
    At(UrlTemplate),
}

impl Directory {
    /// One host for all addresses, from `https://HOST`.
    pub(super) fn at(base: &str) -> Result<Directory, InvalidTemplate> {
        let template = format!("{base}/.well-known/openpgpkey/{{user}}/hu/");
        UrlTemplate::parse(&template).map(Directory::At)
    }

    /// Where to ask for the keys of `address`: first here, and next where there is no such host.
    /// The address keeps the rule of its provider.
    pub(super) fn urls(&self, address: &str) -> (Url, Option<Url>) {
        let (local, domain) = address.split_once('@').unwrap_or((address, ""));
        let name = z_base_32(&Sha1::digest(local.to_ascii_lowercase()).into());
        let file = |mut folder: Url| {
            let path = format!("{}{name}", folder.path());
            folder.set_path(&path);
            folder.query_pairs_mut().append_pair("l", local);
            folder
        };
        let folder = |text: String| Url::parse(&text).expect("a domain name makes a URL");
        match self {
            Directory::AtTheirDomain => {
                let advanced =
                    format!("https://openpgpkey.{domain}/.well-known/openpgpkey/{domain}/hu/");
                let direct = format!("https://{domain}/.well-known/openpgpkey/hu/");
                (file(folder(advanced)), Some(file(folder(direct))))
            }
            Directory::At(template) => (file(template.fill(domain)), None),
        }
    }
}

/// The keys of `address` in a body.
pub(super) fn read(body: &[u8], address: &str) -> Result<Answer, NoAnswer> {
    let text = answer::text(body)?;
    if text.starts_with(b"-----BEGIN") {
        return Err(NoAnswer::NotAKey(NotAKey::Armored));
    }
    if body[0] & 0x80 == 0 {
        return Err(NoAnswer::NotAKey(NotAKey::Text));
    }
    match openpgp::read_public_of(body, |user_id| names(user_id, address)) {
        // Keys there are, of other addresses.
        Err(KeyError::NoKey) => Ok(Answer::Keys(Vec::new())),
        read => answer::keys(read),
    }
}

/// Whether a User ID, `Joe Doe <joe.doe@example.org>` or the address alone, is of `address`.
fn names(user_id: &[u8], address: &str) -> bool {
    let Ok(user_id) = std::str::from_utf8(user_id) else {
        return false;
    };
    let named = match user_id.strip_suffix('>') {
        Some(text) => text.rsplit_once('<').map_or("", |(_, named)| named),
        None => user_id,
    };
    named.eq_ignore_ascii_case(address)
}

/// Base 32 in the alphabet of Zooko. Twenty octets fill their digits to the last bit.
fn z_base_32(octets: &[u8; 20]) -> String {
    const DIGITS: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    octets
        .chunks_exact(5)
        .flat_map(|five| {
            let bits = five.iter().fold(0u64, |bits, &o| bits << 8 | u64::from(o));
            (0..8)
                .rev()
                .map(move |digit| (bits >> (5 * digit)) as usize & 31)
        })
        .map(|digit| char::from(DIGITS[digit]))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const JOE: &str = "joe.doe@example.org";

    fn urls(directory: &Directory, address: &str) -> (String, Option<String>) {
        let (first, next) = directory.urls(address);
        (first.into(), next.map(String::from))
    }

    #[test]
    fn an_address_is_looked_for_as_the_draft_says() {
        // The example of the draft, section 3.1.
        let joe = urls(&Directory::AtTheirDomain, JOE);
        let name = "iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=joe.doe";
        assert_eq!(
            joe.0,
            format!("https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/{name}")
        );
        let direct = format!("https://example.org/.well-known/openpgpkey/hu/{name}");
        assert_eq!(joe.1, Some(direct));
        let here = Directory::at("http://127.0.0.1:8080/wkd").unwrap();
        assert_eq!(
            urls(&here, JOE),
            (
                format!("http://127.0.0.1:8080/wkd/.well-known/openpgpkey/example.org/hu/{name}"),
                None
            )
        );
        let plus = urls(&Directory::AtTheirDomain, "a+b@example.org").0;
        assert!(plus.ends_with("?l=a%2Bb"), "{plus}");
        assert!(Directory::at("http://keys.example").is_err());
    }

    #[test]
    fn only_keys_of_the_address_count() {
        for (user_id, counts) in [
            ("Joe Doe <joe.doe@example.org>", true),
            ("joe.doe@example.org", true),
            ("<Joe.Doe@Example.ORG>", true),
            ("Joe <a@x.example> <joe.doe@example.org>", true),
            ("Joe <joe.doe@example.org> <a@x.example>", false),
            ("joe.doe@example.org <a@x.example>", false),
            ("Joe Doe joe.doe@example.org", false),
            ("<joe.doe@example.org> x", false),
            ("<joe.doe@example.org.x.example>", false),
            ("<xjoe.doe@example.org>", false),
            ("joe.doe@example.org>", false),
            ("", false),
        ] {
            assert_eq!(names(user_id.as_bytes(), JOE), counts, "{user_id}");
        }
        assert!(!names(b"\xff<joe.doe@example.org>", JOE));
    }

    #[test]
    fn the_body_is_binary_keys() {
        let binary = include_bytes!("../../tests/data/gpg-ed25519.pgp");
        let address = "plain@example.org";
        let Ok(Answer::Keys(keys)) = read(binary, address) else {
            panic!("{:?}", read(binary, address))
        };
        assert_eq!(keys, openpgp::read_public(binary).unwrap());
        assert_eq!(keys.len(), 1);
        assert_eq!(read(binary, JOE), Ok(Answer::Keys(vec![])));
        let others = [&binary[..], binary].concat();
        assert_eq!(read(&others, JOE), Ok(Answer::Keys(vec![])));
        let armored = include_bytes!("../../tests/data/gpg-ed25519.asc");
        let cut = &binary[..binary.len() - 1];
        for (body, want) in [
            (&b""[..], NoAnswer::Empty),
            (armored, NoAnswer::NotAKey(NotAKey::Armored)),
            (b"<!DOCTYPE html>", NoAnswer::NotAKey(NotAKey::Html)),
            (b"Not here", NoAnswer::NotAKey(NotAKey::Text)),
            (b" \x98\x33", NoAnswer::NotAKey(NotAKey::Text)),
            (cut, NoAnswer::Malformed(KeyError::PacketCutOff)),
        ] {
            assert_eq!(read(body, address), Err(want));
        }
    }
}
