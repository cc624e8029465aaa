//! What the user is told. Every message about a finding is worded here, and nowhere else.
//!
//! A message says which package, what was found, and what to do, in this order.

use std::fmt::Display;
use std::path::Path;

use consign_policy::{Finding, Unanswered, Withdrawn};
use consign_statement::Locator;
use consign_statement::tree::TreeError;

/// The rule by which a package is judged, in words.
#[derive(Debug)]
pub(super) struct Rule {
    /// The place that requires signatures, where one does.
    pub(super) required_by: Option<String>,
    /// The setting that lifts the requirement for this registry.
    pub(super) setting: String,
    /// The file that it belongs in.
    pub(super) file: String,
    /// Whether the packages come from a vendored folder.
    pub(super) vendored: bool,
}

/// What is wrong with a release, as the rest of a sentence that begins with its name.
///
/// Who signed is named the way messages name people only where that is verified, which nothing here
/// is: the identity is quoted as the claim that it is.
pub(super) fn reason(finding: &Finding) -> String {
    match finding {
        Finding::Unsigned { version: None } => "is not signed".to_owned(),
        Finding::Unsigned { version: Some(v) } => format!(
            "counts as not signed (its signature is in version {v} of the format; \
             this Consign reads version 1)"
        ),
        Finding::WrongSigner { signed_for, in_use } => {
            format!("is signed for another registry: for `{signed_for}`, not for `{in_use}`")
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

/// What to do about it.
fn help(finding: &Finding, rule: &Rule) -> String {
    match finding {
        Finding::Unsigned { .. } => help_unsigned(rule),
        Finding::WrongSigner { signed_for, .. } => format!(
            "a signature is good in one registry only; if this is meant to be a mirror of \
             `{signed_for}`, configure it as a replacement of that source"
        ),
        Finding::WithdrawnKey {
            how: Withdrawn::NoSuchAccount,
            ..
        } => "choose another version; the account may have been renamed or deleted".to_owned(),
        Finding::WithdrawnKey { signer, .. } => format!(
            "choose another version, or ask whoever owns `{signer}` whether they signed this one"
        ),
        Finding::Unchecked { why, .. } => match why {
            Unanswered::Offline => {
                "run the command once with the network, so that the key can be asked for".to_owned()
            }
            Unanswered::NoProvider(name) => {
                format!("say where its keys are, with `signing.identities.{name}.keys`")
            }
            _ => "see whether the address is right and can be reached, and try again".to_owned(),
        },
        _ => "do not build it: what the registry, a mirror or a cache serves is not what was \
              published. Tell the registry and the package's authors"
            .to_owned(),
    }
}

/// What to do about a package that is not signed.
pub(super) fn help_unsigned(rule: &Rule) -> String {
    const FLAG: &str = "`--require-signatures`";
    let file = format!("`{}`", rule.file);
    let lift = match rule.required_by.as_deref() {
        Some(FLAG) => format!("leave out {FLAG}"),
        Some(place) if place != file => format!("change the rule in {place}"),
        _ => format!(
            "accept it unsigned with `{} = \"allow\"` in {file}",
            rule.setting
        ),
    };
    if rule.vendored {
        return format!(
            "if it is signed where it comes from, vendor it again with `cargo vendor`; otherwise ask \
             its authors to sign, or {lift}"
        );
    }
    format!("choose a version that is signed, ask its authors to sign, or {lift}")
}

/// The reason for which an unsigned version is no candidate.
pub(super) fn not_admitted(finding: &Finding, rule: &Rule) -> String {
    format!("{}{}", reason(finding), required(rule, ", and "))
}

/// The warning for versions that a command which names a package does not look at.
pub(super) fn left_out(name: impl Display, rule: &Rule) -> String {
    format!(
        "versions of `{name}` that are not signed are left out{}",
        required(rule, ": ")
    )
}

fn required(rule: &Rule, before: &str) -> String {
    match &rule.required_by {
        Some(place) => format!("{before}signatures are required by {place}"),
        None => String::new(),
    }
}

/// The error for a release that is refused.
pub(super) fn refused(package: impl Display, finding: &Finding, rule: &Rule) -> anyhow::Error {
    let required = match finding {
        Finding::Unsigned { .. } | Finding::Unchecked { .. } => required(rule, "\n"),
        _ => String::new(),
    };
    anyhow::format_err!(
        "refusing `{package}`: it {}{required}\n\nhelp: {}",
        reason(finding),
        help(finding, rule)
    )
}

/// The error for bytes that are not those which were signed.
pub(super) fn other_bytes(
    package: impl Display,
    signer: &Locator,
    wanted: impl Display,
    found: impl Display,
    file: impl Display,
) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: its archive is not the one that {} signed\n\
         signed: {wanted}\n\
         found:  {found}\n\n\
         help: remove `{file}`, so that it is downloaded again; if the error stays, \
         tell the registry and the package's authors",
        quoted(signer)
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

/// The error for files in a vendored folder that are not those which were signed; `changed` are those
/// that cargo's own list does not fit, if any.
pub(super) fn vendored_files(package: impl Display, changed: &[String], folder: &Path) -> String {
    let changed = match changed {
        [] => String::new(),
        changed => format!(" ({})", some(changed)),
    };
    format!(
        "refusing `{package}`: its files in `{}` are not those that were signed{changed}\n\n\
         help: put it right with `cargo vendor`; to build it changed, use `[patch]` with a copy of it",
        folder.display()
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
        reason(finding),
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

/// What follows the name of a package whose publisher was verified.
pub(super) fn published_by(who: &str) -> String {
    format!("(published by {who})")
}
