//! One request to a provider's interface, and what its response says.

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{Fault, Forge, ForgeError};
use crate::answer::{self, NoAnswer};
use crate::shown::Shown;
use crate::transport::{Method, Request, Response, Token};

/// The most characters of a provider's own words that a message shows.
const MAX_WORDS: usize = 240;

/// A response that says that it was done.
pub(super) struct Done<'a> {
    forge: Forge<'a>,
    response: Response,
}

impl Done<'_> {
    pub(super) fn body(&self) -> &[u8] {
        &self.response.body
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ForgeError> {
        answer::read_json(self.body()).map_err(|why| self.forge.fault(why.into()))
    }

    pub(super) fn has_next_page(&self) -> bool {
        self.response.headers.has_next_page()
    }
}

impl<'a> Forge<'a> {
    /// A request with what the provider wants to be told each time.
    pub(super) fn request(&self, method: Method, url: Url, token: Option<&Token>) -> Request {
        let software = self.host.software;
        let mut request = Request::new(method, url);
        for &(name, value) in software.headers {
            request = request.header(name, value);
        }
        match token {
            Some(token) => request.header("authorization", token.authorization(software.scheme)),
            None => request,
        }
    }

    pub(super) fn send(&self, request: &Request) -> Result<Response, ForgeError> {
        let response = self.transport.send(request);
        response.map_err(|why| self.fault(Fault::Unreachable(why.0)))
    }

    /// Sends `request`, which needs `scope`.
    pub(super) fn call(
        &self,
        request: &Request,
        token: Option<&Token>,
        scope: Option<&'static str>,
    ) -> Result<Done<'a>, ForgeError> {
        let response = self.send(request)?;
        let status = response.status;
        let fault = match status {
            200 | 201 | 204 => {
                return Ok(Done {
                    forge: *self,
                    response,
                });
            }
            300..=399 | 500.. => NoAnswer::Status(status).into(),
            // Whoever wrote it knows nothing of tokens and what they may.
            _ if answer::is_web_page(&response.body) => NoAnswer::WebPage.into(),
            401 => Fault::Token,
            403 | 404 | 429 => self.not_allowed(&response, scope, token),
            _ => refused(&response, token),
        };
        Err(self.fault(fault))
    }

    /// Asked too often, or not allowed, or not there, which GitHub says for not allowed.
    fn not_allowed(
        &self,
        response: &Response,
        scope: Option<&'static str>,
        token: Option<&Token>,
    ) -> Fault {
        let status = response.status;
        let again = answer::limit(status, &response.headers);
        let words = words(&response.body).unwrap_or_default();
        if again.is_some() || status == 429 || words.contains("rate limit") {
            return Fault::Limited(again);
        }
        if words.contains("not accessible by integration") {
            return Fault::AppToken;
        }
        match scope {
            Some(needs) if status == 403 || self.host.software.hides => Fault::Scope { needs },
            _ => refused(response, token),
        }
    }
}

fn refused(response: &Response, token: Option<&Token>) -> Fault {
    // Who sends the token back does not get it into a log.
    let says = words(&response.body)
        .filter(|words| !token.is_some_and(|token| token.is_told_by(words)))
        .map(|words| Shown::at_most(MAX_WORDS, &words).to_string());
    Fault::Refused {
        status: response.status,
        says,
    }
}

/// What a provider says of a refusal: `{"message": "…", "errors": [{"message": "…"}]}`, where the
/// message may be an object of lists, or `{"error_description": "…"}`.
fn words(body: &[u8]) -> Option<String> {
    let body: Value = answer::read_json(body).ok()?;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let main = ["message", "error_description", "error"]
        .into_iter()
        .find_map(|name| body.get(name));
    let more = body.get("errors").and_then(Value::as_array);
    let more = more.into_iter().flatten().filter_map(|e| e.get("message"));
    let words: Vec<String> = main.into_iter().chain(more).map(text).collect();
    (!words.is_empty()).then(|| words.join("; "))
}
