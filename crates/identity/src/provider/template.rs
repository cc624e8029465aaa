//! Where keys are, with `{user}` in it once.
//!
//! A template is taken apart when it is read, so that filling it cannot fail and cannot reach
//! another host, folder or parameter, whatever the user is called.

use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use super::Location;
use crate::shown::Shown;

/// What stands for the user's name in a template.
pub(super) const USER: &str = "{user}";

/// All but the unreserved characters of RFC 3986, section 2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where a provider's users have their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Each at a URL.
    Template(UrlTemplate),
    /// Each in a file of one folder.
    Folder(PathTemplate),
}

impl Keys {
    /// Reads `https://HOST/…/{user}…` or `/…/{user}…`.
    pub(super) fn parse(text: &str) -> Result<Keys, InvalidTemplate> {
        let shown = || Shown::new(text).to_string();
        if text.matches(USER).count() != 1 {
            return Err(InvalidTemplate::User(shown()));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidTemplate::Control(shown()));
        }
        // A drive letter is not a scheme: `C:\keys\{user}.asc`.
        if Path::new(text).is_absolute() {
            Ok(Keys::Folder(PathTemplate::parse(text)?))
        } else if text.contains("://") {
            Ok(Keys::Template(UrlTemplate::parse(text)?))
        } else {
            Err(InvalidTemplate::Neither(shown()))
        }
    }

    /// Where `user` has his keys. `user` keeps the provider's rule: not empty, no `/`, no leading
    /// `.` where dots are allowed at all.
    pub(super) fn fill(&self, user: &str) -> Location {
        match self {
            Keys::Template(template) => Location::Url(template.fill(user)),
            Keys::Folder(template) => Location::File(template.fill(user)),
        }
    }
}

/// A URL with `{user}` in one segment of its path: `https://github.com/{user}.gpg`.
///
/// The scheme is `https`, or `http` where the host is this machine (127.0.0.0/8, `[::1]`,
/// `localhost`), where nobody else can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    /// Scheme, host, port and query; its path is not used.
    base: Url,
    /// The path up to the user's name, and after it; both as they stand in the URL.
    before: String,
    after: String,
}

impl UrlTemplate {
    pub(super) fn parse(text: &str) -> Result<UrlTemplate, InvalidTemplate> {
        let shown = || Shown::new(text).to_string();
        // What `Url::parse` would mend in silence is refused: what is asked must be what is read.
        let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '\\' | '<' | '>' | '"' | '`');
        if text.contains(odd) || text.replace(USER, "").contains(['{', '}']) {
            return Err(InvalidTemplate::Characters(shown()));
        }
        let (before, after) = text
            .split_once(USER)
            .ok_or_else(|| InvalidTemplate::User(shown()))?;
        // The path begins at the first `/` after the host; the user's name must come after that,
        // and before any query.
        let path_before = before
            .split_once("://")
            .filter(|(_, rest)| !rest.contains(['?', '#']))
            .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]))
            .ok_or_else(|| InvalidTemplate::Place(shown()))?;
        // `Url::parse` would read over further slashes and take what follows for the host.
        if before.contains(":///") {
            return Err(InvalidTemplate::Scheme(shown()));
        }
        let invalid = |e: url::ParseError| InvalidTemplate::Url(shown(), e.to_string());
        let base = Url::parse(before).map_err(invalid)?;
        let loopback = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(domain)) => domain == "localhost",
            None => return Err(InvalidTemplate::Scheme(shown())),
        };
        match base.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(InvalidTemplate::Http(shown())),
            _ => return Err(InvalidTemplate::Scheme(shown())),
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(InvalidTemplate::Password(shown()));
        }
        if after.contains('#') {
            return Err(InvalidTemplate::Fragment(shown()));
        }

        let (path_after, query) = match after.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (after, None),
        };
        let mut base = base;
        base.set_query(query);
        let template = UrlTemplate {
            base,
            before: path_before.into(),
            after: path_after.into(),
        };
        // `..` and its spellings are resolved when a URL is read.
        if template.base.path() != path_before
            || template.fill("user").path() != format!("{path_before}user{path_after}")
        {
            return Err(InvalidTemplate::Dots(shown()));
        }
        Ok(template)
    }

    pub(super) fn fill(&self, user: &str) -> Url {
        let user = utf8_percent_encode(user, SEGMENT);
        let mut url = self.base.clone();
        url.set_path(&format!("{}{user}{}", self.before, self.after));
        url
    }

    /// The host that is asked, with its port where it is not the scheme's own.
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// An absolute path whose last component has `{user}` in it: `/srv/keys/{user}.asc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    folder: PathBuf,
    before: String,
    after: String,
}

