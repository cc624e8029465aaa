//! Keys at their provider: published, published anew, and withdrawn.
//!
//! At a forge that is done with a token, where there is one ([`super::token`]). Otherwise, and at
//! providers that are a folder, a web server or a Web Key Directory, the user does it by hand, and is
//! told where.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use consign_identity::Identity;
use consign_identity::account::AccountNumber;
use consign_identity::forge::{self, Fault, Forge, ForgeError, PublicHalf, Purpose, Withdrawn};
use consign_identity::openpgp::OwnKey;
use consign_identity::provider::{Location, Provider};
use consign_identity::ssh;
use url::Url;

use super::{AgentKeyOf, OwnKeyOf, explained, folder, passphrase, provider, token};
use crate::signing::context::unix_now;
use crate::signing::lookup::numbers;
use crate::signing::net::Network;
use crate::signing::private_file;
use crate::{CargoResult, GlobalContext};

/// What keys are called in a forge's list.
const TITLE: &str = "Consign signing key";
/// The file beside an identity's keys that has the number of its account.
const ACCOUNT: &str = "account";

/// What became of a key at its provider.
#[derive(Debug)]
pub enum Outcome {
    /// The account publishes it.
    Published {
        /// How it came to be there.
        how: How,
        /// Where its owner sees it, and can delete it.
        page: Url,
    },
    /// The account does not publish it any more.
    Deleted,
    /// The account did not publish it.
    NotThere,
    /// There is no token, or no interface: it is for the user to do.
    ByHand(ByHand),
}

/// How a key came to be at its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was added.
    Added,
    /// It was there as it is.
    AlreadyThere,
    /// It was there, without what its owner says of it now.
    Replaced,
}

/// Where the user publishes a key by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    /// On a page of the provider's.
    Page {
        /// Where a key is added.
        add: Url,
        /// Where keys are seen and deleted.
        list: Url,
    },
    /// So that it is found at this address.
    Address {
        /// The address.
        url: Url,
        /// Whether the key is there in binary form, and not as text.
        binary: bool,
    },
    /// As this file.
    File(PathBuf),
}

impl ByHand {
    /// What to do with a key, or another name for it: "publish it at …". Where it is not the only one of its
    /// identity, the others stay beside it.
    pub fn publish(&self, what: &str, is_only_one: bool) -> String {
        match (self, is_only_one) {
            (ByHand::Page { add, .. }, _) => format!("publish {what} at {add}"),
            (_, true) => format!("publish {what} {self}"),
            (ByHand::Address { url, .. }, false) => {
                format!("add {what} to the keys that are found at {url}")
            }
            (ByHand::File(path), false) => {
                format!("add {what} to the keys in `{}`", path.display())
            }
        }
    }

    /// What to do with a key that is published and says something else now.
    pub fn replace(&self, is_only_one: bool) -> String {
        match (self, is_only_one) {
            (ByHand::Page { .. }, _) | (_, true) => self.publish("it again", true),
            (ByHand::Address { url, .. }, false) => {
                format!("put it in the place of the old one among the keys that are found at {url}")
            }
            (ByHand::File(path), false) => {
                format!(
                    "put it in the place of the old one among the keys in `{}`",
                    path.display()
                )
            }
        }
    }
}

impl fmt::Display for ByHand {
    /// Where.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ByHand::Page { add, .. } => write!(f, "at {add}"),
            ByHand::Address { url, .. } => write!(f, "so that it is found at {url}"),
            ByHand::File(path) => write!(f, "as `{}`", path.display()),
        }
    }
}

/// Where a key is published by hand, for what is to be done with it.
fn by_hand_for(gctx: &GlobalContext, identity: &Identity, purpose: Purpose) -> CargoResult<ByHand> {
    let is_ssh = matches!(purpose, Purpose::PublishSsh | Purpose::WithdrawSsh);
    let provider = provider(gctx, identity)?;
    match (provider.ssh_page(), provider.page_of_ssh_keys()) {
        (Some(add), Some(list)) if is_ssh => Ok(ByHand::Page { add, list }),
        _ => by_hand(gctx, identity),
    }
}

/// Where the public half of an OpenPGP key of `identity` is published by hand.
pub fn by_hand(gctx: &GlobalContext, identity: &Identity) -> CargoResult<ByHand> {
    let provider = provider(gctx, identity)?;
    Ok(match (provider.page(), provider.page_of_keys()) {
        (Some(add), Some(list)) => ByHand::Page { add, list },
        _ => match provider.location(identity.user())? {
            Location::File(path) => ByHand::File(path),
            Location::Url(url) => {
                // A Web Key Directory, and nobody else, has no template.
                let binary = provider.keys().is_none();
                ByHand::Address { url, binary }
            }
        },
    })
}

