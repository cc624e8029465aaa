//! One request and one response, as data.
//!
//! Nothing in this crate opens a connection. Where it needs an answer before it can ask on, the
//! caller lends it a [`Transport`]. Which proxy and which certificates are used, how long it may
//! take, and the header `User-Agent`, which GitHub wants, are the caller's.
//!
//! Tokens live in headers and bodies, never in a URL. What is written with `{:?}` here shows
//! method, URL, status, names of headers and lengths, and no value of either.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// The most bytes of headers that are kept of one response.
const MAX_HEADERS: usize = 64 << 10;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 8 << 10;

/// Sends a request and brings the response.
pub trait Transport {
    /// Sends `request` and waits for the response, whatever its status.
    ///
    /// Redirects are not followed. Of the body no more than
    /// [`MAX_BODY`](crate::answer::MAX_BODY) + 1 bytes are read.
    fn send(&self, request: &Request) -> Result<Response, Unreachable>;
}

/// No response came; the text says why (connection, TLS, time).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// What is done with what is at a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Add to it.
    Post,
    /// Remove it.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// What is sent.
pub struct Request {
    /// What to do.
    pub method: Method,
    /// With what. Never a secret in it.
    pub url: Url,
    /// Names in lower case, and values without control characters.
    pub headers: Vec<(&'static str, Zeroizing<String>)>,
    /// Empty where there is none.
    pub body: Zeroizing<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Request {
        Request {
            method,
            url,
            headers: Vec::new(),
            body: Zeroizing::default(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, Zeroizing::new(value.into())));
        self
    }

    pub(crate) fn body(mut self, media_type: &str, body: Zeroizing<Vec<u8>>) -> Request {
        self.body = body;
        self.header("content-type", media_type)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Request")
            .field("method", &self.method.as_str())
            .field("url", &self.url.as_str())
            .field("headers", &names)
            .field("body", &self.body.len())
            .finish()
    }
}

/// What came back.
pub struct Response {
    /// The HTTP status.
    pub status: u32,
    /// Its headers.
    pub headers: Headers,
    /// Its body, or the first [`MAX_BODY`](crate::answer::MAX_BODY) + 1 bytes of it.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish()
    }
}

/// The headers of a response.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(String, String)>,
    bytes: usize,
}

impl Headers {
    /// Takes one line as it came, `ETag: "a"`. A status line, with which the headers of another
    /// response begin, forgets those before it. What is no header, or too much, is left out.
    pub fn push_line(&mut self, line: &[u8]) {
        if line.starts_with(b"HTTP/") {
            *self = Headers::default();
            return;
        }
        let Some((name, value)) = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'))
        else {
            return;
        };
        self.bytes += line.len();
        if self.bytes <= MAX_HEADERS {
            let name = name.trim().to_ascii_lowercase();
            self.fields.push((name, value.trim().to_owned()));
        }
    }

    /// The value of the first header called `name`, which is given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The number that is the value of a header.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let digits = self.get(name)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        digits.parse().ok()
    }

    /// Whether a list goes on on a further page (RFC 8288).
    pub(crate) fn has_next_page(&self) -> bool {
        let links = self.fields.iter().filter(|(name, _)| name == "link");
        links
            .flat_map(|(_, value)| value.split([',', ';']))
            .any(|part| matches!(part.trim(), r#"rel="next""# | "rel=next"))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push_line(format!("{name}: {value}").as_bytes());
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.fields.iter().map(|(name, _)| name))
            .finish()
    }
}

