//! By what right a key is published: a token from the environment, from the provider's own tool, or
//! from its user, by the device flow. It is kept nowhere.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use consign_identity::forge::{DeviceFlow, Forge, Poll, Purpose};
use consign_identity::provider::{Provider, Tool};
use consign_identity::transport::Token;
use zeroize::Zeroizing;

use super::{environment, passphrase};
use crate::{CargoResult, GlobalContext};

/// The most bytes of a tool's output that are read.
const MAX_PRINTED: u64 = 16 << 10;

/// A token, and for messages where it came from: "the token in `GH_TOKEN`".
pub(super) struct Right {
    pub(super) token: Token,
    pub(super) from: String,
}

/// A token for `purpose`, where there is a way to get one.
pub(super) fn find(
    gctx: &GlobalContext,
    provider: &Provider,
    forge: Forge<'_>,
    purpose: Purpose,
) -> CargoResult<Option<Right>> {
    let variable = |name: &str| gctx.get_env(name).ok().map(str::to_owned);
    if let Some((name, token)) = provider.token_in_environment(variable) {
        let token = token.with_context(|| format!("failed to read the token in `{name}`"))?;
        let from = format!("the token in `{name}`");
        return Ok(Some(Right { token, from }));
    }
    if let Some(tool) = provider.tool()
        && let Some(token) = printed(gctx, &tool)
    {
        let from = format!("the token of `{}`", tool.program);
        return Ok(Some(Right { token, from }));
    }
    match gctx.signing.policy(gctx)?.client_id(provider.name()) {
        Some(client) if passphrase::is_terminal() => {
            let token = by_device_flow(gctx, forge, client, purpose)?;
            let from = "the token that was just given".to_owned();
            Ok(Some(Right { token, from }))
        }
        _ => Ok(None),
    }
}

/// The token that a tool prints. A tool that is not there, or has none, is no error.
fn printed(gctx: &GlobalContext, tool: &Tool) -> Option<Token> {
    let mut child = Command::new(tool.program)
        .args(&tool.arguments)
        // Not in a project, whose files are not the user's own.
        .current_dir(gctx.home().as_path_unlocked())
        .env_remove(environment::SECRET_KEY)
        .env_remove(environment::SECRET_KEY_PASSPHRASE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_PRINTED as usize));
    let read = child
        .stdout
        .take()?
        .take(MAX_PRINTED)
        .read_to_end(&mut text);
    let status = child.wait().ok()?;
    read.ok().filter(|_| status.success())?;
    Token::new(std::str::from_utf8(&text).ok()?).ok()
}

fn by_device_flow(
    gctx: &GlobalContext,
    forge: Forge<'_>,
    client: &str,
    purpose: Purpose,
) -> CargoResult<Token> {
    let mut flow = DeviceFlow::begin(forge, client, purpose)?;
    gctx.shell().note(format!(
        "enter the code {} at {}",
        flow.user_code(),
        flow.verification_uri()
    ))?;
    gctx.shell()
        .status("Waiting", "for the code to be entered")?;
    let end = Instant::now() + Duration::from_secs(flow.expires_in());
    let mut wait = flow.interval();
    while Instant::now() < end {
        sleep(Duration::from_secs(wait));
        match flow.poll()? {
            Poll::Token(token) => return Ok(token),
            Poll::Pending { wait: next } | Poll::SlowDown { wait: next } => wait = next,
            Poll::FewerScopes { needs } => {
                bail!("less was allowed than is needed, which is the scope `{needs}`")
            }
            Poll::Denied => bail!("it was denied at the provider"),
            Poll::Expired => break,
        }
    }
    bail!("the code was not entered in time")
}
