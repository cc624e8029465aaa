//! A token by the OAuth device flow (RFC 8628), in which nobody pastes a secret: the user enters a
//! short code on a page of the provider, and this program asks until that is done.
//!
//! ```text
//!  begin ── code and page, shown to the user
//!    └─ wait ─ poll ── Pending, SlowDown: wait, and poll again
//!                   ├─ Token: publish, and forget it
//!                   └─ FewerScopes, Denied, Expired: the end
//! ```
//!
//! The caller waits: nothing here looks at a clock.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::{Fault, Forge, ForgeError};
use crate::answer::{self, NoAnswer};
use crate::shown::Shown;
use crate::transport::{Method, Request, Response, Token};

/// How long to wait where the provider does not say (RFC 8628, section 3.2); seconds.
const INTERVAL: u64 = 5;
/// By how much more after "slow down" (section 3.5); seconds.
const SLOWER: u64 = 5;
/// The longest code that people can be asked to enter, in characters.
const MAX_USER_CODE: usize = 32;

/// What a token is for. It is asked to be allowed no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To add an OpenPGP key.
    Publish,
    /// To delete one.
    Withdraw,
    /// To add an SSH signing key.
    PublishSsh,
    /// To delete one.
    WithdrawSsh,
}

/// A token that is being asked for.
pub struct DeviceFlow<'a> {
    forge: Forge<'a>,
    token_url: Url,
    client: String,
    scope: &'static str,
    device_code: Zeroizing<String>,
    user_code: String,
    verification_uri: Url,
    expires_in: u64,
    interval: u64,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// The user has not entered the code yet.
    Pending {
        /// How long to wait; seconds.
        wait: u64,
    },
    /// It is asked too often.
    SlowDown {
        /// How long to wait from now on; seconds.
        wait: u64,
    },
    /// Here it is.
    Token(Token),
    /// The user allows less than was asked for, and so nothing of use. The token is not kept.
    FewerScopes {
        /// What is missing.
        needs: &'static str,
    },
    /// The user took too long.
    Expired,
    /// The user declined.
    Denied,
}

#[derive(Deserialize)]
struct Begun {
    #[serde(deserialize_with = "secret")]
    device_code: Zeroizing<String>,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default, deserialize_with = "optional_secret")]
    access_token: Option<Zeroizing<String>>,
    scope: Option<String>,
    error: Option<String>,
    interval: Option<u64>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

fn optional_secret<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Zeroizing<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|secret| secret.map(Zeroizing::new))
}

