//! Keys are published, and end.

use anyhow::bail;
use cargo::signing::keys::{self, AgentKeyOf, ByHand, End, How, Life, Outcome, OwnKeyOf, Which};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, GlobalContext};
use url::Url;

use super::super::confirm;
use super::make::printing;
use super::named;

/// `cargo key publish`
pub(super) fn publish(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    if let Some(of) = keys::in_agent(gctx, named(args), None)? {
        return published_from_agent(gctx, &of);
    }
    let of = keys::choose(gctx, named(args), Which::ThatSign)?;
    if of.life()? == Life::Revoked {
        bail!(
            "the key {} is revoked: what would be published is that nobody may trust it\n\n\
             help: `cargo key revoke` deletes it at its provider; `cargo key show` prints it, to be \
             published by hand where it cannot be deleted",
            of.key.fingerprint()
        );
    }
    published(gctx, &of)
}

/// Publishes a key, and says what came of it.
pub(in super::super) fn published(gctx: &GlobalContext, of: &OwnKeyOf) -> CargoResult<()> {
    match keys::publish(gctx, of)? {
        Outcome::Published { how, page } => say_published(gctx, &of.describe(gctx)?, how, &page),
        Outcome::ByHand(by_hand) => by_hands(gctx, of, &by_hand),
        Outcome::Deleted | Outcome::NotThere => Ok(()),
    }
}

/// Publishes a key in the agent, and says what came of it.
fn published_from_agent(gctx: &GlobalContext, of: &AgentKeyOf) -> CargoResult<()> {
    match keys::publish_in_agent(gctx, of)? {
        Outcome::Published { how, page } => say_published(gctx, &of.describe(gctx)?, how, &page),
        Outcome::ByHand(by_hand) => {
            cargo::drop_println!(gctx, "{}", of.line());
            gctx.shell().note(format!(
                "there is no token to publish the key with\npublish it {by_hand}, as a signing key"
            ))
        }
        Outcome::Deleted | Outcome::NotThere => Ok(()),
    }
}

fn say_published(gctx: &GlobalContext, key: &str, how: How, page: &Url) -> CargoResult<()> {
    let status = match how {
        How::Added => "Published",
        How::AlreadyThere => "Unchanged",
        How::Replaced => "Replaced",
    };
    let more = match how {
        How::AlreadyThere => ": it is published already",
        How::Added | How::Replaced => "",
    };
    gctx.shell()
        .status(status, format!("signing key {key}{more}"))?;
    gctx.shell()
        .note(format!("it can be seen, and deleted, at {page}"))
}

/// Prints a key that the user has to publish by hand, and says where.
fn by_hands(gctx: &GlobalContext, of: &OwnKeyOf, by_hand: &ByHand) -> CargoResult<()> {
    match by_hand {
        ByHand::Page { .. } => {
            cargo::drop_print!(gctx, "{}", of.key.public_armored());
            of.is_in_hand()?;
            gctx.shell().note(format!(
                "there is no token to publish the key with\npublish it {by_hand}"
            ))
        }
        ByHand::Address { .. } | ByHand::File(_) => {
            let command = printing(&of.name(gctx)?, by_hand);
            let what = by_hand.publish("it", keys::is_only_one(gctx, &of.identity)?);
            gctx.shell().note(format!(
                "the key is not published by this command\n{what}: `{command}` prints it"
            ))
        }
    }
}

/// `cargo key retire`
pub(super) fn retire(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    if let Some(of) = keys::in_agent(gctx, named(args), None)? {
        bail!(
            "the key {} is an SSH key, which cannot say that it is retired\n\n\
             help: leave it published, so that what it signed stays good, and sign with another key; \
             `cargo key revoke` withdraws it",
            of.describe(gctx)?
        );
    }
    let of = keys::choose(gctx, named(args), Which::ThatSign)?;
    if of.life()? == Life::Revoked {
        bail!("the key {} is revoked already", of.key.fingerprint());
    }
    let of = ended(gctx, args, of, End::Retired)?;
    published(gctx, &of)?;
    gctx.shell().note(format!(
        "nothing more is signed with it; what it signed stays good where `Cargo.lock` names it, and \
         elsewhere as soon as the package has a later version that is signed with another key\n\
         a new key is made with `cargo key new --sign-as {}`",
        of.identity
    ))
}

