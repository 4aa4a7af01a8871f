use std::error::Error as StdError;
use std::time::Duration;

use saas_core::Problem;

/// Why a request was not run, or its reply not recorded.
///
/// Turns into a [`Problem`]; no variant holds a key, a body or what another client was told.
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
            Self::MissingScope | Self::Unreadable | Self::Serialize(_) | Self::Misuse(_) => {
                ErrorKind::Bug
            }
        }
    }

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

#[cfg(feature = "sqlx")]
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::MissingKey => Problem::new(400)
                .with_type("urn:problem-type:idempotency-key-missing")
                .with_title("Idempotency-Key is missing")
                .detail("this operation requires an Idempotency-Key header"),
            Error::SeveralKeys | Error::MalformedKey => Problem::new(400)
                .with_type("urn:problem-type:idempotency-key-malformed")
                .with_title("Idempotency-Key is malformed")
                .detail("send one key of 1 to 255 visible ASCII characters"),
            Error::TooLarge { cap } => {
                Problem::new(413).detail(format!("the body may have at most {cap} bytes"))
            }
            Error::BrokenBody => Problem::new(400).detail("the body ended early"),
            Error::Reused => Problem::new(422)
                .with_type("urn:problem-type:idempotency-key-reused")
                .with_title("Idempotency-Key is already used")
                .detail("this key was used for another request; use a new key"),
            Error::InProgress { retry_after } => {
                let seconds = retry_after.as_secs().max(1);
                Problem::new(409)
                    .with_type("urn:problem-type:idempotency-in-progress")
                    .with_title("A request is outstanding for this Idempotency-Key")
                    .detail("another attempt of this request is in progress; try again")
                    .header("retry-after", seconds.to_string())
            }
            Error::NotKept { status } => Problem::new(409)
                .with_type("urn:problem-type:idempotency-response-not-kept")
                .with_title("The request was executed and its response was not kept")
                .detail("do not repeat this request; fetch what it made")
                .with("executed_status", status),
            Error::Contended | Error::Store(_) => {
                Problem::new(503).detail("try again").header("retry-after", "1")
            }
            Error::MissingScope | Error::Unreadable | Error::Serialize(_) | Error::Misuse(_) => {
                Problem::new(500)
            }
        }
    }
}
