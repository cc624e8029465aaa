//! What a finding leads to.
//!
//! | finding | chosen freely | named by `Cargo.lock` or the user |
//! |---|---|---|
//! | verified | accepted | accepted |
//! | key that has ended since | passed over, unless [not new](crate::ended) | refused, unless not new |
//! | unsigned | by level; accepted where the signers file says so | by level; under `deny` refused |
//! | unknown signer | by level | by level; under `deny` refused |
//! | lost signature, wrong signer, withdrawn key | passed over | refused |
//! | unchecked | under `deny`, or where the signers file names the package, refused; else accepted as unsigned, and said | the same |
//! | tampered | refused | refused |
//!
//! *Passed over* lets the resolver look at other versions. What nobody could be asked about is
//! never passed over: were it, whoever blocks the network would choose the version.

use crate::{Finding, Level, Levels, New};

/// How a release came to be considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The resolver may take another version instead.
    Free,
    /// `Cargo.lock`, `--precise` or the command names this version.
    Named,
    /// As [`Named`](Choice::Named), and it is [known not to be new](crate::ended).
    NotNew,
}

/// What a finding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted.
    Accept,
    /// Accepted, with a warning.
    AcceptAndSay,
    /// No candidate; the resolver goes on without it.
    PassOver,
    /// The command ends.
    Refuse,
}

impl Verdict {
    /// What follows from `finding` where these levels hold.
    pub fn of(finding: &Finding, levels: &Levels, choice: Choice) -> Verdict {
        let no_candidate = match choice {
            Choice::Free => Verdict::PassOver,
            Choice::Named | Choice::NotNew => Verdict::Refuse,
        };
        let by = |level| match level {
            Level::Allow => Verdict::Accept,
            Level::Warn => Verdict::AcceptAndSay,
            Level::Deny => no_candidate,
        };
        match finding {
            Finding::Verified(_) | Finding::Unsigned { exempt: true, .. } => Verdict::Accept,
            Finding::Unsigned { exempt: false, .. } => by(levels.unsigned),
            Finding::UnknownSigner(newcomer) => match newcomer.new {
                // Nobody was asked about it: it cannot be accepted.
                _ if newcomer.published.is_none() => no_candidate,
                New::Signer | New::Account => by(levels.new_signer),
                New::Key => by(levels.new_key),
            },
            // A key that was ended says nothing of what it signed before.
            Finding::EndedKey { otherwise, .. } if choice == Choice::NotNew => {
                Verdict::of(otherwise, levels, choice)
            }
            Finding::EndedKey { .. } => no_candidate,
            Finding::LostSignature(_) | Finding::WrongSigner(_) | Finding::WithdrawnKey { .. } => {
                no_candidate
            }
            Finding::Unchecked {
                is_expected: true, ..
            } => Verdict::Refuse,
            Finding::Unchecked { .. } => match levels.unsigned {
                Level::Allow | Level::Warn => Verdict::AcceptAndSay,
                Level::Deny => Verdict::Refuse,
            },
            Finding::Tampered(_) => Verdict::Refuse,
        }
    }
}
