//! Which of several keys a command means.
//!
//! The key that signs is the one in the environment; or that of the identity which publishes, by
//! `signing.identity`, and the one of that fingerprint, by `signing.key`; or else the only one that
//! still can. Nothing is guessed: where two are left, the error lists them. A key in an agent signs where
//! `signing.key` names it.

use std::sync::Arc;

use anyhow::bail;
use consign_identity::Identity;
use consign_identity::openpgp::{PublishedKey, SecretKey};
use consign_statement::{PublicKey, RegistryId};

use super::agent::{self, AgentKeyOf, NoSignature};
use super::{Life, OwnKeyOf, account, environment, in_agent, passphrase, read_all};
use crate::{CargoResult, GlobalContext};

/// The fewest digits of a fingerprint that name a key.
const MIN_TAIL: usize = 8;

/// Who signs, with an open key.
pub(in super::super) struct Signer {
    pub(in super::super) identity: Identity,
    pub(in super::super) key: OpenKey,
    /// The number of the account, where the provider gave it.
    pub(in super::super) account: Option<u64>,
    /// What the key says of itself; `None` of one in an agent.
    pub(in super::super) published: Option<PublishedKey>,
}

/// A key that signs.
pub(in super::super) enum OpenKey {
    /// One whose secret is here.
    Own(Arc<SecretKey>),
    /// One in an agent.
    InAgent(PublicKey),
}

impl consign_statement::Signer for OpenKey {
    type Error = NoSignature;

    fn public_key(&self) -> PublicKey {
        match self {
            OpenKey::Own(key) => key.public_key(),
            OpenKey::InAgent(key) => *key,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], NoSignature> {
        match self {
            OpenKey::Own(key) => Ok(key.sign(message)),
            OpenKey::InAgent(key) => agent::sign(key, message),
        }
    }
}

/// Which keys come into question where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that can sign.
    ThatSign,
    /// Those that are not revoked, or else all.
    NotRevoked,
}

/// The open key that signs what is published to `registry`, and whose it is. A key under a passphrase
/// is opened once in a command.
pub(in super::super) fn signer(
    gctx: &GlobalContext,
    registry: Option<&RegistryId>,
) -> CargoResult<Option<Signer>> {
    if environment::key(gctx, registry)?.is_none()
        && let Some(AgentKeyOf { identity, key }) = in_agent(gctx, None, registry)?
    {
        let account = account::number(gctx, &identity)?;
        let key = OpenKey::InAgent(key);
        return Ok(Some(Signer {
            identity,
            key,
            account,
            published: None,
        }));
    }
    let Some(of) = signing(gctx, registry)? else {
        return Ok(None);
    };
    let (identity, public) = (of.identity.clone(), of.key.public_key());
    let account = account::number(gctx, &identity)?;
    let published = Some(of.key.published().clone());
    let signer = |key| Signer {
        identity,
        key: OpenKey::Own(key),
        account,
        published,
    };
    if let Some(key) = gctx.signing.opened(&public) {
        return Ok(Some(signer(key)));
    }
    let place = of.place();
    let opened = passphrase::open(gctx, of)?.key;
    let key = opened.signer().map_err(|error| {
        super::explained(error).context(format!("the signing key in {place} cannot sign"))
    })?;
    let key = gctx.signing.keep_open(key);
    Ok(Some(signer(key)))
}

/// The key that signs what is published to `registry`; `None` where there is no key at all.
pub fn signing(
    gctx: &GlobalContext,
    registry: Option<&RegistryId>,
) -> CargoResult<Option<OwnKeyOf>> {
    if let Some(key) = environment::key(gctx, registry)? {
        return Ok(Some(key));
    }
    let policy = gctx.signing.policy(gctx)?;
    let identity = policy.identity(registry)?;
    let mut keys = distinct(read_all(gctx)?)?;
    if let Some(identity) = &identity {
        keys.retain(|of| of.identity == *identity);
        if keys.is_empty() {
            bail!(
                "there is no key for `{identity}`, which is configured to publish\n\n\
                 help: make one with `cargo key new --sign-as {identity}`"
            );
        }
    }
    if let Some((setting, tail)) = policy.key(registry)? {
        return named(gctx, keys, tail, &format!("which `{setting}` names")).map(Some);
    }
    if keys.is_empty() {
        return Ok(None);
    }
    let signs = |of: &OwnKeyOf| matches!(of.life(), Ok(Life::Signs(_)));
    let (mut able, unable): (Vec<_>, Vec<_>) = keys.into_iter().partition(signs);
    match able.len() {
        1 => Ok(able.pop()),
        0 => {
            let identity = &unable[0].identity;
            bail!(
                "no key that is here can sign any more:{}\n\n\
                 help: make a new one with `cargo key new --sign-as {identity}`",
                listed(&unable)?
            )
        }
        _ => {
            let first = &able[0];
            let setting = match able.iter().all(|of| of.identity == first.identity) {
                true => format!("which one signs, with `signing.key = \"{}\"`", tail(first)),
                false => format!(
                    "who is publishing, with `signing.identity = \"{}\"`",
                    first.identity
                ),
            };
            bail!(
                "there are several signing keys:{}\n\n\
                 help: say {setting} in `{}`",
                listed(&able)?,
                gctx.diagnostic_home_config()
            )
        }
    }
}

