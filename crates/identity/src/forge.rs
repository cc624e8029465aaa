//! What the owner of an account does at its provider: publish a key, and withdraw it.
//!
//! [`Forge`] does for every row of the provider's tables what the table says, over a [`Transport`].
//! It keeps no token, and publishes only to the account that the identity names: a token of another
//! account is refused before anything is sent with it but the question whose it is.
//!
//! ```text
//!  publish   whoami ─ /USER.gpg ──────────────── the key is there as it is: nothing to do
//!                        └─ add ─ proof, if asked ─ or else list: it is there already
//!  withdraw  whoami ─ list ─ delete
//! ```
//!
//! - `call`: one request, and what its response says of it.
//! - `device`: a token by the OAuth device flow.
//! - `error`: what can go wrong, and whose fault it is.

mod call;
mod device;
mod error;

use consign_statement::PublicKey;
use serde_json::Value;
use url::Url;

use crate::account::{AccountAnswer, AccountNumber};
use crate::answer::NoAnswer;
use crate::openpgp::{self, Fingerprint, PublishedKey};
use crate::provider::{Collection, Host, InvalidUser, Location, Provider};
use crate::shown::Shown;
use crate::ssh;
use crate::transport::{Method, Request, Token, Transport};

pub use self::device::{DeviceFlow, Poll, Purpose};
pub use self::error::{Fault, ForgeError};

/// The most pages of one's own keys that are read.
const MAX_PAGES: usize = 10;

/// Signs a text that the provider sets, with the key that is to be published: an armored OpenPGP
/// signature of a document (type 0x00 of RFC 9580, section 5.2.1) that is not in it, `gpg --armor
/// --detach-sign`. An error says why not.
pub type Prove<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The OpenPGP key that is to be published.
#[derive(Debug, Clone, Copy)]
pub struct PublicHalf<'a> {
    /// The armored certificate.
    pub armored: &'a str,
    /// The key in it that signs, and what the certificate says of it.
    pub key: &'a PublishedKey,
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The account's name, in lower case.
    pub user: String,
    /// Its number.
    pub account: AccountNumber,
}

/// A key is at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Whether it was before.
    pub how: How,
    /// The account's number, by the provider's own word.
    pub account: AccountNumber,
    /// Where its owner sees it, and can delete it.
    pub page: Url,
}

/// How a key came to be at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was added.
    Added,
    /// It was there, and nothing was done.
    AlreadyThere,
    /// It was there, but not with what its owner says of it now (that it is retired, say), and
    /// nothing was done: [`Forge::replace`] does it.
    Outdated,
}

/// What became of a key that was to be withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It was deleted.
    Deleted,
    /// It was not there.
    NotThere,
}

/// A provider's interface for the owners of accounts.
#[derive(Clone, Copy)]
pub struct Forge<'a> {
    provider: &'a Provider,
    host: &'a Host,
    transport: &'a dyn Transport,
    /// The number that the account of a token must have.
    expected: Option<AccountNumber>,
}

