//! Keys come to be here.

use std::fs::File;
use std::io::Read;

use anyhow::{Context as _, bail};
use cargo::signing::keys::{self, ByHand, OwnKeyOf};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, GlobalContext};
use zeroize::Zeroizing;

use super::identity;

/// More than a key file has, with every User ID and signature that people collect.
const MAX_FILE: u64 = 1 << 20;

/// `cargo key new`
pub(super) fn new(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let Some(identity) = identity(args)? else {
        unreachable!("clap asks for it");
    };
    keys::may_be_created(gctx, &identity)?;
    let passphrase = match args.flag("passphrase") {
        true => Some(keys::new_passphrase(gctx)?),
        false => None,
    };
    let of = keys::create(gctx, &identity, passphrase.as_ref())?;
    let key = of.describe(gctx)?;
    gctx.shell()
        .status("Created", format!("signing key {key}"))?;
    where_it_is(gctx, &of)
}

/// `cargo key import`
pub(super) fn import(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let file = args.get_one::<String>("FILE").map_or("-", String::as_str);
    let armored = match file {
        "-" => read(std::io::stdin().lock()).context("failed to read standard input")?,
        path => {
            let path = gctx.cwd().join(path);
            let context = || format!("failed to read `{}`", path.display());
            let file = File::open(&path).with_context(context)?;
            read(file).with_context(context)?
        }
    };
    let imported = keys::import(gctx, &armored, identity(args)?.as_ref());
    let of = imported.with_context(|| match file {
        "-" => "failed to import the key from standard input".to_owned(),
        path => format!("failed to import the key in `{path}`"),
    })?;
    let key = of.describe(gctx)?;
    gctx.shell()
        .status("Imported", format!("signing key {key}"))?;
    where_it_is(gctx, &of)
}

fn read(from: impl Read) -> CargoResult<Zeroizing<Vec<u8>>> {
    let mut armored = Zeroizing::new(Vec::with_capacity(64 << 10));
    from.take(MAX_FILE + 1).read_to_end(&mut armored)?;
    if armored.len() as u64 > MAX_FILE {
        bail!("it has more than {MAX_FILE} bytes");
    }
    Ok(armored)
}

/// Where the secret half lies, and what is left to do with the other.
fn where_it_is(gctx: &GlobalContext, of: &OwnKeyOf) -> CargoResult<()> {
    let identity = &of.identity;
    let by_hand = keys::by_hand(gctx, identity)?;
    let path = of.path.as_deref().context("the key is in no file")?;
    let name = of.name(gctx)?;
    let publish = match &by_hand {
        ByHand::Page { add, .. } => format!(
            "publish the other half with `cargo key publish {name}`, or at {add}: `cargo key show {name}` prints it"
        ),
        _ => format!(
            "{}: `{}` prints it",
            by_hand.publish("the other half", keys::is_only_one(gctx, identity)?),
            printing(&name, &by_hand)
        ),
    };
    gctx.shell().note(format!(
        "the secret half is in `{}`\n{publish}",
        path.display()
    ))
}

/// The command that prints the public half of a key, called `name`, as it has to be published by hand.
pub(super) fn printing(name: &str, by_hand: &ByHand) -> String {
    match by_hand {
        ByHand::Address { binary: true, .. } => {
            format!("cargo key show {name} | gpg --dearmor")
        }
        _ => format!("cargo key show {name}"),
    }
}
