//! What a finding leads to.
//!
//! | finding | chosen freely | named by `Cargo.lock` or the user |
//! |---|---|---|
//! | verified | accepted | accepted |
//! | key that has ended since | passed over, unless [not new](crate::ended) | refused, unless not new |
//! | unsigned | by level | by level; under `deny` refused |
//! | wrong signer, withdrawn key | passed over | refused |
//! | unchecked | under `deny` refused, else accepted as unsigned, and said | the same |
//! | tampered | refused | refused |
//!
//! *Passed over* lets the resolver look at other versions. What nobody could be asked about is
//! never passed over: were it, whoever blocks the network would choose the version.

use crate::{Finding, Level};

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
    /// Accepted like a release without a signature, with a warning.
    AcceptAndSay,
    /// No candidate; the resolver goes on without it.
    PassOver,
    /// The command ends.
    Refuse,
}

impl Verdict {
    /// What follows from `finding` where unsigned releases are treated by `unsigned`.
    pub fn of(finding: &Finding, unsigned: Level, choice: Choice) -> Verdict {
        match (finding, unsigned) {
            (Finding::Verified(_), _) => Verdict::Accept,
            (Finding::EndedKey { .. }, _) if choice == Choice::NotNew => Verdict::Accept,
            (Finding::Unsigned { .. }, Level::Allow) => Verdict::Accept,
            (Finding::Unsigned { .. }, Level::Warn) => Verdict::AcceptAndSay,
            (Finding::Unchecked { .. }, Level::Allow | Level::Warn) => Verdict::AcceptAndSay,
            (Finding::Unchecked { .. }, Level::Deny) => Verdict::Refuse,
            (Finding::Tampered(_), _) => Verdict::Refuse,
            (
                Finding::Unsigned { .. }
                | Finding::EndedKey { .. }
                | Finding::WrongSigner { .. }
                | Finding::WithdrawnKey { .. },
                _,
            ) => match choice {
                Choice::Free => Verdict::PassOver,
                Choice::Named | Choice::NotNew => Verdict::Refuse,
            },
        }
    }
}
