use std::fmt;

// Its traits are written by hand, so that the crate builds without another macro.
/// What can be wrong with a value that came from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The text is not an id in canonical form.
    InvalidId {
        /// What was given, cut to 64 characters.
        text: String,
    },
    /// A prefixed id of another kind of thing.
    WrongPrefix {
        /// The prefix of the entity asked for.
        expected: &'static str,
        /// The prefix that was given, cut to 64 characters.
        found: String,
    },
    /// The part of a prefixed id after the prefix is not 26 characters of base 32.
    InvalidPrefixedId {
        /// The prefix of the entity asked for.
        expected: &'static str,
        /// What was given, cut to 64 characters.
        text: String,
    },
}

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is wrong: tell the client, do not retry.
    InvalidInput,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidId { text } => {
                write!(f, "`{text}` is not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
            }
            Self::WrongPrefix { expected, found } => {
                write!(f, "expected an id that begins with `{expected}_`, got `{found}_`")
            }
            Self::InvalidPrefixedId { expected, text } => {
                write!(f, "`{text}` is not `{expected}_` followed by 26 characters of base 32")
            }
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What the caller can do: every error of this crate is wrong input.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Cuts what a stranger sent before it goes into a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}