/// Publishes the public half of a key, as it is now.
pub fn publish(gctx: &GlobalContext, of: &OwnKeyOf) -> CargoResult<Outcome> {
    let key = of.key.fingerprint().to_string();
    at_forge(
        gctx,
        &of.identity,
        &key,
        Purpose::Publish,
        |forge, right| {
            let armored = of.key.public_armored();
            let half = PublicHalf {
                armored: &armored,
                key: of.key.published(),
            };
            let user = of.identity.user();
            let prove = |text: &str| proof(gctx, of, text).map_err(|error| format!("{error:#}"));
            let published = forge.publish(user, &right.token, half, TITLE, &prove)?;
            let (published, how) = match published.how {
                forge::How::Added => (published, How::Added),
                forge::How::AlreadyThere => (published, How::AlreadyThere),
                forge::How::Outdated => {
                    // What may be asked of the key is made sure of before it is deleted there.
                    let opened = opened(gctx, of)?;
                    let prove =
                        |text: &str| sign(&opened, text).map_err(|error| format!("{error:#}"));
                    of.is_to_be_published()?;
                    let replaced = forge.replace(user, &right.token, half, TITLE, &prove)?;
                    (replaced, How::Replaced)
                }
            };
            of.is_in_hand()?;
            remember_number(gctx, &of.identity, published.account)?;
            let page = published.page;
            Ok(Outcome::Published { how, page })
        },
    )
}

/// Deletes a key at its provider.
pub fn withdraw(gctx: &GlobalContext, of: &OwnKeyOf) -> CargoResult<Outcome> {
    let fingerprint = of.key.fingerprint();
    let key = fingerprint.to_string();
    at_forge(
        gctx,
        &of.identity,
        &key,
        Purpose::Withdraw,
        |forge, right| {
            let withdrawn = forge.withdraw(of.identity.user(), &right.token, fingerprint)?;
            of.is_in_hand()?;
            Ok(outcome(withdrawn))
        },
    )
}

/// Publishes a key in the agent, as an SSH signing key.
pub fn publish_in_agent(gctx: &GlobalContext, of: &AgentKeyOf) -> CargoResult<Outcome> {
    let key = ssh::fingerprint(&of.key);
    at_forge(
        gctx,
        &of.identity,
        &key,
        Purpose::PublishSsh,
        |forge, right| {
            let published = forge.publish_ssh(of.identity.user(), &right.token, &of.key, TITLE)?;
            let how = match published.how {
                forge::How::Added => How::Added,
                forge::How::AlreadyThere | forge::How::Outdated => How::AlreadyThere,
            };
            remember_number(gctx, &of.identity, published.account)?;
            let page = published.page;
            Ok(Outcome::Published { how, page })
        },
    )
}

/// Deletes a key in the agent at its provider.
pub fn withdraw_in_agent(gctx: &GlobalContext, of: &AgentKeyOf) -> CargoResult<Outcome> {
    let key = ssh::fingerprint(&of.key);
    at_forge(
        gctx,
        &of.identity,
        &key,
        Purpose::WithdrawSsh,
        |forge, right| {
            let withdrawn = forge.withdraw_ssh(of.identity.user(), &right.token, &of.key)?;
            Ok(outcome(withdrawn))
        },
    )
}

fn outcome(withdrawn: Withdrawn) -> Outcome {
    match withdrawn {
        Withdrawn::Deleted => Outcome::Deleted,
        Withdrawn::NotThere => Outcome::NotThere,
    }
}

