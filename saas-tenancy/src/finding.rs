use std::fmt;

/// Something in the database that would let a tenant reach another's rows, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about: a role, a table, a policy, a view.
    pub object: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What to do.
    pub remedy: Remedy,
}

/// What to do about a [`Finding`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Statements to run as the role that owns the object.
    Sql(String),
    /// What no statement alone can mend, in words.
    Words(String),
}

impl Finding {
    /// A finding that statements mend.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn sql(object: String, problem: &'static str, sql: impl Into<String>) -> Self {
        Self { object, problem, remedy: Remedy::Sql(sql.into()) }
    }

    /// A finding that is mended elsewhere.
    pub(crate) fn words(object: String, problem: &'static str, words: impl Into<String>) -> Self {
        Self { object, problem, remedy: Remedy::Words(words.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.object, self.problem, self.remedy)
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(sql) => write!(f, "run `{sql}`"),
            Self::Words(words) => f.write_str(words),
        }
    }
}
