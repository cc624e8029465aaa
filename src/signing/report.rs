//! What the user is told. Every message about a finding is worded here, and nowhere else.
//!
//! A message says which package, what was found, and what to do, in this order.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use consign_identity::Identity;
use consign_identity::account::OtherAccount;
use consign_policy::foresight::Before;
use consign_policy::{
    Effective, Finding, Level, Lost, New, Newcomer, Unanswered, Withdrawn, Wrong,
};
use consign_signers::Signer;
use consign_statement::Locator;
use consign_statement::tree::TreeError;

use super::signers::SIGNERS_FILE;
use crate::core::SourceId;
use crate::sources::CRATES_IO_REGISTRY;

/// The rule by which a package is judged, in words.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) unsigned: Effective,
    pub(super) new_signer: Effective,
    pub(super) new_key: Effective,
    /// Where the settings for this registry stand: `signing`, or `signing.registries.NAME`.
    pub(super) setting: String,
    /// The file that they belong in.
    pub(super) file: String,
    /// Whether the packages come from a vendored folder.
    pub(super) vendored: bool,
    /// The package.
    pub(super) name: String,
    pub(super) version: semver::Version,
    /// The command that accepts something, up to the name of the package.
    pub(super) allow: String,
    /// The signers file that says who signs the package, if any does.
    pub(super) said_by: Option<String>,
}

/// What is wrong with a release, as the rest of a sentence that begins with its name.
///
/// Who signed is named the way messages name people only where that is verified, which nothing here
/// is: the identity is quoted as the claim that it is.
pub(super) fn reason(finding: &Finding) -> String {
    match finding {
        Finding::Unsigned { version, .. } => not_signed(*version),
        Finding::LostSignature(Lost {
            version,
            since,
            expected,
        }) => format!(
            "{}, and {} signs this package{}",
            not_signed(*version),
            people(expected),
            since_when(since.as_ref())
        ),
        Finding::EndedKey { .. } => match finding.published() {
            Some(published) => format!(
                "is signed as `{}` with a key that is no longer in use, and could be new: it is not in \
                 `Cargo.lock`, and no version from it on is signed with a key in use ({})",
                published.signer(),
                published.signature().locator().key()
            ),
            None => "is signed with a key that is no longer in use, and could be new".to_owned(),
        },
        Finding::UnknownSigner(newcomer) => newcomer_is(newcomer),
        Finding::WrongSigner(Wrong::Registry { signed_for, in_use }) => {
            format!("is signed for another registry: for `{signed_for}`, not for `{in_use}`")
        }
        Finding::WrongSigner(Wrong::Signer {
            signer,
            expected,
            since,
        }) => {
            format!(
                "is signed as `{signer}`, and {} signs this package{}",
                people(expected),
                since_when(since.first())
            )
        }
        Finding::WrongSigner(Wrong::Account { signer, key, other }) => {
            format!("is signed as `{signer}` with a key that does not count: {other} ({key})")
        }
        Finding::WithdrawnKey { signer, key, how } => match how {
            Withdrawn::NotPublished => {
                format!(
                    "is signed as `{signer}` with a key that this account does not publish: {key}"
                )
            }
            Withdrawn::NoSuchAccount => {
                format!("is signed as `{signer}`, and there is no such account")
            }
            Withdrawn::Fault(fault) => {
                format!("is signed as `{signer}` with a key that does not count: {fault} ({key})")
            }
            _ => format!("is signed as `{signer}` with a key that does not count: {key}"),
        },
        Finding::Unchecked { signer, why, .. } => {
            format!("is signed as `{signer}`, and its key could not be checked: {why}")
        }
        Finding::Tampered(how) => format!("was tampered with: {how}"),
        _ => "cannot be accepted".to_owned(),
    }
}

fn not_signed(version: Option<u64>) -> String {
    match version {
        None => "is not signed".to_owned(),
        Some(v) => format!(
            "counts as not signed (its signature is in version {v} of the format; \
             this Consign reads version 1)"
        ),
    }
}

fn newcomer_is(
    Newcomer {
        signer, key, new, ..
    }: &Newcomer,
) -> String {
    match new {
        New::Signer => {
            format!("is signed as `{signer}`, who was not seen to sign this package before")
        }
        New::Key => format!("is signed as `{signer}` with a key that was not seen before: {key}"),
        New::Account => format!(
            "is signed as `{signer}` with a key that was not seen before, and nothing tells whether the \
             name is still the same account's: {key}"
        ),
    }
}