/// Does something with a key at the forge of its identity, where it is one and there is a token.
fn at_forge(
    gctx: &GlobalContext,
    identity: &Identity,
    key: &str,
    purpose: Purpose,
    act: impl FnOnce(Forge<'_>, &token::Right) -> CargoResult<Outcome>,
) -> CargoResult<Outcome> {
    let provider: &Provider = provider(gctx, identity)?;
    let by_hand = || by_hand_for(gctx, identity, purpose).map(Outcome::ByHand);
    if gctx.offline_flag().is_some() {
        return by_hand();
    }
    let network = Network::new(gctx)?;
    let Some(forge) = Forge::of(provider, &network) else {
        return by_hand();
    };
    match token::find(gctx, provider, forge, purpose)? {
        Some(right) => {
            let expected = recorded(gctx, provider, identity)?;
            let forge = forge.expecting(expected);
            let done = act(forge, &right).map_err(|error| match error.downcast() {
                Ok(fault) => with_help(gctx, fault, provider, identity, key, purpose),
                Err(other) => other,
            });
            done.with_context(|| {
                let what = match purpose {
                    Purpose::Withdraw | Purpose::WithdrawSsh => "delete",
                    Purpose::Publish | Purpose::PublishSsh => "publish",
                };
                format!("failed to {what} the key {key} with {}", right.from)
            })
        }
        None => by_hand(),
    }
}

/// What went wrong at a forge, with what to do about it.
fn with_help(
    gctx: &GlobalContext,
    error: ForgeError,
    provider: &Provider,
    identity: &Identity,
    key: &str,
    purpose: Purpose,
) -> anyhow::Error {
    let page = |url: Option<Url>| url.map_or_else(|| "its provider".to_owned(), |u| u.to_string());
    let (add, list) = match purpose {
        Purpose::PublishSsh | Purpose::WithdrawSsh => {
            (provider.ssh_page(), provider.page_of_ssh_keys())
        }
        Purpose::Publish | Purpose::Withdraw => (provider.page(), provider.page_of_keys()),
    };
    let help = match (&error.fault, purpose) {
        (Fault::OnlyDeleted(_), _) => {
            format!("publish it again as soon as can be: `cargo key publish {key}`")
        }
        (Fault::AnotherAccount { .. }, _) => {
            let own = Some(number_file(gctx, identity));
            let seen = numbers::path(gctx, provider, identity.user())
                .ok()
                .flatten();
            let files = own.into_iter().chain(seen).filter(|path| path.exists());
            let files: Vec<_> = files.map(|path| format!("`{}`", path.display())).collect();
            format!(
                "if somebody else has the name now, sign under another. If the new account is yours, \
                 remove what is recorded, in {}: those who build know the old number, and will refuse the \
                 new one until they are told",
                files.join(" and ")
            )
        }
        (Fault::AppToken, _) => {
            "do it from your own machine: a job that publishes packages needs the secret key alone"
                .to_owned()
        }
        (Fault::Scope { .. }, Purpose::Withdraw | Purpose::WithdrawSsh) => format!(
            "give the token that scope, or delete the key at {}",
            page(list)
        ),
        (Fault::Scope { .. }, _) => format!(
            "give the token that scope, or publish what `cargo key show {key}` prints at {}",
            page(add)
        ),
        _ => return anyhow::Error::msg(error.to_string()),
    };
    anyhow::format_err!("{error}\n\nhelp: {help}")
}

/// A signature over what the provider set, by the key.
fn proof(gctx: &GlobalContext, of: &OwnKeyOf, text: &str) -> CargoResult<String> {
    sign(&opened(gctx, of)?, text)
}

fn sign(key: &OwnKey, text: &str) -> CargoResult<String> {
    let signature = key.detached_signature(text.as_bytes(), unix_now()?);
    signature.map_err(explained)
}

/// The same key, open.
fn opened(gctx: &GlobalContext, of: &OwnKeyOf) -> CargoResult<OwnKey> {
    let copy = OwnKeyOf {
        identity: of.identity.clone(),
        key: OwnKey::from_armored(of.key.to_armored().as_bytes())?,
        path: of.path.clone(),
    };
    Ok(passphrase::open(gctx, copy)?.key)
}

/// The number that is recorded for an account, by whoever published its keys here or saw new ones.
fn recorded(
    gctx: &GlobalContext,
    provider: &Provider,
    identity: &Identity,
) -> CargoResult<Option<AccountNumber>> {
    match number(gctx, identity)? {
        Some(number) => Ok(Some(number.try_into()?)),
        None => numbers::recorded(gctx, provider, identity.user()),
    }
}

/// Keeps the number of an account, which the provider itself gave, and which is what was recorded, if
/// anything was.
fn remember_number(
    gctx: &GlobalContext,
    identity: &Identity,
    number: AccountNumber,
) -> CargoResult<()> {
    numbers::record(gctx, provider(gctx, identity)?, identity.user(), number)?;
    let path = number_file(gctx, identity);
    private_file::write(&path, format!("{number}\n").as_bytes())
        .context("failed to store the number of the account")
}

/// The number of the account of `identity`, where it was learnt when a key was published.
pub(in super::super) fn number(
    gctx: &GlobalContext,
    identity: &Identity,
) -> CargoResult<Option<u64>> {
    let path = number_file(gctx, identity);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("failed to read `{}`", path.display()))?,
    };
    let number = text.trim().parse();
    let number = number.with_context(|| format!("`{}` is not a number", path.display()))?;
    Ok(Some(number))
}

fn number_file(gctx: &GlobalContext, identity: &Identity) -> PathBuf {
    folder(gctx)
        .join(identity.provider())
        .join(identity.user())
        .join(ACCOUNT)
}
