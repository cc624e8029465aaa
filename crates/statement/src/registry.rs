//! Which registry a release belongs to, whatever address it is fetched from.
//!
//! A release is signed for one registry. So that a mirror, the other protocol or another spelling
//! of the address is not another registry, and another registry is never the same one, addresses
//! are brought to one form: that of cargo's `CanonicalUrl`, without what only says how to get there.

use std::fmt;
use std::str::FromStr;

use url::{Position, Url};

/// The crates.io registry has two addresses and one identity; it is that of its git index.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// The canonical form of [`CRATES_IO`]'s other address, that of the sparse index.
const CRATES_IO_SPARSE: &str = "https://index.crates.io/";

/// The identity of a registry: at most [`RegistryId::MAX_LEN`] bytes of printable ASCII.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryId(String);

impl RegistryId {
    /// The longest address that is read and the longest identity there is, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// The identity of crates.io.
    pub fn crates_io() -> RegistryId {
        RegistryId(CRATES_IO.to_owned())
    }

    /// The identity of the registry whose index is at `url`, as a configuration, a lock file or an
    /// index entry names it, with or without `sparse+` or `registry+` before it.
    ///
    /// User name, password, query, fragment and the scheme's default port are dropped. Then cargo's
    /// rules are applied until they change nothing more: no `/` at the end (but the one that is the
    /// whole path), no `.git`, and for github.com `https` and a path in lower case. Both addresses
    /// of crates.io give [`RegistryId::crates_io`].
    ///
    /// Fails where the text is longer than [`RegistryId::MAX_LEN`], is no URL, or is one that has no
    /// path below it, as `mailto:` has none.
    pub fn from_index_url(url: &str) -> Result<RegistryId, InvalidRegistry> {
        // What almost every entry says, told without taking it apart.
        if url == CRATES_IO {
            return Ok(RegistryId::crates_io());
        }
        if url.len() > RegistryId::MAX_LEN {
            return Err(InvalidRegistry::TooLong);
        }
        let url = url
            .strip_prefix("sparse+")
            .or_else(|| url.strip_prefix("registry+"))
            .unwrap_or(url);
        let mut url = Url::parse(url).map_err(InvalidRegistry::Url)?;
        if url.cannot_be_a_base() || url.scheme().contains('+') {
            return Err(InvalidRegistry::Unsupported);
        }
        strip_access(&mut url).ok_or(InvalidRegistry::Unsupported)?;
        // Each round but the first makes the text shorter, so there is a last one.
        loop {
            let next = canonical(&url)?;
            if next == url {
                break;
            }
            url = next;
        }
        let text = String::from(url);
        if text.len() > RegistryId::MAX_LEN {
            return Err(InvalidRegistry::TooLong);
        }
        // The URL standard escapes all else; what it leaves would reach a terminal as it is.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidRegistry::Unsupported);
        }
        if text == CRATES_IO_SPARSE {
            return Ok(RegistryId::crates_io());
        }
        Ok(RegistryId(text))
    }

    /// The text that is signed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Drops what says how to reach a registry but not which it is. `None` where the URL would not let
/// go of it.
fn strip_access(url: &mut Url) -> Option<()> {
    if !url.username().is_empty() {
        url.set_username("").ok()?;
    }
    if url.password().is_some() {
        url.set_password(None).ok()?;
    }
    url.set_query(None);
    url.set_fragment(None);
    // The `url` crate drops the default ports of the web's schemes itself.
    let default_port = match url.scheme() {
        "ssh" => Some(22),
        "git" => Some(9418),
        _ => None,
    };
    if default_port.is_some() && url.port() == default_port {
        url.set_port(None).ok()?;
    }
    Some(())
}

/// One application of the rules of cargo's `CanonicalUrl` (`src/cargo/util/canonical_url.rs`).
fn canonical(url: &Url) -> Result<Url, InvalidRegistry> {
    let mut url = url.clone();
    if url.path().ends_with('/')
        && let Ok(mut segments) = url.path_segments_mut()
    {
        segments.pop_if_empty();
    }
    if url.host_str() == Some("github.com") {
        url = Url::parse(&format!("https{}", &url[Position::AfterScheme..]))
            .map_err(InvalidRegistry::Url)?;
        let path = url.path().to_lowercase();
        url.set_path(&path);
    }
    let last = url.path_segments().and_then(|mut s| s.next_back());
    if let Some(chopped) = last.and_then(|last| last.strip_suffix(".git")) {
        let chopped = chopped.to_owned();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop().push(&chopped);
        }
    }
    Ok(url)
}

/// Reads an identity, in its one spelling: what [`RegistryId::as_str`] gives.
impl FromStr for RegistryId {
    type Err = InvalidRegistry;

    fn from_str(text: &str) -> Result<RegistryId, InvalidRegistry> {
        let id = RegistryId::from_index_url(text)?;
        if id.0 != text {
            return Err(InvalidRegistry::NotCanonical(id));
        }
        Ok(id)
    }
}

impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryId({self})")
    }
}