fn since_when(first: Option<&semver::Version>) -> String {
    first
        .map(|first| format!(" since {first}"))
        .unwrap_or_default()
}

/// Several signers in words.
fn people(signers: &[Signer]) -> String {
    let names: Vec<_> = signers.iter().map(|signer| format!("`{signer}`")).collect();
    names.join(" or ")
}

/// What to do about it.
pub(super) fn help(finding: &Finding, rule: &Rule) -> String {
    let Rule {
        name,
        version,
        allow,
        ..
    } = rule;
    match finding {
        // Whoever accepts it unsigned gives up what it is signed with.
        Finding::Unsigned {
            version: Some(_), ..
        }
        | Finding::LostSignature(Lost {
            version: Some(_), ..
        }) => "update Consign: a newer one may read that signature; until then, choose another version"
            .to_owned(),
        Finding::Unsigned { .. } => help_unsigned(rule),
        Finding::LostSignature(_) if rule.vendored => format!(
            "if it is signed where it comes from, vendor it again with `cargo vendor`; otherwise ask its \
             authors why. If they meant to publish this version unsigned, accept it with `{allow} \
             {name}@={version} --unsigned --reason WHY`"
        ),
        Finding::LostSignature(_) => format!(
            "somebody may have taken over `{name}` at the registry: ask its authors. If they meant to \
             publish this version unsigned, accept it with `{allow} {name}@={version} --unsigned \
             --reason WHY`"
        ),
        Finding::UnknownSigner(newcomer) => {
            let Newcomer {
                new, signer, key, ..
            } = newcomer.as_ref();
            let (set, find_out, key) = match new {
                New::Signer => (
                    &rule.new_signer,
                    format!(
                        "find out, not by way of the registry, whether `{signer}` is one of the authors of \
                         `{name}`"
                    ),
                    // Otherwise it would be refused next.
                    match rule.new_key.level {
                        Level::Deny => format!(" --key {key}"),
                        Level::Allow | Level::Warn => String::new(),
                    },
                ),
                New::Account | New::Key => (
                    match new {
                        New::Key => &rule.new_key,
                        _ => &rule.new_signer,
                    },
                    format!("ask the authors of `{name}` whether this key is theirs"),
                    format!(" --key {key}"),
                ),
            };
            match set.origin.as_deref() {
                Some(flag @ ("`--locked`" | "`--frozen`")) => format!(
                    "run the command where you work, without {flag}; review what it adds to {}, and commit \
                     that",
                    said_by(rule)
                ),
                _ => format!(
                    "{find_out}. If so, accept it with `{allow} {name} {signer}{key} --reason WHY`"
                ),
            }
        }
        Finding::WrongSigner(Wrong::Registry { signed_for, .. }) => format!(
            "a signature is good in one registry only. If this is meant to be a mirror of \
             `{signed_for}`, configure it as a replacement of that source; if not, somebody has copied the \
             package here: do not use it"
        ),
        Finding::EndedKey { .. } => {
            let owner = match finding.published() {
                Some(published) => format!("owns `{}`", published.signer()),
                None => "signed it".to_owned(),
            };
            format!(
                "choose another version, or ask whoever {owner} to publish a newer one with another key"
            )
        }
        Finding::WrongSigner(Wrong::Signer { signer, .. }) => format!(
            "ask the authors of `{name}`, not by way of the registry, whether `{signer}` is one of them. \
             If so, accept it with `{allow} {name} {signer} --reason WHY`"
        ),
        // Nobody can allow what an entry claims itself.
        Finding::WrongSigner(Wrong::Account {
            other: OtherAccount::Claimed { .. },
            ..
        }) => "choose another version; the name may have been given up, and taken by somebody else"
            .to_owned(),
        Finding::WrongSigner(Wrong::Account { signer, .. }) => format!(
            "somebody else may have the name now: ask the authors of `{name}`. If it is theirs, accept it \
             with `{allow} {name} {signer} --reason WHY`"
        ),
        Finding::WithdrawnKey { signer, key, how } => {
            let ask = match how {
                Withdrawn::NoSuchAccount => format!(
                    "the account may have been renamed or deleted: choose another version, or ask the \
                     authors of `{name}` whether this one is theirs. If so, keep it"
                ),
                Withdrawn::NotPublished => format!(
                    "choose another version, or ask whoever owns `{signer}` whether they signed this one. If \
                     so, they can publish the key, or you keep this version"
                ),
                _ => format!(
                    "choose another version, or ask whoever owns `{signer}` whether they signed this one. If \
                     so, keep it"
                ),
            };
            format!("{ask} with `{allow} {name}@{version} --key {key} --reason WHY`")
        }
        Finding::Unchecked { why, .. } => match why {
            Unanswered::Offline => {
                "run the command once with the network, so that the key can be asked for".to_owned()
            }
            Unanswered::NoProvider(name) => {
                format!(
                    "say where its keys are, with `signing.identities.{name}.keys`, or which forge it \
                     is, with `.kind` and `.host`"
                )
            }
            _ => "see whether the address is right and can be reached, and try again".to_owned(),
        },
        _ => "do not build it: what the registry, a mirror or a cache serves is not what was \
              published. Tell the registry and the package's authors"
            .to_owned(),
    }
}