impl<'a> Forge<'a> {
    /// The interface of `provider`, asked over `transport`. `None` where it has none that is known.
    pub fn of(provider: &'a Provider, transport: &'a dyn Transport) -> Option<Forge<'a>> {
        Some(Forge {
            provider,
            host: provider.host()?,
            transport,
            expected: None,
        })
    }

    /// The same, for an account whose number is recorded: of another account nothing is changed, whatever
    /// its name.
    pub fn expecting(self, expected: Option<AccountNumber>) -> Forge<'a> {
        Forge { expected, ..self }
    }

    /// The number of the account `user`, which anybody may ask.
    pub fn account(&self, user: &str) -> Result<AccountAnswer, InvalidUser> {
        let Some(url) = self.provider.account_url(user)? else {
            return Ok(AccountAnswer::NoAnswer(NoAnswer::NoNumbers));
        };
        let request = self.request(Method::Get, url, None);
        Ok(match self.transport.send(&request) {
            Ok(response) => {
                let (status, headers) = (response.status, &response.headers);
                self.provider
                    .read_account(user, status, headers, &response.body)
            }
            Err(why) => AccountAnswer::NoAnswer(NoAnswer::Unreachable(why.0)),
        })
    }

    /// Whose `token` is.
    pub fn whoami(&self, token: &Token) -> Result<Owner, ForgeError> {
        let request = self.request(Method::Get, self.host.api("user"), Some(token));
        // Who may add a key may also be asked who he is.
        let scope = self.host.software.openpgp.scopes.add;
        let response = self.call(&request, Some(token), Some(scope))?;
        let account: Value = response.json()?;
        let owner = self.host.owner(&account);
        let (login, account) = owner.ok_or_else(|| self.fault(NoAnswer::Unexpected.into()))?;
        Ok(Owner {
            user: login.to_ascii_lowercase(),
            account,
        })
    }

    /// Adds `key` to the OpenPGP keys of `user`, whose token it is, under `title`, where there are
    /// titles. `prove` is asked where the provider wants to see that the key is the owner's.
    pub fn publish(
        &self,
        user: &str,
        token: &Token,
        key: PublicHalf<'_>,
        title: &str,
        prove: Prove<'_>,
    ) -> Result<Published, ForgeError> {
        let owner = self.owner(user, token)?;
        let how = match self.state_of(user, key.key) {
            Some(how) => how,
            None => self.add_openpgp(user, token, key, title, prove)?,
        };
        Ok(self.published(how, owner, &self.host.software.openpgp))
    }

    /// Takes away what the account publishes of `key`, and publishes it anew.
    ///
    /// Between the two the account does not publish it. Where the second fails, the error says so
    /// ([`Fault::OnlyDeleted`]): until it is published again it counts as revoked.
    pub fn replace(
        &self,
        user: &str,
        token: &Token,
        key: PublicHalf<'_>,
        title: &str,
        prove: Prove<'_>,
    ) -> Result<Published, ForgeError> {
        let owner = self.owner(user, token)?;
        let deleted = self.delete_openpgp(token, &key.key.fingerprint)?;
        let how =
            self.add_openpgp(user, token, key, title, prove)
                .map_err(|error| match deleted {
                    Withdrawn::Deleted => self.fault(Fault::OnlyDeleted(Box::new(error.fault))),
                    Withdrawn::NotThere => error,
                })?;
        Ok(self.published(how, owner, &self.host.software.openpgp))
    }

    /// Deletes the OpenPGP key with `fingerprint`, a primary key's or a subkey's, from those of
    /// `user`, whose token it is.
    pub fn withdraw(
        &self,
        user: &str,
        token: &Token,
        fingerprint: &Fingerprint,
    ) -> Result<Withdrawn, ForgeError> {
        self.owner(user, token)?;
        self.delete_openpgp(token, fingerprint)
    }

    /// Adds `key` to the SSH signing keys of `user`, whose token it is, under `title`.
    pub fn publish_ssh(
        &self,
        user: &str,
        token: &Token,
        key: &PublicKey,
        title: &str,
    ) -> Result<Published, ForgeError> {
        let keys = self.ssh_collection()?;
        let owner = self.owner(user, token)?;
        let how = match self.find_ssh(token, key)? {
            Some(_) => How::AlreadyThere,
            None => {
                let added = self.add(token, keys, &ssh::line(key), title, None);
                added.map_err(|error| self.taken(token, key, error))?;
                How::Added
            }
        };
        Ok(self.published(how, owner, keys))
    }

    /// Deletes `key` from the SSH signing keys of `user`, whose token it is.
    pub fn withdraw_ssh(
        &self,
        user: &str,
        token: &Token,
        key: &PublicKey,
    ) -> Result<Withdrawn, ForgeError> {
        let keys = self.ssh_collection()?;
        self.owner(user, token)?;
        match self.find_ssh(token, key)? {
            Some(id) => self.delete(token, keys, id),
            None => Ok(Withdrawn::NotThere),
        }
    }

    fn fault(&self, fault: Fault) -> ForgeError {
        ForgeError {
            host: self.host.name().to_owned(),
            fault,
        }
    }

    fn published(&self, how: How, owner: Owner, keys: &Collection) -> Published {
        Published {
            how,
            account: owner.account,
            page: keys.page_at(self.host),
        }
    }

    /// The owner of `token`, who must be `user`, and have the number that is [expected](Self::expecting).
    fn owner(&self, user: &str, token: &Token) -> Result<Owner, ForgeError> {
        let owner = self.whoami(token)?;
        if owner.user != user {
            return Err(self.fault(Fault::AnotherUser {
                wanted: Shown::new(user).to_string(),
                found: Shown::new(&owner.user).to_string(),
            }));
        }
        match self.expected {
            Some(recorded) if recorded != owner.account => Err(self.fault(Fault::AnotherAccount {
                recorded,
                found: owner.account,
            })),
            _ => Ok(owner),
        }
    }

    /// Whether those who check signatures see `key` at the provider, and as what. `None` where it
    /// is not there, or nobody can say.
    fn state_of(&self, user: &str, key: &PublishedKey) -> Option<How> {
        let Ok(Location::Url(url)) = self.provider.location(user) else {
            return None;
        };
        let request = Request::new(Method::Get, url);
        let response = self.transport.send(&request).ok()?;
        let answer = self.provider.read(response.status, &response.body);
        let found = answer.find(&key.key)?;
        Some(match found.state == key.state {
            true => How::AlreadyThere,
            false => How::Outdated,
        })
    }

    fn add_openpgp(
        &self,
        user: &str,
        token: &Token,
        key: PublicHalf<'_>,
        title: &str,
        prove: Prove<'_>,
    ) -> Result<How, ForgeError> {
        let keys = &self.host.software.openpgp;
        let added = match (self.add(token, keys, key.armored, title, None), keys.proof) {
            // The key has no address that the account is known by.
            (Err(error), Some((path, member))) if error.status() == Some(404) => {
                let signature = self.prove(token, path, prove)?;
                let proof = Some((member, signature.as_str()));
                self.add(token, keys, key.armored, title, proof)
            }
            (added, _) => added,
        };
        match added {
            Ok(()) => Ok(How::Added),
            // What a forge says of a key that it has already is its own; its list is plain.
            Err(error) if error.is_refused() => {
                match self.find_openpgp(token, &key.key.fingerprint) {
                    Ok(Some(_)) => Ok(self.state_of(user, key.key).unwrap_or(How::AlreadyThere)),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Signs the text that the provider sets.
    fn prove(&self, token: &Token, path: &str, prove: Prove<'_>) -> Result<String, ForgeError> {
        let request = self.request(Method::Get, self.host.api(path), Some(token));
        let response = self.call(&request, Some(token), None)?;
        // A digest, in letters and digits: nothing that means anything is signed here.
        let text = std::str::from_utf8(response.body())
            .unwrap_or_default()
            .trim();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain || !(16..=128).contains(&text.len()) {
            return Err(self.fault(NoAnswer::Unexpected.into()));
        }
        prove(text).map_err(|why| self.fault(Fault::Proof(why)))
    }

    fn add(
        &self,
        token: &Token,
        keys: &Collection,
        key: &str,
        title: &str,
        proof: Option<(&str, &str)>,
    ) -> Result<(), ForgeError> {
        let members = [(keys.key, key)].into_iter();
        let body: serde_json::Map<String, Value> = members
            .chain(keys.title.map(|name| (name, title)))
            .chain(keys.more.iter().copied())
            .chain(proof)
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let request = self
            .request(Method::Post, self.host.api(keys.path), Some(token))
            .body(
                "application/json",
                Value::Object(body).to_string().into_bytes().into(),
            );
        self.call(&request, Some(token), Some(keys.scopes.add))?;
        Ok(())
    }

    fn delete(&self, token: &Token, keys: &Collection, id: u64) -> Result<Withdrawn, ForgeError> {
        let url = self.host.api(&format!("{}/{id}", keys.path));
        let request = self.request(Method::Delete, url, Some(token));
        self.call(&request, Some(token), Some(keys.scopes.delete))?;
        Ok(Withdrawn::Deleted)
    }

    fn delete_openpgp(
        &self,
        token: &Token,
        fingerprint: &Fingerprint,
    ) -> Result<Withdrawn, ForgeError> {
        match self.find_openpgp(token, fingerprint)? {
            Some(id) => self.delete(token, &self.host.software.openpgp, id),
            None => Ok(Withdrawn::NotThere),
        }
    }

    /// What the owner of `token` has in `keys`.
    fn list(&self, token: &Token, keys: &Collection) -> Result<Vec<Value>, ForgeError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let path = format!("{}?{}&page={page}", keys.path, self.host.software.page);
            let request = self.request(Method::Get, self.host.api(&path), Some(token));
            let response = self.call(&request, Some(token), Some(keys.scopes.delete))?;
            let list: Vec<Value> = response.json()?;
            all.extend(list);
            if !response.has_next_page() {
                return Ok(all);
            }
        }
        Err(self.fault(NoAnswer::MorePages.into()))
    }

    /// The forge's number for the OpenPGP key with `fingerprint`, and for what is bound to it.
    fn find_openpgp(
        &self,
        token: &Token,
        fingerprint: &Fingerprint,
    ) -> Result<Option<u64>, ForgeError> {
        let keys = &self.host.software.openpgp;
        let entries = self.list(token, keys)?;
        let is_ours = |entry: &&Value| {
            let armored = keys.listed.and_then(|name| entry.get(name)?.as_str());
            match armored.map(|text| openpgp::read_public(text.as_bytes())) {
                Some(Ok(found)) => found.iter().any(|key| key.fingerprint == *fingerprint),
                // GitHub has not kept old keys whole, and Forgejo lists none so.
                _ => has_key_id(entry, &key_id(fingerprint)),
            }
        };
        self.id(entries.iter().find(is_ours))
    }

    /// The forge's number for an SSH signing key.
    fn find_ssh(&self, token: &Token, key: &PublicKey) -> Result<Option<u64>, ForgeError> {
        let keys = self.ssh_collection()?;
        let entries = self.list(token, keys)?;
        self.id(entries
            .iter()
            .find(|entry| is_ssh(entry, key) && signs(self.host, entry)))
    }

    /// Why an SSH key could not be added: perhaps it is there to log in with, and cannot be twice.
    fn taken(&self, token: &Token, key: &PublicKey, error: ForgeError) -> ForgeError {
        if !error.is_refused() {
            return error;
        }
        let keys = self
            .ssh_collection()
            .and_then(|keys| self.list(token, keys));
        let is_login_key = |entry: &Value| is_ssh(entry, key) && !signs(self.host, entry);
        match keys {
            Ok(entries) if entries.iter().any(is_login_key) => self.fault(Fault::LoginKey),
            _ => error,
        }
    }

    fn id(&self, entry: Option<&Value>) -> Result<Option<u64>, ForgeError> {
        let unexpected = || self.fault(NoAnswer::Unexpected.into());
        entry
            .map(|entry| {
                entry
                    .get("id")
                    .and_then(Value::as_u64)
                    .ok_or_else(unexpected)
            })
            .transpose()
    }

    fn ssh_collection(&self) -> Result<&'a Collection, ForgeError> {
        match &self.host.software.ssh {
            Some(ssh) => Ok(&ssh.own),
            None => Err(self.fault(Fault::NoSshKeys)),
        }
    }
}

