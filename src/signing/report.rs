//! What the user is told. Every message about a finding is worded here, and nowhere else.
//!
//! A message says which package, what was found, and what to do, in this order.

use std::fmt::Display;

use consign_policy::{Finding, Withdrawn};

use super::config::Policy;

/// What is wrong with a release, as the rest of a sentence that begins with its name.
pub(super) fn reason(finding: &Finding, policy: &Policy) -> String {
    match finding {
        Finding::Verified(published) => {
            format!("was published by {}", policy.display(published.signer()))
        }
        Finding::Unsigned { version: None } => "is not signed".to_owned(),
        Finding::Unsigned { version: Some(v) } => format!(
            "counts as not signed (its signature is in version {v} of the format; \
             this Consign reads version 1)"
        ),
        Finding::WrongSigner { signed_for, in_use } => {
            format!("is signed for another registry: for `{signed_for}`, not for `{in_use}`")
        }
        Finding::WithdrawnKey { signer, key, how } => {
            let who = policy.display(signer);
            match how {
                Withdrawn::NotPublished => {
                    format!("is signed with a key that {who} does not publish: {key}")
                }
                Withdrawn::NoSuchAccount => {
                    format!("is signed as {who}, and there is no such account")
                }
                Withdrawn::Fault(fault) => {
                    format!("is signed with a key of {who} that does not count: {fault} ({key})")
                }
                _ => format!("is signed with a key of {who} that does not count: {key}"),
            }
        }
        Finding::Unchecked { signer, why, .. } => format!(
            "is signed as {}, and whether the key is theirs could not be found out: {why}",
            policy.display(signer)
        ),
        Finding::Tampered(how) => format!("was tampered with: {how}"),
        _ => "cannot be accepted".to_owned(),
    }
}

/// What to do about it.
fn help(finding: &Finding, policy: &Policy, allow: &str) -> String {
    match finding {
        Finding::Unsigned { .. } => format!(
            "choose a version that is signed, ask its authors to sign, \
             or accept it unsigned with `{allow} = \"allow\"`"
        ),
        Finding::WrongSigner { signed_for, .. } => format!(
            "a signature is good in one registry only; if this is meant to be a mirror of \
             `{signed_for}`, configure it as a replacement of that source"
        ),
        Finding::WithdrawnKey { signer, .. } => format!(
            "do not build it before you have asked {} whether they signed it",
            policy.display(signer)
        ),
        Finding::Unchecked { .. } => {
            "check the network connection and the address, and try again".to_owned()
        }
        _ => "do not build it: what the registry, a mirror or a cache serves is not what was \
              published. Tell the registry and the package's authors"
            .to_owned(),
    }
}

/// The error for a release that is refused.
pub(super) fn refused(
    package: impl Display,
    finding: &Finding,
    policy: &Policy,
    required_by: Option<&str>,
    allow: &str,
) -> anyhow::Error {
    let required = match (finding, required_by) {
        (Finding::Unsigned { .. } | Finding::Unchecked { .. }, Some(origin)) => {
            format!("\nsignatures are required by {origin}")
        }
        _ => String::new(),
    };
    anyhow::format_err!(
        "refusing `{package}`: it {}{required}\n\nhelp: {}",
        reason(finding, policy),
        help(finding, policy, allow)
    )
}

/// The error for bytes that are not those which were signed.
pub(super) fn other_bytes(
    package: impl Display,
    signer: &str,
    wanted: impl Display,
    found: impl Display,
    file: impl Display,
) -> anyhow::Error {
    anyhow::format_err!(
        "refusing `{package}`: its archive is not the one that {signer} signed\n\
         signed: {wanted}\n\
         found:  {found}\n\n\
         help: remove {file} to have it downloaded again; if the error stays, \
         tell the registry and the package's authors"
    )
}

/// The warning for a version that the resolver goes on without.
pub(super) fn passed_over(package: impl Display, finding: &Finding, policy: &Policy) -> String {
    format!(
        "`{package}` is passed over: it {}\nhelp: {}",
        reason(finding, policy),
        help(finding, policy, "signing.unsigned")
    )
}

/// The warning for releases that were accepted without a signature that counts.
pub(super) fn accepted_unsigned(packages: &[String]) -> String {
    const NAMED: usize = 5;
    let named = packages
        .iter()
        .take(NAMED)
        .map(|package| format!("`{package}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let more = match packages.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match packages.len() {
        1 => format!("1 package is not signed: {named}"),
        n => format!("{n} packages are not signed: {named}{more}"),
    }
}

/// The warning for a provider that could not be asked.
pub(super) fn unanswered(who: &str, why: &str) -> String {
    format!("could not find out which keys {who} publishes: {why}")
}

/// What follows the name of a package whose publisher was verified.
pub(super) fn published_by(who: &str) -> String {
    format!("(published by {who})")
}