impl PathTemplate {
    fn parse(text: &str) -> Result<PathTemplate, InvalidTemplate> {
        let shown = || Shown::new(text).to_string();
        let path = Path::new(text);
        if path.components().any(|c| matches!(c, Component::ParentDir)) {
            return Err(InvalidTemplate::Dots(shown()));
        }
        let place = || InvalidTemplate::FileName(shown());
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(place)?;
        // `/keys/{user}/` has that file name too, and is a folder.
        if !text.ends_with(name) {
            return Err(place());
        }
        let (before, after) = name.split_once(USER).ok_or_else(place)?;
        let folder = path.parent().ok_or_else(place)?;
        Ok(PathTemplate {
            folder: folder.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    fn fill(&self, user: &str) -> PathBuf {
        self.folder
            .join(format!("{}{user}{}", self.before, self.after))
    }

    /// The folder that holds the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// What is wrong with the text that says where a provider's keys are. Each names the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTemplate {
    /// Not exactly one `{user}`.
    #[error("{0} must contain `{{user}}` once")]
    User(String),
    /// Control characters.
    #[error("{0} contains a control character")]
    Control(String),
    /// Neither a URL nor an absolute path.
    #[error(
        "{0} is neither a URL, `https://HOST/{{user}}.gpg`, nor an absolute path, `/FOLDER/{{user}}.asc`"
    )]
    Neither(String),
    /// A scheme that is not supported.
    #[error("{0} must begin with `https://` and a host, or be an absolute path without `file://`")]
    Scheme(String),
    /// Plain HTTP to another machine.
    #[error(
        "{0} must begin with `https://`: over `http://` anyone on the way could answer with a key of their own (allowed to this machine only)"
    )]
    Http(String),
    /// User name or password in the URL.
    #[error("{0} must not contain a user name or password before the host")]
    Password(String),
    /// `{user}` outside of the path.
    #[error("{0} must contain `{{user}}` in its path, not in the host or the query")]
    Place(String),
    /// A fragment.
    #[error("{0} must not contain a fragment (`#`)")]
    Fragment(String),
    /// Characters that do not belong in a URL.
    #[error("{0} contains a character that must be percent-encoded in a URL")]
    Characters(String),
    /// Not a URL.
    #[error("{0} is not a valid URL: {1}")]
    Url(String, String),
    /// `.` or `..` in the path.
    #[error("{0} must be written without `.` and `..` in its path")]
    Dots(String),
    /// `{user}` is not in the file's name.
    #[error("{0} must contain `{{user}}` in the name of the file, at its end")]
    FileName(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn filled(template: &str, user: &str) -> String {
        match Keys::parse(template).unwrap().fill(user) {
            Location::Url(url) => url.into(),
            Location::File(path) => path.into_os_string().into_string().unwrap(),
        }
    }

    #[test]
    fn the_user_fills_one_segment() {
        for (template, user, want) in [
            (
                "https://x.example/{user}.gpg",
                "a-b",
                "https://x.example/a-b.gpg",
            ),
            (
                "https://x.example:8443/a/{user}/keys",
                "a",
                "https://x.example:8443/a/a/keys",
            ),
            (
                "https://x.example/~{user}?raw=1&b",
                "a",
                "https://x.example/~a?raw=1&b",
            ),
            ("https://x.example/%7E{user}", "a", "https://x.example/%7Ea"),
            ("http://127.3.2.1:80/{user}", "a", "http://127.3.2.1/a"),
            ("http://[::1]:9/{user}", "a", "http://[::1]:9/a"),
            ("http://localhost/{user}", "a", "http://localhost/a"),
            // No rule lets these through; the template stands by itself all the same.
            (
                "https://x.example/{user}.gpg",
                "a/../b?c#d",
                "https://x.example/a%2F..%2Fb%3Fc%23d.gpg",
            ),
            (
                "https://x.example/{user}.gpg",
                "a@b c",
                "https://x.example/a%40b%20c.gpg",
            ),
            ("/srv/keys/{user}.asc", "a.b", "/srv/keys/a.b.asc"),
            ("/keys-{user}", "a", "/keys-a"),
        ] {
            assert_eq!(filled(template, user), want, "{template}");
        }
        let Keys::Template(url) = Keys::parse("https://x.example:1/{user}").unwrap() else {
            panic!("not a URL")
        };
        assert_eq!(url.host(), "x.example:1");
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (template, words) in [
            ("", "must contain `{user}` once"),
            ("https://x.example/", "must contain `{user}` once"),
            (
                "https://x.example/{user}/{user}",
                "must contain `{user}` once",
            ),
            ("https://x.example/{user}\n", "control character"),
            ("keys/{user}.asc", "neither a URL"),
            ("x.example/{user}", "neither a URL"),
            ("file:///srv/{user}", "an absolute path without `file://`"),
            ("ftp://x.example/{user}", "must begin with `https://`"),
            ("http://x.example/{user}", "anyone on the way could answer"),
            (
                "http://127.0.0.1.x.example/{user}",
                "anyone on the way could answer",
            ),
            ("http://0.0.0.0/{user}", "anyone on the way could answer"),
            (
                "http://[::ffff:127.0.0.1]/{user}",
                "anyone on the way could answer",
            ),
            (
                "http://localhost.example/{user}",
                "anyone on the way could answer",
            ),
            ("https://a:b@x.example/{user}", "user name or password"),
            ("https://a@x.example/{user}", "user name or password"),
            (
                "https://{user}.x.example/keys",
                "in its path, not in the host",
            ),
            ("https://{user}/keys", "in its path, not in the host"),
            ("https://x.example?u={user}", "in its path, not in the host"),
            (
                "https://x.example?u=/{user}",
                "in its path, not in the host",
            ),
            ("https://x.example#/{user}", "in its path, not in the host"),
            (
                "https://x.example/?u={user}",
                "in its path, not in the host or the query",
            ),
            ("https://x.example/#{user}", "in its path, not in the host"),
            ("https://x.example/{user}#a", "fragment"),
            ("https://x.example/{user}{id}", "percent-encoded"),
            ("https://x.example/a b/{user}", "percent-encoded"),
            ("https://x.example\\{user}", "percent-encoded"),
            ("https://\u{e9}.example/{user}", "percent-encoded"),
            (
                "https://x.example:99999/{user}",
                "not a valid URL: invalid port number",
            ),
            ("https:///{user}", "must begin with `https://` and a host"),
            (
                "https:///x.example/{user}",
                "must begin with `https://` and a host",
            ),
            ("https://x.example/../{user}", "without `.` and `..`"),
            ("https://x.example/a/%2e%2e/{user}", "without `.` and `..`"),
            ("https://x.example/{user}/../b", "without `.` and `..`"),
            ("https://x.example/./{user}", "without `.` and `..`"),
            ("/srv/../keys/{user}", "without `.` and `..`"),
            ("/srv/{user}/key.asc", "in the name of the file"),
            ("/srv/{user}/", "in the name of the file"),
        ] {
            match Keys::parse(template) {
                Ok(keys) => panic!("{template:?} was taken: {keys:?}"),
                Err(e) => assert!(e.to_string().contains(words), "{template:?}: {e}"),
            }
        }
    }
}
