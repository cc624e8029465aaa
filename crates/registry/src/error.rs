//! Why a request is refused: one table from fault to words and HTTP status.

use axum::http::StatusCode;
use consign_statement::InvalidRelease;
use semver::Version;

use crate::archive::ArchiveError;
use crate::line::InvalidLine;
use crate::name::{InvalidName, Name};
use crate::signature::{AddError, SignatureError};
use crate::store::StoreError;
use crate::token::{InvalidUser, User};
use crate::upload::InvalidUpload;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No token came with it.
    #[error("this needs a token of this registry; `cargo login` takes one")]
    NoToken,
    /// The token that came is nobody's.
    #[error("the token is not one of this registry, or was revoked")]
    UnknownToken,
    /// The user may not do this.
    #[error("`{user}` is not an owner of `{name}`")]
    NotOwner {
        /// Who asked.
        user: User,
        /// For which package.
        name: Name,
    },
    /// There is nothing at this address, or not for this method.
    #[error("there is no such page")]
    NoPage,
    /// The page is there, but not for this method.
    #[error("this page has another method")]
    Method,
    /// No version of the package was ever published.
    #[error("there is no package `{0}` here")]
    NoPackage(Name),
    /// The package is there, the version is not.
    #[error("there is no version {version} of `{name}` here")]
    NoVersion {
        /// The package.
        name: Name,
        /// The version that was asked for.
        version: Version,
    },
    /// The request cannot be read.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The body of a publish request is not of the form that it must have.
    #[error(transparent)]
    Upload(#[from] InvalidUpload),
    /// The request has more bytes than are taken.
    #[error("the request has more than the {0} bytes that this registry takes")]
    TooLarge(usize),
    /// The name is not allowed.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The version is not one of Semantic Versioning, or not in its one spelling.
    #[error("`{}` is no version: {reason}", version.escape_default())]
    Version {
        /// What was to be a version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The user name is not allowed.
    #[error(transparent)]
    User(#[from] InvalidUser),
    /// A package whose name is the same, case and `-` against `_` aside, is there already.
    #[error(
        "`{asked}` is taken: there is `{existing}` here, and names that differ only in case or in \
         `-` and `_` are one package"
    )]
    NameTaken {
        /// The name in the request.
        asked: Name,
        /// The name that is there.
        existing: Name,
    },
    /// The version is there already, or one that differs in build metadata only.
    #[error("{}", duplicate(name, version, existing))]
    Duplicate {
        /// The package.
        name: Name,
        /// The version in the request.
        version: Version,
        /// The version that is there.
        existing: Version,
    },
    /// Nobody would be left to publish further versions.
    #[error("`{0}` must keep an owner")]
    LastOwner(Name),
    /// The user to be an owner has no token.
    #[error("there is no user `{0}` here: nobody of that name has a token")]
    UnknownUser(User),
    /// The user to be removed is no owner.
    #[error("`{user}` is not among the owners of `{name}`")]
    NoSuchOwner {
        /// Who was to be removed.
        user: User,
        /// From which package.
        name: Name,
    },
    /// The archive is not taken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The index entry that would come of the request is none.
    #[error(transparent)]
    Line(#[from] InvalidLine),
    /// The index entry that would come of the request could not be used by cargo.
    #[error("the index entry would be of no use: {0}")]
    Release(#[from] InvalidRelease),
    /// The signature does not fit the release that it came with.
    #[error("the signature is refused: {0}")]
    Signature(#[from] SignatureError),
    /// The files could not be read or written.
    #[error("the registry cannot read or write its files")]
    Store(#[from] StoreError),
    /// Something happened that should not.
    #[error("the registry failed to answer")]
    Internal(String),
}

impl Error {
    /// The HTTP status to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Malformed(_)
            | Error::Upload(InvalidUpload::Truncated(_) | InvalidUpload::Trailing(_))
            | Error::Name(_)
            | Error::Version { .. }
            | Error::User(_)
            | Error::LastOwner(_) => StatusCode::BAD_REQUEST,
            Error::NoToken => StatusCode::UNAUTHORIZED,
            Error::UnknownToken | Error::NotOwner { .. } => StatusCode::FORBIDDEN,
            Error::NoPage
            | Error::NoPackage(_)
            | Error::NoVersion { .. }
            | Error::UnknownUser(_)
            | Error::NoSuchOwner { .. } => StatusCode::NOT_FOUND,
            Error::Method => StatusCode::METHOD_NOT_ALLOWED,
            Error::NameTaken { .. } | Error::Duplicate { .. } => StatusCode::CONFLICT,
            Error::TooLarge(_) | Error::Upload(InvalidUpload::TooLarge { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Error::Archive(_) | Error::Line(_) | Error::Release(_) | Error::Signature(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Error::Store(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the operator is told of a fault that is the registry's own, and whoever asked is not.
    pub fn for_the_operator(&self) -> Option<String> {
        match self {
            Error::Store(e) => Some(e.to_string()),
            Error::Internal(reason) => Some(reason.clone()),
            _ => None,
        }
    }
}

impl From<AddError> for Error {
    fn from(error: AddError) -> Error {
        match error {
            AddError::Signature(error) => error.into(),
            AddError::Line(error) => error.into(),
        }
    }
}

fn duplicate(name: &Name, version: &Version, existing: &Version) -> String {
    if version == existing {
        format!("version {version} of `{name}` is already published")
    } else {
        format!(
            "version {version} of `{name}` differs from the published {existing} in build metadata \
             only, which does not count"
        )
    }
}