/// What to do about a package that is not signed.
fn help_unsigned(rule: &Rule) -> String {
    const FLAG: &str = "`--require-signatures`";
    let file = format!("`{}`", rule.file);
    let Rule {
        name,
        version,
        allow,
        ..
    } = rule;
    let lift = match required_by(rule) {
        Some(FLAG) => format!("leave out {FLAG}"),
        Some(place) if place != file => format!("change the rule in {place}"),
        _ => format!(
            "accept it unsigned with `{}.unsigned = \"allow\"` in {file}",
            rule.setting
        ),
    };
    let one = format!("accept it with `{allow} {name}@={version} --unsigned --reason WHY`");
    if rule.vendored {
        return format!(
            "if it is signed where it comes from, vendor it again with `cargo vendor`; otherwise ask \
             its authors to sign, {one}, or {lift}"
        );
    }
    format!("choose a version that is signed, ask its authors to sign, {one}, or {lift}")
}

/// The reason for which a version is no candidate, with the rule that makes it one.
pub(super) fn not_admitted(finding: &Finding, rule: &Rule) -> String {
    format!("{}{}", reason(finding), required(finding, rule, ", and "))
}

/// The warning for versions that a command which names a package does not look at.
pub(super) fn left_out(name: impl Display, finding: &Finding, rule: &Rule) -> String {
    match finding {
        Finding::Unsigned { .. } => format!(
            "versions of `{name}` that are not signed are left out{}",
            required(finding, rule, ": ")
        ),
        _ => format!(
            "version {} of `{name}` is left out: it {}{}\nhelp: {}",
            rule.version,
            reason(finding),
            required(finding, rule, ", and "),
            help(finding, rule)
        ),
    }
}

/// The place that requires signatures, where one does.
fn required_by(rule: &Rule) -> Option<&str> {
    let origin = rule.unsigned.origin.as_deref();
    origin.filter(|_| rule.unsigned.level == Level::Deny)
}

/// Which rule makes `finding` one that is refused, where it is one that can be set.
fn required(finding: &Finding, rule: &Rule, before: &str) -> String {
    let what = match finding {
        Finding::Unsigned { .. }
        | Finding::Unchecked {
            is_expected: false, ..
        } => required_by(rule).map(|place| format!("signatures are required by {place}")),
        Finding::Unchecked {
            is_expected: true, ..
        } => Some(format!(
            "who signs this package is known, from {}",
            said_by(rule)
        )),
        Finding::UnknownSigner(newcomer) => {
            let (set, what) = match newcomer.new {
                New::Signer | New::Account => (&rule.new_signer, "new signers"),
                New::Key => (&rule.new_key, "new keys"),
            };
            let origin = set.origin.as_deref().filter(|_| set.level == Level::Deny);
            origin.map(|place| format!("{what} are refused by {place}"))
        }
        Finding::LostSignature(_) | Finding::WrongSigner(Wrong::Signer { .. }) => {
            return format!(" (known from {})", said_by(rule));
        }
        _ => None,
    };
    what.map(|what| format!("{before}{what}"))
        .unwrap_or_default()
}

/// Where it is said who signs the package.
fn said_by(rule: &Rule) -> String {
    match &rule.said_by {
        Some(file) if file.ends_with(SIGNERS_FILE) => format!("`{file}`"),
        Some(_) => "what was seen here before".to_owned(),
        None => format!("`{SIGNERS_FILE}`"),
    }
}

/// The name by which a registry is configured, if it is known.
pub(super) fn registry_name(source: &SourceId) -> Option<&str> {
    match source.is_crates_io() {
        true => Some(CRATES_IO_REGISTRY),
        false => source.alt_registry_key(),
    }
}

