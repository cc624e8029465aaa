//! A forge at its address: what its kind's row says, with the host in it.

use serde_json::Value;
use url::Url;

use super::preset::{Collection, PRESETS, Software};
use super::question::Question;
use super::template::{InvalidTemplate, Keys, USER, UrlTemplate};
use crate::account::{AccountAnswer, AccountNumber};
use crate::answer::{self, NoAnswer};

/// A forge at its address.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) software: &'static Software,
    /// Both without a slash at the end.
    pub(super) base: String,
    pub(super) api: String,
    pub(super) keys: Keys,
    /// The host, with its port where it is not the scheme's own.
    pub(super) name: String,
}

impl Host {
    /// The forge at `base`, which is `https://HOST` or goes on with a path.
    pub(super) fn new(software: &'static Software, base: &str) -> Result<Host, InvalidTemplate> {
        let template = UrlTemplate::parse(&format!("{base}/{}", software.keys))?;
        let name = template.host();
        let (scheme, _) = base.split_once("://").unwrap_or_default();
        let has_api_host = software
            .api_hosts
            .is_some_and(|domain| name.ends_with(&format!(".{domain}")));
        let preset = PRESETS.iter().find(|p| p.forge == Some((software, base)));
        Ok(Host {
            software,
            base: base.to_owned(),
            api: match preset.and_then(|preset| preset.api) {
                Some(api) => api.to_owned(),
                None if has_api_host => format!("{scheme}://api.{name}"),
                None => format!("{base}/{}", software.api),
            },
            keys: Keys::Template(template),
            name,
        })
    }

    /// `github.com`, with its port where it is not the scheme's own.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The page at `path`.
    pub(crate) fn page(&self, path: &str) -> Url {
        Url::parse(&format!("{}/{path}", self.base)).expect("the address was read with a path")
    }

    /// What its interface has at `path`.
    pub(crate) fn api(&self, path: &str) -> Url {
        Url::parse(&format!("{}/{path}", self.api)).expect("the address was read with a path")
    }

    /// What to ask for the SSH signing keys of `user`.
    pub(super) fn ssh_keys(&self, user: &str) -> Option<Question> {
        let ssh = self.software.ssh.as_ref()?;
        // The keys of another account would be answered for this one's.
        if ssh.digits_are_numbers && user.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let path = ssh.of_user.replace(USER, user);
        let url = self.api(&format!("{path}?{}", self.software.page));
        Some(Question::ssh(url, ssh.signing))
    }

    /// The number of `user` in the answer to the question for it.
    pub(super) fn read_account(&self, user: &str, body: &[u8]) -> Result<AccountAnswer, NoAnswer> {
        let account = if self.software.account.in_list {
            let list: Vec<Value> = answer::read_json(body)?;
            match <[_; 1]>::try_from(list) {
                Ok([account]) => account,
                Err(list) if list.is_empty() => return Ok(AccountAnswer::NoSuchAccount),
                Err(_) => return Err(NoAnswer::Unexpected),
            }
        } else {
            answer::read_json(body)?
        };
        let (login, number) = self.owner(&account).ok_or(NoAnswer::Unexpected)?;
        // A forge that redirects names, or matches parts of them, answers for somebody else.
        match login.eq_ignore_ascii_case(user) {
            true => Ok(AccountAnswer::Number(number)),
            false => Err(NoAnswer::Unexpected),
        }
    }

    /// Name and number in what the forge says of an account.
    pub(crate) fn owner<'v>(&self, account: &'v Value) -> Option<(&'v str, AccountNumber)> {
        let login = account.get(self.software.login)?.as_str()?;
        let number = account.get("id")?.as_u64()?;
        Some((login, number.try_into().ok()?))
    }

    pub(crate) fn device_urls(&self) -> Option<(Url, Url)> {
        let paths = self.software.device?;
        Some((self.page(paths.code), self.page(paths.token)))
    }
}

impl Collection {
    /// The page at which its owner sees and deletes what is in it.
    pub(crate) fn page_at(&self, host: &Host) -> Url {
        host.page(self.page)
    }
}