/// The stored key that a command is about: `which` is an identity, or a fingerprint or its end; the
/// only one where nothing is said.
pub fn choose(gctx: &GlobalContext, named_as: Option<&str>, which: Which) -> CargoResult<OwnKeyOf> {
    let mut keys = distinct(read_all(gctx)?)?;
    match named_as {
        Some(text) if text.contains(':') => {
            let identity: Identity = text.parse()?;
            keys.retain(|of| of.identity == identity);
            if keys.is_empty() {
                bail!(
                    "there is no key for `{identity}`\n\n\
                     help: make one with `cargo key new --sign-as {identity}`"
                );
            }
        }
        Some(text) => return named(gctx, keys, text, "as the command names it"),
        None if keys.is_empty() => bail!(
            "there are no signing keys\n\n\
             help: make one with `cargo key new --sign-as github:USER`"
        ),
        None => {}
    }
    let is_wanted = |of: &OwnKeyOf| match (which, of.life()) {
        (Which::ThatSign, Ok(Life::Signs(_))) => true,
        (Which::NotRevoked, Ok(life)) => life != Life::Revoked,
        _ => false,
    };
    if keys.len() > 1 && keys.iter().any(is_wanted) {
        keys.retain(is_wanted);
    }
    match keys.len() {
        1 => Ok(keys.swap_remove(0)),
        _ => bail!(
            "there are several signing keys:{}\n\n\
             help: name one by the end of its fingerprint, as in `{}`",
            listed(&keys)?,
            tail(&keys[0])
        ),
    }
}

/// The key with this fingerprint, or whose fingerprint ends so.
fn named(
    gctx: &GlobalContext,
    mut keys: Vec<OwnKeyOf>,
    text: &str,
    by: &str,
) -> CargoResult<OwnKeyOf> {
    let digits: String = text.chars().filter(|&c| c != ' ').collect();
    let digits = digits.to_ascii_uppercase();
    if digits.len() < MIN_TAIL || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!(
            "`{}` is neither an identity, such as `github:octocat`, nor a fingerprint or the last \
             {MIN_TAIL} or more digits of one, {by}",
            text.escape_debug()
        );
    }
    let all = std::mem::take(&mut keys);
    for of in all {
        if of.key.fingerprint().to_string().ends_with(&digits) {
            keys.push(of);
        }
    }
    match keys.len() {
        1 => Ok(keys.swap_remove(0)),
        0 => bail!(
            "there is no key `{digits}`, {by}\n\n\
             help: `cargo key list` lists those that are in `{}`",
            super::folder(gctx).display()
        ),
        _ => bail!("there are several keys `{digits}`, {by}:{}", listed(&keys)?),
    }
}

/// An error where one key of an identity is in two files, of which one may say that it is retired and
/// the other not.
fn distinct(keys: Vec<OwnKeyOf>) -> CargoResult<Vec<OwnKeyOf>> {
    for (at, of) in keys.iter().enumerate() {
        let same = |other: &&OwnKeyOf| {
            other.identity == of.identity && other.key.public_key() == of.key.public_key()
        };
        if let Some(other) = keys[..at].iter().find(same) {
            bail!(
                "the key {} of `{}` is in two files\n\n\
                 help: leave one of {} and {}",
                of.key.fingerprint(),
                of.identity,
                other.place(),
                of.place()
            );
        }
    }
    Ok(keys)
}

fn tail(of: &OwnKeyOf) -> String {
    let fingerprint = of.key.fingerprint().to_string();
    fingerprint[fingerprint.len() - 16..].to_owned()
}

/// One line for each key, to go on from a colon.
fn listed(keys: &[OwnKeyOf]) -> CargoResult<String> {
    let line = |of: &OwnKeyOf| {
        let end = match of.life()? {
            Life::Signs(_) => "",
            Life::Expired(_) => " (expired)",
            Life::Retired(_) => " (retired)",
            Life::Revoked => " (revoked)",
            Life::Unfit => " (not for signing)",
        };
        let (identity, fingerprint) = (&of.identity, of.key.fingerprint());
        Ok(format!("\n  {identity} {fingerprint}{end}"))
    };
    keys.iter().map(line).collect()
}