/// What opens an account to whoever has it. It is overwritten when it is dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A token as it is found in an environment variable, or printed by a tool: white space around
    /// it is left out.
    pub fn new(text: &str) -> Result<Token, InvalidToken> {
        let token = text.trim();
        if token.is_empty() {
            return Err(InvalidToken::Empty);
        }
        // It goes into a header, which a line break would end.
        if !token.bytes().all(|b| b.is_ascii_graphic()) || token.len() > MAX_TOKEN {
            return Err(InvalidToken::Characters);
        }
        Ok(Token(Zeroizing::new(token.to_owned())))
    }

    /// Whether `text` tells it.
    pub(crate) fn is_told_by(&self, text: &str) -> bool {
        text.contains(self.0.as_str())
    }

    pub(crate) fn authorization(&self, scheme: &str) -> String {
        format!("{scheme} {}", self.0.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a text is no [`Token`]. Does not tell the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// There is nothing.
    #[error("the token is empty")]
    Empty,
    /// No provider makes such a token.
    #[error("the token has characters that no token has, or more than {MAX_TOKEN} of them")]
    Characters,
}

/// A transport that was told what will be asked, for tests.
#[cfg(test)]
pub(crate) mod scripted {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::{Headers, Request, Response, Transport, Unreachable};

    /// Answers each request with the next response, and fails the test at one that is not expected.
    #[derive(Default)]
    pub(crate) struct Script {
        steps: RefCell<VecDeque<(String, Step)>>,
        /// What was sent: headers as `name: value`, then the body.
        sent: RefCell<Vec<String>>,
    }

    type Step = Result<(u32, Headers, Vec<u8>), Unreachable>;

    impl Script {
        pub(crate) fn on(self, request: &str, status: u32, body: impl AsRef<[u8]>) -> Script {
            self.with(request, status, &[], body)
        }

        pub(crate) fn with(
            self,
            request: &str,
            status: u32,
            headers: &[(&str, &str)],
            body: impl AsRef<[u8]>,
        ) -> Script {
            let headers = headers.iter().copied().collect();
            let step = Ok((status, headers, body.as_ref().to_vec()));
            self.steps
                .borrow_mut()
                .push_back((request.to_owned(), step));
            self
        }

        pub(crate) fn unreachable(self, request: &str, why: &str) -> Script {
            let step = (request.to_owned(), Err(Unreachable(why.to_owned())));
            self.steps.borrow_mut().push_back(step);
            self
        }

        /// What was sent, after all that was expected.
        pub(crate) fn sent(&self) -> Vec<String> {
            let left = self.steps.borrow();
            assert!(left.is_empty(), "not asked: {:?}", left[0].0);
            self.sent.borrow().clone()
        }
    }

    impl Transport for Script {
        fn send(&self, request: &Request) -> Result<Response, Unreachable> {
            let asked = format!("{} {}", request.method.as_str(), request.url);
            let next = self.steps.borrow_mut().pop_front();
            let (expected, step) = next.unwrap_or_else(|| panic!("not expected: {asked}"));
            assert_eq!(asked, expected);
            let headers = request.headers.iter();
            let mut sent: String = headers
                .map(|(name, value)| format!("{name}: {}\n", value.as_str()))
                .collect();
            sent.push_str(&String::from_utf8_lossy(&request.body));
            self.sent.borrow_mut().push(sent);
            step.map(|(status, headers, body)| Response {
                status,
                headers,
                body: body.into(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        let token = Token::new(" ghp_secret\n").unwrap();
        let request = Request::new(Method::Post, "https://api.github.com/user".parse().unwrap())
            .header("authorization", token.authorization("Bearer"))
            .body("text/plain", Zeroizing::new(b"device_secret".to_vec()));
        assert_eq!(request.headers[0].1.as_str(), "Bearer ghp_secret");
        let response = Response {
            status: 200,
            headers: [("set-cookie", "cookie_secret")].into_iter().collect(),
            body: Zeroizing::new(b"access_secret".to_vec()),
        };
        let printed = format!("{token:?} {request:?} {response:?}");
        assert!(!printed.contains("secret"), "{printed}");
        assert!(printed.contains(r#"["authorization", "content-type"]"#));
    }

    #[test]
    fn a_token_can_stand_in_a_header() {
        assert_eq!(Token::new(" \n"), Err(InvalidToken::Empty));
        for text in ["a b", "a\r\nx: y", "a\u{e9}", &"a".repeat(MAX_TOKEN + 1)] {
            let error = Token::new(text).unwrap_err();
            assert_eq!(error, InvalidToken::Characters);
            assert!(!error.to_string().contains(text));
        }
    }

    #[test]
    fn headers_are_those_of_the_last_response() {
        let mut headers = Headers::default();
        for line in [
            &b"HTTP/1.1 200 Connection established\r\n"[..],
            b"ETag: \"proxy\"\r\n",
            b"HTTP/2 200\r\n",
            b"ETag:\"a\"\r\n",
            b"no header\r\n",
            b"\xff: x\r\n",
            b"Retry-After: 60\r\n",
            b"x-ratelimit-reset: +5\r\n",
            b"\r\n",
        ] {
            headers.push_line(line);
        }
        assert_eq!(headers.get("etag"), Some("\"a\""));
        assert_eq!(headers.number("retry-after"), Some(60));
        assert_eq!(headers.number("x-ratelimit-reset"), None);
        headers.push_line(&[b"x: ".as_slice(), &vec![b'a'; MAX_HEADERS]].concat());
        assert_eq!(headers.get("x"), None);
    }

    #[test]
    fn a_further_page_is_noticed() {
        let pages = |link| Headers::from_iter([("Link", link)]).has_next_page();
        assert!(pages(
            r#"<https://api.github.com/x?page=1>; rel="prev", <https://api.github.com/x?page=3>; rel="next""#
        ));
        assert!(!pages(r#"<https://x.example/?page=1>; rel="prev""#));
        assert!(!Headers::default().has_next_page());
    }
}