/// `cargo key revoke`
pub(super) fn revoke(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let (identity, key, name, outcome) = match keys::in_agent(gctx, named(args), None)? {
        Some(of) => {
            let key = of.describe(gctx)?;
            if !args.flag("yes") {
                asked(gctx, &question("revoke", &key, REVOKED), "revoke")?;
            }
            let outcome = keys::withdraw_in_agent(gctx, &of)?;
            let name = of.fingerprint();
            (of.identity, key, name, outcome)
        }
        None => {
            let of = keys::choose(gctx, named(args), Which::NotRevoked)?;
            let compromised = args.flag("compromised");
            let of = ended(gctx, args, of, End::Revoked { compromised })?;
            let outcome = keys::withdraw(gctx, &of)?;
            let (key, name) = (of.describe(gctx)?, of.name(gctx)?);
            (of.identity, key, name, outcome)
        }
    };
    match outcome {
        Outcome::Deleted => {
            gctx.shell()
                .status("Deleted", format!("signing key {key}, at its provider"))?;
        }
        Outcome::NotThere => {
            gctx.shell()
                .status("Unchanged", format!("signing key {key}: it is not published"))?;
        }
        Outcome::ByHand(ByHand::Page { list, .. }) => gctx.shell().warn(format!(
            "there is no token to delete the key with, and until it is deleted what it signed is accepted\n\
             help: delete it at {list}"
        ))?,
        Outcome::ByHand(by_hand) => gctx.shell().warn(format!(
            "until the key is replaced or deleted where it is published, what it signed is accepted\n\
             help: {}: `{}` prints it, now revoked",
            by_hand.replace(keys::is_only_one(gctx, &identity)?),
            printing(&name, &by_hand)
        ))?,
        Outcome::Published { .. } => {}
    }
    gctx.shell().note(format!(
        "a build that sees that it is gone refuses everything that it signed: publish that again with another key\n\
         builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`\n\
         a new key is made with `cargo key new --sign-as {identity}`"
    ))
}

/// What to revoke a key does.
const REVOKED: &str = "nothing that it signed is accepted any more";

fn question(verb: &str, key: &str, effect: &str) -> String {
    format!("{verb} the signing key {key}? {effect}, and it cannot be undone")
}

/// Ends a key, after asking. One that has ended so already stays as it is.
fn ended(gctx: &GlobalContext, args: &ArgMatches, of: OwnKeyOf, how: End) -> CargoResult<OwnKeyOf> {
    let key = of.describe(gctx)?;
    let (verb, status, effect) = match how {
        End::Retired => (
            "retire",
            "Retired",
            "nothing can be signed with it any more",
        ),
        End::Revoked { .. } => ("revoke", "Revoked", REVOKED),
    };
    if how.is_reached(of.life()?) {
        gctx.shell().status(
            "Unchanged",
            format!("signing key {key}: it is {}", status.to_lowercase()),
        )?;
        return Ok(of);
    }
    if !args.flag("yes") {
        asked(gctx, &question(verb, &key, effect), verb)?;
    }
    let of = keys::end(gctx, of, how)?;
    gctx.shell().status(status, format!("signing key {key}"))?;
    Ok(of)
}

fn asked(gctx: &GlobalContext, question: &str, verb: &str) -> CargoResult<()> {
    let (doing, declined) = (
        format!("{verb} the key"),
        format!("the key was not {verb}d"),
    );
    confirm(gctx, question, &doing, &declined)
}
