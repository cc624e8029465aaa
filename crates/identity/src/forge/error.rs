//! What can go wrong at a provider's interface.

use crate::account::AccountNumber;
use crate::answer::{Again, NoAnswer};

/// What a provider's interface did not do, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host}: {fault}")]
pub struct ForgeError {
    /// Who was asked: `github.com`.
    pub host: String,
    /// What is wrong.
    pub fault: Fault,
}

impl ForgeError {
    /// The HTTP status that says so, of a refusal.
    pub(super) fn status(&self) -> Option<u32> {
        match self.fault {
            Fault::Refused { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the provider understood and would not: 400, 409 or 422.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.status(), Some(400 | 409 | 422))
    }
}

/// Why a provider's interface did not do what it was asked. Never tells a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No response came; the text says why.
    #[error("it could not be asked: {0}")]
    Unreachable(String),
    /// It was asked too often.
    #[error("it was asked too often{}", again_in(.0))]
    Limited(Option<Again>),
    /// It does not know the token.
    #[error("it does not accept the token, which may have expired or be another host's")]
    Token,
    /// The token may not do it.
    #[error("the token is not allowed to do that: it needs the scope `{needs}`")]
    Scope {
        /// What it needs.
        needs: &'static str,
    },
    /// The token is not a user's.
    #[error(
        "the token is an app's, such as that of a job in GitHub Actions, which cannot act for a user"
    )]
    AppToken,
    /// The token is another account's.
    #[error("the token is of the account {found}, not of {wanted}")]
    AnotherUser {
        /// Who publishes.
        wanted: String,
        /// Whose the token is.
        found: String,
    },
    /// The name is of another account than it was.
    #[error("the name is of the account {found} now, where {recorded} is recorded")]
    AnotherAccount {
        /// What is recorded.
        recorded: AccountNumber,
        /// Whose the token is.
        found: AccountNumber,
    },
    /// It would not.
    #[error("it refused{} (HTTP status {status})", says_so(.says))]
    Refused {
        /// The HTTP status.
        status: u32,
        /// What it says of it.
        says: Option<String>,
    },
    /// It failed, sent elsewhere, or answered something else than it is documented to.
    #[error("{0}")]
    NoAnswer(#[from] NoAnswer),
    /// The key could not prove that its owner has it.
    #[error("it asks for a signature by the key, which could not be made: {0}")]
    Proof(String),
    /// The key was deleted to be replaced, and then not added.
    #[error(
        "the key was deleted to be replaced, but not added again: until it is published, what it signed is refused ({0})"
    )]
    OnlyDeleted(Box<Fault>),
    /// SSH signing keys cannot be told from login keys here.
    #[error("it does not tell SSH signing keys from login keys, so that SSH keys do not count")]
    NoSshKeys,
    /// The SSH key is published to log in with.
    #[error("the SSH key is there as a login key, which does not count: change what it is for")]
    LoginKey,
    /// No token can be had by the device flow.
    #[error("it has no OAuth device flow, or does not know the client id")]
    NoDeviceFlow,
    /// The device flow does not work with this client.
    #[error("the OAuth device flow failed: {0}")]
    DeviceFlow(String),
}

fn again_in(again: &Option<Again>) -> String {
    again.map_or(String::new(), |again| format!(": ask again {again}"))
}

fn says_so(says: &Option<String>) -> String {
    says.as_ref()
        .map_or(String::new(), |says| format!(": {says}"))
}
