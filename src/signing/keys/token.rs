//! By what right a key is published: a token from the environment, from the provider's own tool, or
//! from its user, by the device flow. It is kept nowhere.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, sleep};
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
/// How long a tool may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

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
        && let Some(token) = printed(gctx, &tool)?
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

/// The token that a tool prints. A tool that is not there, or has none, is no error; one that does not come
/// to an end is.
fn printed(gctx: &GlobalContext, tool: &Tool) -> CargoResult<Option<Token>> {
    let child = Command::new(tool.program)
        .args(&tool.arguments)
        // Not in a project, whose files are not the user's own.
        .current_dir(gctx.home().as_path_unlocked())
        .env_remove(environment::SECRET_KEY)
        .env_remove(environment::SECRET_KEY_PASSPHRASE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return Ok(None);
    };
    let Some(stdout) = child.stdout.take() else {
        return Ok(None);
    };
    // Another thread reads: what a tool started may keep its output open, and nothing ends that.
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_PRINTED as usize));
        let read = stdout.take(MAX_PRINTED).read_to_end(&mut text);
        // Nobody waits any more where the time is over.
        let _ = sender.send(read.map(|_| text));
    });
    let Ok(read) = printed.recv_timeout(ANSWERS_WITHIN) else {
        let _ = child.kill();
        let _ = child.wait();
        let command = [&[tool.program.to_owned()], &tool.arguments[..]].concat();
        bail!(
            "`{}` did not end within {} seconds\n\n\
             help: see what it waits for, or put a token into the environment",
            command.join(" "),
            ANSWERS_WITHIN.as_secs()
        );
    };
    let status = child.wait();
    let text = read.ok().filter(|_| status.is_ok_and(|s| s.success()));
    let token = text.and_then(|text| Token::new(std::str::from_utf8(&text).ok()?).ok());
    Ok(token)
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
