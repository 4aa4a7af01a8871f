/// What can go wrong between an application and its queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused or did not answer.
    #[error("the queue's database failed")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the queue's tables cannot be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The arguments of a job do not serialize as JSON.
    #[error("arguments of a job of kind `{kind}` do not serialize")]
    Arguments {
        /// The kind of the job.
        kind: &'static str,
        /// What serde says.
        #[source]
        source: serde_json::Error,
    },
    /// A job of a kind that needs a tenant was given none.
    #[error("a job of kind `{kind}` needs a tenant")]
    NoTenant {
        /// The kind of the job.
        kind: &'static str,
    },
    /// A name or key that no database takes.
    #[error("the {what} is refused: {problem}")]
    Name {
        /// Whose: `key of a unique job`, `name of a queue`, `name of a limit`.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What came from a broker is no job.
    #[error("the message is refused: {what} {problem}")]
    Message {
        /// Which part of it: a header's name, or `payload`.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What a step came to does not serialize, or cannot be read.
    #[error("the result of the step `{name}` is not what it should be")]
    Step {
        /// The step.
        name: String,
        /// What serde says.
        #[source]
        source: serde_json::Error,
    },
    /// A schedule that cannot be.
    #[error("the schedule `{name}` is refused: {problem}")]
    Schedule {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The lease of the running job was lost, so another worker may run it: the transaction that
    /// was to complete it cannot commit.
    #[error("the lease of job {job} was lost")]
    LeaseLost {
        /// The job.
        job: crate::JobId,
    },
    /// Two registered jobs claim the same kind.
    #[error("the kind `{kind}` is registered twice")]
    DuplicateKind {
        /// The kind.
        kind: &'static str,
    },
    /// A task of the worker ended by itself, which is a bug.
    #[error("a task of the worker broke off")]
    Broken(#[from] tokio::task::JoinError),
}

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Try again later: the database is at fault.
    Unavailable,
    /// The caller's input is wrong; trying again does not help.
    InvalidInput,
    /// Another worker has the job: stop, and write nothing more for it.
    Fenced,
    /// A bug in this crate.
    Internal,
}

impl Error {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(_) | Self::Migrate(_) => ErrorKind::Unavailable,
            Self::Arguments { .. }
            | Self::DuplicateKind { .. }
            | Self::NoTenant { .. }
            | Self::Message { .. }
            | Self::Name { .. }
            | Self::Schedule { .. }
            | Self::Step { .. } => ErrorKind::InvalidInput,
            Self::LeaseLost { .. } => ErrorKind::Fenced,
            Self::Broken(_) => ErrorKind::Internal,
        }
    }
}

/// What an HTTP client may know of it: nothing but whether to try again.
impl From<Error> for saas_core::Problem {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::Unavailable {
            return Self::new(503).header("retry-after", "1");
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a job could not be stored");
        Self::new(500)
    }
}