/// The error for a release that is refused.
pub(super) fn refused(package: impl Display, finding: &Finding, rule: &Rule) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: it {}{}\n\nhelp: {}",
        reason(finding),
        required(finding, rule, "\n"),
        help(finding, rule)
    )
}

/// The warning for a signer, or a key, that is accepted for the first time.
pub(super) fn newcomer(package: impl Display, newcomer: &Newcomer) -> String {
    format!("`{package}` {}", newcomer_is(newcomer))
}

/// What those would see who use a package of which a version is about to be published, as `now`, and who know
/// the one `before`; `argument` is the package as a command would name it.
pub(super) fn signer_would_change(
    package: &str,
    name: &str,
    argument: &str,
    before: &Before,
    now: Option<&Identity>,
) -> String {
    let Before {
        version: before,
        signer: was,
    } = before;
    let (see, help) = match now {
        None => (
            "this version would not be signed".to_owned(),
            format!("publish with a key of `{was}`; `cargo key list` shows those that are here"),
        ),
        Some(now) => (
            format!("this version would be as `{now}`"),
            format!(
                "publish as `{was}`, with `signing.identity`; or first tell them to run `cargo signers allow \
                 {argument} {now}`"
            ),
        ),
    };
    format!(
        "whoever uses `{name}` would refuse `{package}`: v{before} is signed as `{was}`, and {see}\n\n\
         help: {help}. `--allow-signer-change` publishes it all the same"
    )
}

/// The warning for git dependencies.
pub(super) fn accepted_git(packages: &[String]) -> String {
    match packages.len() {
        1 => format!(
            "1 package comes from git, where nobody signs: {}",
            some(packages)
        ),
        n => format!(
            "{n} packages come from git, where nobody signs: {}",
            some(packages)
        ),
    }
}

/// The error for git dependencies.
pub(super) fn refused_git(packages: &[String], origin: &str, file: &str) -> anyhow::Error {
    anyhow::format_err!(
        "refusing what comes from git, where nobody signs: {}\n\
         git dependencies are refused by {origin}\n\n\
         help: {}",
        some(packages),
        help_git(origin, file)
    )
}

/// What is wrong with a git dependency, as the rest of a sentence that begins with its name.
pub(super) fn reason_git(origin: &str) -> String {
    format!("comes from git, where nobody signs, and git dependencies are refused by {origin}")
}

/// What to do about a git dependency.
pub(super) fn help_git(origin: &str, file: &str) -> String {
    let lift = match origin == format!("`{file}`") {
        true => format!("allow them with `signing.git = \"allow\"` in {origin}"),
        false => format!("change the rule in {origin}"),
    };
    format!("depend on a release from a registry, or {lift}")
}

/// The error for bytes that are not those which were signed.
pub(super) fn other_bytes(
    package: impl Display,
    signer: &Locator,
    wanted: impl Display,
    found: impl Display,
    file: &Path,
) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: its archive is not the one that {} signed\n\
         signed: {wanted}\n\
         found:  {found}\n\n\
         help: {}",
        quoted(signer),
        help_archive(file)
    )
}

/// The error for an archive without a signature that is not the one that the index names.
pub(super) fn not_named(
    package: impl Display,
    wanted: impl Display,
    found: impl Display,
    file: &Path,
) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: its archive is not the one that the index names\n\
         named: {wanted}\n\
         found: {found}\n\n\
         help: {}",
        help_archive(file)
    )
}

/// The error for an archive that was signed, and that nobody should have signed.
pub(super) fn unfit_archive(
    package: impl Display,
    signer: &Locator,
    error: TreeError,
) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: {} signed an archive that may not be unpacked: {:#}\n\n\
         help: do not build it: tell the package's authors",
        quoted(signer),
        anyhow::Error::new(error)
    )
}

/// The error for an archive that carries a signature over other files.
pub(super) fn other_tree(package: impl Display, signer: &Locator) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: the files in its archive are not those that {} signed\n\n\
         help: do not build it: tell the registry and the package's authors",
        quoted(signer)
    )
}

/// The identity that a locator claims.
fn quoted(locator: &Locator) -> String {
    format!("`{}:{}`", locator.provider(), locator.user())
}

/// The error for unpacked files that are not those which were signed, and cannot be put right.
pub(super) fn other_files(package: impl Display, files: &[String], root: &Path) -> String {
    format!(
        "refusing `{package}`: its files in `{}` are not those that were signed ({})\n\n\
         help: do not build it: tell the registry and the package's authors",
        root.display(),
        some(files)
    )
}