impl<'a> DeviceFlow<'a> {
    /// Asks for a token for `purpose`, as the client with this id, which has no secret.
    pub fn begin(
        forge: Forge<'a>,
        client: &str,
        purpose: Purpose,
    ) -> Result<DeviceFlow<'a>, ForgeError> {
        let software = forge.host.software;
        let ssh = || forge.ssh_collection().map(|keys| keys.scopes);
        let scope = match purpose {
            Purpose::Publish => software.openpgp.scopes.add,
            Purpose::Withdraw => software.openpgp.scopes.delete,
            Purpose::PublishSsh => ssh()?.add,
            Purpose::WithdrawSsh => ssh()?.delete,
        };
        let urls = forge.host.device_urls();
        let (code_url, token_url) = urls.ok_or_else(|| forge.fault(Fault::NoDeviceFlow))?;
        let fields = [("client_id", client), ("scope", scope)];
        let response = post(&forge, code_url, &fields)?;
        let begun: Begun = match read(&forge, &response)? {
            Answered {
                error: Some(error), ..
            } => return Err(forge.fault(Fault::DeviceFlow(Shown::new(&error).to_string()))),
            _ => answer::read_json(&response.body).map_err(|why| forge.fault(why.into()))?,
        };
        // The page is the forge's own, whoever could put another one into its answer.
        let page = Url::parse(&begun.verification_uri).ok();
        let page = page.filter(|page| page.origin() == forge.host.page("").origin());
        let can_be_typed = |c: char| c.is_ascii_graphic();
        let is_code = (1..=MAX_USER_CODE).contains(&begun.user_code.len())
            && begun.user_code.chars().all(can_be_typed);
        let (true, Some(verification_uri)) = (is_code, page) else {
            return Err(forge.fault(NoAnswer::Unexpected.into()));
        };
        Ok(DeviceFlow {
            forge,
            token_url,
            client: client.to_owned(),
            scope,
            device_code: begun.device_code,
            user_code: begun.user_code,
            verification_uri,
            expires_in: begun.expires_in,
            interval: begun.interval.unwrap_or(INTERVAL).max(1),
        })
    }

    /// What the user enters.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where the user enters it.
    pub fn verification_uri(&self) -> &Url {
        &self.verification_uri
    }

    /// How long the user has; seconds.
    pub fn expires_in(&self) -> u64 {
        self.expires_in
    }

    /// How long to wait before each poll; seconds.
    pub fn interval(&self) -> u64 {
        self.interval
    }

    /// Asks whether it is done.
    pub fn poll(&mut self) -> Result<Poll, ForgeError> {
        let fields = [
            ("client_id", self.client.as_str()),
            ("device_code", self.device_code.as_str()),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ];
        let response = post(&self.forge, self.token_url.clone(), &fields)?;
        let answered = read(&self.forge, &response)?;
        if let Some(error) = answered.error {
            return match error.as_str() {
                "authorization_pending" => Ok(Poll::Pending {
                    wait: self.interval,
                }),
                "slow_down" => {
                    let slower = self.interval.saturating_add(SLOWER);
                    self.interval = answered.interval.unwrap_or(slower).max(slower);
                    Ok(Poll::SlowDown {
                        wait: self.interval,
                    })
                }
                "expired_token" => Ok(Poll::Expired),
                "access_denied" => Ok(Poll::Denied),
                other => Err(self
                    .forge
                    .fault(Fault::DeviceFlow(Shown::new(other).to_string()))),
            };
        }
        let unexpected = || self.forge.fault(NoAnswer::Unexpected.into());
        let token = answered.access_token.ok_or_else(unexpected)?;
        let token = Token::new(&token).map_err(|_| unexpected())?;
        // Where it does not say, it is what was asked for (RFC 6749, section 5.1).
        let granted = answered.scope.as_deref().unwrap_or(self.scope);
        Ok(match allows(granted, self.scope) {
            true => Poll::Token(token),
            false => Poll::FewerScopes { needs: self.scope },
        })
    }
}

/// Whether `granted`, separated by commas or spaces, has `wanted`, or its `admin:` form.
fn allows(granted: &str, wanted: &str) -> bool {
    let granted: BTreeSet<&str> = granted.split([',', ' ']).collect();
    let stronger = wanted
        .strip_prefix("write:")
        .map(|of| format!("admin:{of}"));
    granted.contains(wanted) || stronger.is_some_and(|scope| granted.contains(&*scope))
}

fn post(forge: &Forge<'_>, url: Url, fields: &[(&str, &str)]) -> Result<Response, ForgeError> {
    let mut form = Serializer::new(String::new());
    let body = Zeroizing::new(form.extend_pairs(fields).finish().into_bytes());
    let request = Request::new(Method::Post, url)
        .header("accept", "application/json")
        .body("application/x-www-form-urlencoded", body);
    forge.send(&request)
}

/// GitHub says with status 200 what is wrong, and GitLab, as the standard has it, with 400.
fn read(forge: &Forge<'_>, response: &Response) -> Result<Answered, ForgeError> {
    match response.status {
        200 | 400 | 401 => answer::read_json(&response.body).map_err(|why| forge.fault(why.into())),
        404 => Err(forge.fault(Fault::NoDeviceFlow)),
        status => Err(forge.fault(match answer::limit(status, &response.headers) {
            Some(again) => Fault::Limited(Some(again)),
            None => NoAnswer::Status(status).into(),
        })),
    }
}