fn is_ssh(entry: &Value, key: &PublicKey) -> bool {
    let line = entry.get("key").and_then(Value::as_str);
    line.is_some_and(|line| ssh::key(line) == Ok(Some(*key)))
}

fn signs(host: &Host, entry: &Value) -> bool {
    let usage = entry.get("usage_type").and_then(Value::as_str);
    let ssh = host.software.ssh.as_ref();
    ssh.is_some_and(|ssh| ssh.signing == ssh::SigningKeys::All) || ssh::is_for_signing(usage)
}

/// The 64 bits of a fingerprint that forges list: the last of version 4, the first of version 6
/// (RFC 9580, section 5.5.4).
fn key_id(fingerprint: &Fingerprint) -> String {
    let octets = fingerprint.as_bytes();
    let id = match octets.len() {
        20 => &octets[12..],
        _ => &octets[..8],
    };
    hex::encode_upper(id)
}

/// Whether a listed key, or one of its subkeys, has that key id.
fn has_key_id(entry: &Value, id: &str) -> bool {
    let subkeys = entry.get("subkeys").and_then(Value::as_array);
    let subkeys = subkeys.into_iter().flatten();
    [entry]
        .into_iter()
        .chain(subkeys)
        .filter_map(|key| key.get("key_id")?.as_str())
        .any(|listed| listed.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests;
