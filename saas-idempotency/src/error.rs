mod problem;

use std::error::Error as StdError;
use std::time::Duration;

use crate::SealError;

/// Why a request was not run, or its reply not recorded.
///
/// Turns into a [`Problem`](saas_core::Problem); no variant holds a key, a body or what another client was told.
///
/// | variant | status | kind | problem type, after `urn:problem-type:` |
/// |---|---|---|---|
/// | [`MissingKey`](Self::MissingKey) | 400 | Invalid | `idempotency-key-missing` |
/// | [`SeveralKeys`](Self::SeveralKeys), [`MalformedKey`](Self::MalformedKey) | 400 | Invalid | `idempotency-key-malformed` |
/// | [`BrokenBody`](Self::BrokenBody) | 400 | Invalid | `request-body-incomplete` |
/// | [`TooLarge`](Self::TooLarge) | 413 | Invalid | `request-body-too-large` |
/// | [`Reused`](Self::Reused) | 422 | Invalid | `idempotency-key-reused` |
/// | [`InProgress`](Self::InProgress) | 409, `Retry-After` | Conflict | `idempotency-in-progress` |
/// | [`NotKept`](Self::NotKept) | 409, `executed_status` in the body | Conflict | `idempotency-response-not-kept` |
/// | [`Contended`](Self::Contended), [`Store`](Self::Store) | 503, `Retry-After` | Unavailable | `idempotency-store-unavailable` |
/// | [`Unreadable`](Self::Unreadable), [`Sealed`](Self::Sealed) | 500 | Bug | `idempotency-record-unreadable` |
/// | [`MissingScope`](Self::MissingScope), [`Policy`](Self::Policy), [`Serialize`](Self::Serialize), [`Misuse`](Self::Misuse) | 500 | Bug | `about:blank` |
///
/// Each of them stands in the place of a run: what is answered so was not executed, unless by an
/// earlier attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing put a [`Scope`](crate::Scope) into the request's extensions, or an anonymous one
    /// that the policy does not allow.
    #[error("no scope that the policy allows in the request's extensions")]
    MissingScope,
    /// The policy requires a key.
    #[error("the request has no idempotency key")]
    MissingKey,
    /// More than one header.
    #[error("the request has more than one idempotency key")]
    SeveralKeys,
    /// Empty, longer than 255 characters, or with characters that are not visible ASCII.
    #[error("the idempotency key is malformed")]
    MalformedKey,
    /// The request's body is beyond the policy's cap.
    #[error("the request body is larger than {cap} bytes")]
    TooLarge {
        /// The cap in bytes.
        cap: usize,
    },
    /// The request's body broke off.
    #[error("the request body ended early")]
    BrokenBody,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    Reused,
    /// Another attempt holds the key.
    #[error("another attempt of this request is in progress")]
    InProgress {
        /// When to try again.
        retry_after: Duration,
    },
    /// The request was executed, but its response was too large to keep, or a stream.
    #[error("the request was executed with status {status} and its response was not kept")]
    NotKept {
        /// The status of the response.
        status: u16,
    },
    /// The claim was lost again and again, or the database was locked throughout.
    #[error("too many attempts at once")]
    Contended,
    /// The store does not answer. Nothing was run.
    #[error("the idempotency store is unavailable")]
    Store(#[source] Box<dyn StdError + Send + Sync>),
    /// The store holds something that this release cannot read. Nothing was run.
    #[error("the stored reply is not readable")]
    Unreadable,
    /// The stored reply does not open. Nothing was run.
    #[error("the stored reply does not open")]
    Sealed(#[source] SealError),
    /// The layer's policy makes no sense. Nothing was run.
    #[error("the policy makes no sense: {0}")]
    Policy(&'static str),
    /// A reply's body did not serialize.
    #[error("the reply did not serialize")]
    Serialize(#[source] serde_json::Error),
    /// A mistake in the program.
    #[error("misuse: {0}")]
    Misuse(&'static str),
}

/// What can be done about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong: the client must change it.
    Invalid,
    /// The key is taken: wait, or see what its first request did.
    Conflict,
    /// A retry of the same request may succeed.
    Unavailable,
    /// The program or the stored data is wrong: a person must look.
    Bug,
}

impl Error {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::MissingKey
            | Self::SeveralKeys
            | Self::MalformedKey
            | Self::TooLarge { .. }
            | Self::BrokenBody
            | Self::Reused => ErrorKind::Invalid,
            Self::InProgress { .. } | Self::NotKept { .. } => ErrorKind::Conflict,
            Self::Contended | Self::Store(_) => ErrorKind::Unavailable,
            Self::MissingScope
            | Self::Unreadable
            | Self::Sealed(_)
            | Self::Policy(_)
            | Self::Serialize(_)
            | Self::Misuse(_) => ErrorKind::Bug,
        }
    }

    /// The status it is answered with.
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingKey | Self::SeveralKeys | Self::MalformedKey | Self::BrokenBody => 400,
            Self::InProgress { .. } | Self::NotKept { .. } => 409,
            Self::TooLarge { .. } => 413,
            Self::Reused => 422,
            Self::Contended | Self::Store(_) => 503,
            _ => 500,
        }
    }

    /// Its name among the outcomes that are counted.
    #[cfg(any(feature = "shell", feature = "sqlx"))]
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::InProgress { .. } => "in_progress",
            Self::NotKept { .. } => "not_kept",
            Self::Reused => "mismatch",
            Self::Contended | Self::Store(_) | Self::Unreadable | Self::Sealed(_) => "store_error",
            _ => "refused",
        }
    }

    /// A handler wants a handle, but its request has none.
    #[cfg(any(feature = "axum", feature = "actix"))]
    pub(crate) const UNCOVERED: Self =
        Self::Misuse("no idempotency layer covers this route and method");

    /// Tells the operator what the client is not told.
    pub(crate) fn log(&self) {
        match self.kind() {
            ErrorKind::Bug => tracing::error!(error = self as &dyn StdError, "idempotency: {self}"),
            ErrorKind::Unavailable => {
                tracing::warn!(error = self as &dyn StdError, "idempotency: {self}");
            }
            ErrorKind::Invalid | ErrorKind::Conflict => {}
        }
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::Sealed(error)
    }
}

#[cfg(feature = "sqlx")]
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
