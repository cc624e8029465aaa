//! Keys are listed and printed.

use std::io::IsTerminal as _;

use anyhow::bail;
use cargo::drop_print;
use cargo::drop_println;
use cargo::signing::keys::{self, Life, OwnKeyOf, Which};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, GlobalContext};

use super::named;

/// `cargo key list`
pub(super) fn list(gctx: &GlobalContext) -> CargoResult<()> {
    let mut unreadable = Ok(());
    let mut rows = Vec::new();
    // An error in what is configured is none of the keys'.
    gctx.signing.prepare(gctx)?;
    // Where it is not clear which one signs, none is shown as signing.
    let in_agent = keys::in_agent(gctx, None, None).ok().flatten();
    let signing = match in_agent {
        Some(_) => None,
        None => keys::signing(gctx, None).ok().flatten(),
    };
    let signs = |of: &OwnKeyOf| {
        signing.as_ref().is_some_and(|signing| {
            signing.identity == of.identity && signing.key.public_key() == of.key.public_key()
        })
    };
    for file in keys::files(gctx)? {
        match file.read() {
            Ok(of) => rows.push(row(&of, signs(&of))?),
            // The others are listed all the same.
            Err(error) => unreadable = unreadable.and(Err(error)),
        }
    }
    if let Some(of) = signing.as_ref().filter(|of| of.path.is_none()) {
        rows.push(row(of, true)?);
    }
    if let Some(of) = &in_agent {
        rows.push([
            of.identity.to_string(),
            of.fingerprint(),
            of.key.to_string(),
            "signs, in the agent".to_owned(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row: &[String; 4]| row[column].len()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    for [identity, fingerprint, public, state] in &rows {
        let [a, b, c] = widths;
        let line = format!("{identity:a$}  {fingerprint:b$}  {public:c$}  {state}");
        drop_println!(gctx, "{}", line.trim_end());
    }
    unreadable
}

/// One key: whose, by its two names, and what is to be known of it.
fn row(of: &OwnKeyOf, signs: bool) -> CargoResult<[String; 4]> {
    let mut state = Vec::new();
    match of.life()? {
        Life::Signs(None) => {}
        Life::Signs(Some(end)) => state.push(format!("expires {}", date(end))),
        Life::Expired(end) => state.push(format!("expired {}", date(end))),
        Life::Retired(since) => state.push(format!("retired {}", date(since))),
        Life::Revoked => state.push("revoked".to_owned()),
        Life::Unfit => state.push("not for signing".to_owned()),
    }
    if of.is_unfinished() {
        state.push("to be published".to_owned());
    }
    if of.key.is_locked() {
        state.push("passphrase".to_owned());
    }
    if of.path.is_none() {
        state.push("in the environment".to_owned());
    }
    if signs {
        state.insert(0, "signs".to_owned());
    }
    let (fingerprint, public) = (of.key.fingerprint(), of.key.public_key());
    Ok([
        of.identity.to_string(),
        fingerprint.to_string(),
        public.to_string(),
        state.join(", "),
    ])
}

/// The day of a time in Unix seconds, by UTC.
fn date(time: u64) -> String {
    let time = i64::try_from(time).ok();
    let day = time.and_then(|time| time::OffsetDateTime::from_unix_timestamp(time).ok());
    day.map_or_else(|| "never".to_owned(), |day| day.date().to_string())
}

/// `cargo key show`
pub(super) fn show(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    if let Some(of) = keys::in_agent(gctx, named(args), None)? {
        drop_println!(gctx, "{}", of.line());
        return Ok(());
    }
    let of = keys::choose(gctx, named(args), Which::ThatSign)?;
    drop_print!(gctx, "{}", of.key.public_armored());
    of.is_in_hand()?;
    Ok(())
}

/// `cargo key export`
pub(super) fn export(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let of = keys::choose(gctx, named(args), Which::ThatSign)?;
    if std::io::stdout().is_terminal() && !args.flag("force") {
        bail!(
            "the secret half of a key is not printed to a terminal\n\n\
             help: send it where it belongs, as in `cargo key export {} | gpg --import`, or add `--force`",
            of.name(gctx)?
        );
    }
    let protection = match of.key.is_locked() {
        true => "it is under its passphrase",
        false => "whoever has what was printed can sign with it",
    };
    let key = of.describe(gctx)?;
    gctx.shell()
        .status("Exporting", format!("signing key {key}"))?;
    gctx.shell().note(protection)?;
    drop_print!(gctx, "{}", of.key.to_armored().as_str());
    Ok(())
}
