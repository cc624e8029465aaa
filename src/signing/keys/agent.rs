//! Keys in an agent, such as `ssh-agent`, and so those on a token that an agent speaks to: Ed25519 keys
//! whose secret half never comes here.
//!
//! Which one signs is said by `signing.key`, as `ssh-add -l` calls it (`SHA256:…`), and whose it is by
//! `signing.identity`: the key itself says neither. It is published as an SSH *signing* key, so only at a
//! provider that tells those from login keys.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, bail};
use consign_identity::Identity;
use consign_identity::ssh::{self, agent};
use consign_statement::{PublicKey, RegistryId};

use super::provider;
use crate::{CargoResult, GlobalContext};

/// How long an agent may take to list its keys.
const LISTS_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to sign: somebody may have to confirm it, or to touch a token.
const SIGNS_WITHIN: Duration = Duration::from_secs(120);

/// A key in the agent, and whose it is.
#[derive(Debug)]
pub struct AgentKeyOf {
    /// Whose it is.
    pub identity: Identity,
    /// The key.
    pub key: PublicKey,
}

impl AgentKeyOf {
    /// How messages call it.
    pub fn describe(&self, gctx: &GlobalContext) -> CargoResult<String> {
        let who = gctx.signing.policy(gctx)?.display(&self.identity);
        Ok(format!("{} of {who}", self.fingerprint()))
    }

    /// What `ssh-add -l` calls it by.
    pub fn fingerprint(&self) -> String {
        ssh::fingerprint(&self.key)
    }

    /// The line by which it is published.
    pub fn line(&self) -> String {
        ssh::line(&self.key)
    }
}

/// The key in the agent that is meant: the one of the fingerprint `named`, or else of `signing.key`, where
/// that is such a fingerprint. `None` where a stored key is meant.
pub fn in_agent(
    gctx: &GlobalContext,
    named: Option<&str>,
    registry: Option<&RegistryId>,
) -> CargoResult<Option<AgentKeyOf>> {
    let policy = gctx.signing.policy(gctx)?;
    let fingerprint = match named {
        Some(named) => Some(named),
        None => policy.key(registry)?.map(|(_, fingerprint)| fingerprint),
    };
    let Some(fingerprint) = fingerprint.filter(|text| ssh::is_fingerprint(text)) else {
        return Ok(None);
    };
    let Some(identity) = policy.identity(registry)? else {
        bail!(
            "the key `{}` in the agent does not say whose it is\n\n\
             help: say it with `signing.identity` in `{}`, as in `identity = \"github:octocat\"`",
            fingerprint.escape_debug(),
            gctx.diagnostic_home_config()
        );
    };
    if provider(gctx, &identity)?.ssh_page().is_none() {
        bail!(
            "`{identity}` cannot publish a key from an agent: its provider has no SSH keys that are \
             marked as signing keys\n\n\
             help: make a key with `cargo key new --sign-as {identity}`, and leave out `signing.key`"
        );
    }
    let keys = listed()?;
    match keys
        .iter()
        .find(|found| ssh::fingerprint(&found.key) == fingerprint)
    {
        Some(found) => Ok(Some(AgentKeyOf {
            identity,
            key: found.key,
        })),
        None => bail!(
            "there is no Ed25519 key `{}` in the agent{}\n\n\
             help: `ssh-add -l` lists its keys; add the one that is missing with `ssh-add FILE`",
            fingerprint.escape_debug(),
            list(&keys)
        ),
    }
}

/// One line for each key, to go on from a sentence.
fn list(keys: &[agent::AgentKey]) -> String {
    let line =
        |key: &agent::AgentKey| format!("\n  {} {}", ssh::fingerprint(&key.key), key.shown());
    match keys {
        [] => ", which has no such keys".to_owned(),
        keys => format!(", which has:{}", keys.iter().map(line).collect::<String>()),
    }
}

fn listed() -> CargoResult<Vec<agent::AgentKey>> {
    let listed =
        ask(&agent::request_list(), LISTS_WITHIN).and_then(|answer| Ok(agent::read_list(&answer)?));
    listed.context("failed to ask the agent for its keys")
}

/// The agent gave no signature; why, in words.
#[derive(Debug)]
pub struct NoSignature(String);

impl fmt::Display for NoSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSignature {}

/// A signature over `message` by `key`.
pub(super) fn sign(key: &PublicKey, message: &[u8]) -> Result<[u8; 64], NoSignature> {
    let answer = ask(&agent::request_signature(key, message), SIGNS_WITHIN);
    let signature = answer.and_then(|answer| Ok(agent::read_signature(&answer)?));
    signature.map_err(|error| NoSignature(format!("{error:#}")))
}

/// What the agent answers within some time, without its length.
#[cfg(unix)]
fn ask(request: &[u8], within: Duration) -> CargoResult<Vec<u8>> {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    const SOCKET: &str = "SSH_AUTH_SOCK";
    let Some(path) = std::env::var_os(SOCKET).filter(|path| !path.is_empty()) else {
        bail!(
            "no agent is running: the environment variable `{SOCKET}` is not set\n\n\
             help: start one with `eval $(ssh-agent)`, and add the key with `ssh-add FILE`"
        );
    };
    let context = || format!("failed to speak to the agent at `{}`", path.display());
    let speak = || {
        let mut agent = UnixStream::connect(&path)?;
        agent.set_read_timeout(Some(within))?;
        agent.set_write_timeout(Some(within))?;
        agent.write_all(request)?;
        let mut length = [0; 4];
        agent.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > agent::MAX_ANSWER {
            return Err(std::io::Error::other("its answer is too long"));
        }
        let mut answer = vec![0; length];
        agent.read_exact(&mut answer)?;
        Ok(answer)
    };
    let answer = speak().map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => anyhow::format_err!(
            "it did not answer within {} seconds\n\n\
             help: see whether it waits for somebody, or `ssh-add -l` hangs, too; then start another",
            within.as_secs()
        ),
        _ => error.into(),
    });
    answer.with_context(context)
}

#[cfg(not(unix))]
fn ask(_: &[u8], _: Duration) -> CargoResult<Vec<u8>> {
    bail!("keys in an agent sign on Unix only");
}