/// What is wrong with unpacked or vendored files that are not those which were signed.
pub(super) fn files_differ(changed: &[String], folder: &Path) -> String {
    let changed = match changed {
        [] => String::new(),
        changed => format!(" ({})", some(changed)),
    };
    format!(
        "its files in `{}` are not those that were signed{changed}",
        folder.display()
    )
}

/// What to do about files in the cache that are not those which were signed.
pub(super) fn help_files(unpacked: &Path) -> String {
    format!(
        "remove `{}`, so that it is unpacked again, which a build does by itself, with a warning; if they change \
         again, find out what changes them",
        unpacked.display()
    )
}

/// What to do about files in a vendored folder that are not those which were signed.
pub(super) fn help_vendored() -> String {
    "put it right with `cargo vendor`; to build it changed, use `[patch]` with a copy of it"
        .to_owned()
}

/// What to do about an archive that is not the one it should be.
pub(super) fn help_archive(archive: &Path) -> String {
    format!(
        "remove `{}`, so that it is downloaded again; if the error stays, tell the registry and the package's \
         authors",
        archive.display()
    )
}

/// What is wrong with an archive that is not the one it should be.
pub(super) fn archive_differs(wanted: &str, found: &str, path: &Path) -> String {
    format!(
        "its archive `{}` has the checksum {found}, and should have {wanted}",
        path.display()
    )
}

/// What is wrong with an archive that carries a signature over other files.
pub(super) fn archive_holds_others(path: &Path) -> String {
    format!(
        "the files in its archive `{}` are not those that were signed",
        path.display()
    )
}

/// The error for files in a vendored folder that are not those which were signed; `changed` are those
/// that cargo's own list does not fit, if any.
pub(super) fn vendored_files(package: impl Display, changed: &[String], folder: &Path) -> String {
    let changed = match changed {
        [] => String::new(),
        changed => format!(" ({})", some(changed)),
    };
    format!(
        "refusing `{package}`: its files in `{}` are not those that were signed{changed}\n\n\
         help: {}",
        folder.display(),
        help_vendored()
    )
}

/// The error for a package that this command made, where other files are in its place.
pub(super) fn not_as_made(package: impl Display, folder: &Path) -> String {
    format!(
        "refusing `{package}`: its files in `{}` are not those that were just packaged\n\n\
         help: remove that folder, and run the command again",
        folder.display()
    )
}

/// The error for a package that is found through a link above it, out of where packages are.
pub(super) fn leads_elsewhere(package: impl Display, folder: &Path, real: &Path) -> String {
    format!(
        "refusing `{package}`: by a link, `{}` is `{}`, and nobody knows what is around it\n\n\
         help: remove the link",
        folder.display(),
        real.display()
    )
}

/// The error for what is above a package and steers what is run in its folder.
pub(super) fn steered(package: impl Display, file: &Path) -> String {
    format!(
        "refusing `{package}`: `{}` steers the programs that run in its folder, and nobody signed it\n\n\
         help: remove it",
        file.display()
    )
}

/// The warning for a package that was vendored without all the files that were signed.
pub(super) fn incomplete_copy(package: impl Display) -> String {
    format!(
        "`{package}` counts as not signed where it is vendored to: from a folder cargo copies some of \
         the signed files only\nhelp: vendor from the registry, without `--respect-source-config`"
    )
}

/// The error for unpacked files that were put right when it was too late.
pub(super) fn run_again(package: impl Display, files: &[String], root: &Path) -> String {
    format!(
        "`{package}` had to be unpacked again: in `{}` not all was as it was signed ({})\n\n\
         help: run the command again; if the error comes back, something changes these files",
        root.display(),
        some(files)
    )
}

/// The warning for unpacked files that were put right.
pub(super) fn unpacked_again(package: impl Display, files: &[String]) -> String {
    format!(
        "`{package}` was unpacked again, since not all was as it was signed ({})",
        some(files)
    )
}