/// Why a text does not name a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRegistry {
    /// Longer than [`RegistryId::MAX_LEN`].
    #[error("longer than {} bytes", RegistryId::MAX_LEN)]
    TooLong,
    /// The text is no URL.
    #[error("not a URL: {0}")]
    Url(url::ParseError),
    /// A URL that cannot be the address of an index.
    #[error("not the URL of a registry index")]
    Unsupported,
    /// An address, but not spelled as an identity is.
    #[error("not spelled as the identity of a registry, which would be `{0}`")]
    NotCanonical(RegistryId),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn identity(url: &str, expected: &str) {
        let id = RegistryId::from_index_url(url).unwrap();
        assert_eq!(id.as_str(), expected, "{url}");
        assert_eq!(expected.parse(), Ok(id), "{url}");
    }

    #[test]
    fn crates_io_is_one_registry() {
        for url in [
            "https://github.com/rust-lang/crates.io-index",
            "https://github.com/rust-lang/crates.io-index/",
            "https://github.com/Rust-Lang/crates.io-index.git",
            "registry+https://github.com/rust-lang/crates.io-index",
            "https://index.crates.io",
            "https://index.crates.io/",
            "https://INDEX.crates.io:443/",
            "sparse+https://index.crates.io/",
        ] {
            identity(url, RegistryId::crates_io().as_str());
        }
    }

    #[test]
    fn what_only_looks_like_crates_io_is_not() {
        for url in [
            "https://index.crates.io/x/",
            "http://index.crates.io/",
            "https://index.crates.io:8443/",
            "https://index.crates.io./",
            "https://github.com/rust-lang/crates.io-index2",
            "https://gitlab.com/rust-lang/crates.io-index",
            "file:///rust-lang/crates.io-index",
        ] {
            assert_ne!(
                RegistryId::from_index_url(url),
                Ok(RegistryId::crates_io()),
                "{url}"
            );
        }
    }

    #[test]
    fn cargos_rules_are_followed() {
        identity(
            "sparse+https://corp.example/index/",
            "https://corp.example/index",
        );
        identity("https://corp.example/a.git", "https://corp.example/a");
        identity("https://corp.example/a.git/", "https://corp.example/a");
        identity("https://corp.example/A", "https://corp.example/A");
        identity(
            "ssh://git@github.com/Corp/Index.git",
            "https://github.com/corp/index",
        );
        identity(
            "ssh://git@github.com:22/Corp/Index",
            "https://github.com/corp/index",
        );
        identity("https://corp.example", "https://corp.example/");
        identity("file:///srv/index", "file:///srv/index");
    }

    #[test]
    fn the_way_there_is_left_out() {
        identity(
            "https://user:secret@corp.example/i",
            "https://corp.example/i",
        );
        identity(
            "https://corp.example:443/i?token=1#x",
            "https://corp.example/i",
        );
        identity("http://corp.example:80/i", "http://corp.example/i");
        identity("http://127.0.0.1:8080/i/", "http://127.0.0.1:8080/i");
        identity("ssh://git@corp.example:22/i", "ssh://corp.example/i");
        identity("ssh://git@corp.example:2222/i", "ssh://corp.example:2222/i");
    }

    #[test]
    fn rules_are_applied_until_nothing_changes() {
        identity("https://corp.example/a.git.git//", "https://corp.example/a");
        identity("https://corp.example/a/.git", "https://corp.example/a");
    }

    #[test]
    fn what_is_no_address_of_an_index_is_refused() {
        use InvalidRegistry::*;
        assert!(matches!(RegistryId::from_index_url("corp"), Err(Url(_))));
        assert!(matches!(RegistryId::from_index_url(""), Err(Url(_))));
        for url in [
            "mailto:a@b",
            "git@corp.example:a/b",
            "sparse+sparse+https://a/",
        ] {
            assert!(RegistryId::from_index_url(url).is_err(), "{url}");
        }
        let long = format!("https://corp.example/{}", "a".repeat(RegistryId::MAX_LEN));
        assert_eq!(RegistryId::from_index_url(&long), Err(TooLong));
        let grows = format!("https://corp.example/{}", "ü".repeat(400));
        assert_eq!(RegistryId::from_index_url(&grows), Err(TooLong));
    }

    #[test]
    fn an_identity_has_one_spelling() {
        let wrong = "https://corp.example/i/".parse::<RegistryId>();
        let right = RegistryId::from_index_url("https://corp.example/i").unwrap();
        assert_eq!(wrong, Err(InvalidRegistry::NotCanonical(right)));
        assert!(
            "sparse+https://corp.example/i"
                .parse::<RegistryId>()
                .is_err()
        );
        assert!("https://index.crates.io/".parse::<RegistryId>().is_err());
    }

    proptest! {
        #[test]
        fn an_identity_is_its_own_identity(
            url in "(sparse\\+|registry\\+)?(https?|ssh|git|file|x)://([a-z@:.]{0,12}|github.com)(/[a-zA-Z.%?#\u{e9}]{0,6}(\\.git)?){0,4}/{0,3}"
        ) {
            if let Ok(id) = RegistryId::from_index_url(&url) {
                prop_assert_eq!(id.as_str().parse(), Ok(id.clone()));
            }
        }
    }
}