/// The first few of a list of names.
fn some(names: &[String]) -> String {
    const NAMED: usize = 3;
    let named = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The warning for a version that the resolver goes on without.
pub(super) fn passed_over(package: impl Display, finding: &Finding, rule: &Rule) -> String {
    format!(
        "`{package}` is passed over: it {}\nhelp: {}",
        not_admitted(finding, rule),
        help(finding, rule)
    )
}

/// The error for a resolution that does not come to an end.
pub(super) fn too_many_passed_over(rounds: usize) -> anyhow::Error {
    anyhow::format_err!(
        "{rounds} versions had to be passed over, and the next would have to be as well\n\n\
         help: something is wrong with the registry that offers them; to go on, name the versions \
         that are wanted in `Cargo.toml`"
    )
}

/// The warning for releases that were accepted without a signature that counts.
pub(super) fn accepted_unsigned(packages: &[String]) -> String {
    match packages.len() {
        1 => format!("1 package is not signed: {}", some(packages)),
        n => format!("{n} packages are not signed: {}", some(packages)),
    }
}

/// The warning for a provider that could not be asked.
pub(super) fn unanswered(signer: impl Display, why: impl Display) -> String {
    format!("could not find out which keys `{signer}` publishes: {why}")
}

/// The warning for an answer that is used for want of a newer one.
pub(super) fn old_answer(signer: impl Display, why: impl Display, age: Duration) -> String {
    format!(
        "could not find out whether `{signer}` still publishes its keys: {why}\n\
         what was answered {} ago is used",
        span(age)
    )
}

/// A time in the largest unit that it is one of at least.
fn span(time: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];
    let seconds = time.as_secs();
    let unit = UNITS.iter().find(|(length, _)| seconds >= *length);
    let (length, name) = unit.unwrap_or(&(1, "second"));
    match seconds / length {
        1 => format!("1 {name}"),
        n => format!("{n} {name}s"),
    }
}

/// The warning for an account that was asked again, and is there no longer.
pub(super) fn account_is_gone(signer: impl Display) -> String {
    format!(
        "there is no account `{signer}` any more: what is recorded of its keys stays good, and nothing new by \
         it is accepted"
    )
}

/// The error for a file that would lie where the carrier does.
pub(super) fn reserved_name(file: &str) -> String {
    format!(
        "`{file}` cannot be packaged: it is where `cargo publish` puts the signature\n\n\
         help: remove it; it may have come with a copy of a published package"
    )
}

/// The error for a registry that takes no signature for what is out.
pub(super) fn takes_no_signatures(registry: &str) -> String {
    format!(
        "{registry} takes no signatures for versions that are out\n\n\
         help: sign the next version: `cargo publish` puts the signature into the package, which every \
         registry keeps"
    )
}

/// What is told of a registry whose index says nothing of the signature that was sent.
pub(super) fn keeps_no_signature(package: &str, registry: &str) -> String {
    format!(
        "the index of {registry} says nothing of a signature: that of {package} travels in the package"
    )
}

/// The warning for a registry whose index has another signature than was sent.
pub(super) fn serves_another_signature(package: &str, registry: &str) -> String {
    format!(
        "the index of {registry} has another signature for {package} than was sent\n\
         help: those who use the package will refuse it; ask whoever runs the registry"
    )
}

/// The warning for a package with the carrier of another.
pub(super) fn carrier_of_another(package: impl Display, other: &str) -> String {
    format!(
        "`{package}` counts as not signed: what it carries is the signature of `{}`\n\
         help: tell its authors: the file came with a copy of another release",
        other.escape_debug()
    )
}

/// The warning for packages with carriers that were made for another registry; `package` is the first.
pub(super) fn carrier_for_another_registry(
    package: impl Display,
    signed_for: impl Display,
    in_use: impl Display,
) -> String {
    format!(
        "`{package}` counts as not signed: what it carries is a signature for another registry, for \
         `{signed_for}`, not for `{in_use}`\nhelp: if this is meant to be a mirror of `{signed_for}`, \
         configure it as a replacement of that source"
    )
}

/// The reason for which a version is not looked at that may carry a signature.
pub(super) fn not_tried() -> String {
    "was not downloaded, after others that carry no signature".to_owned()
}

/// What follows the name of a package whose publisher was verified.
pub(super) fn published_by(who: &str) -> String {
    format!("(published by {who})")
}

/// The error for a signers file beside the checksums of a vendored package.
pub(super) fn signers_of_a_vendored_package(file: &Path, checksums: &str) -> String {
    format!(
        "`{}` is beside a `{checksums}`: what a vendored package says of signers is not read, and what a \
         workspace says must not be passed over\n\n\
         help: remove `{checksums}` if this is your own workspace, or `{SIGNERS_FILE}` if it is not",
        file.display()
    )
}

/// Why nothing can be recorded in a signers file.
pub(super) fn not_locked(file: &Path, locks: &Path) -> String {
    format!(
        "failed to lock `{}`, to change it\n\n\
         help: locks are kept in `{}`, which has to be writable; `--locked` records nothing",
        file.display(),
        locks.display()
    )
}
