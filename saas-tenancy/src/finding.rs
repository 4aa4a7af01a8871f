use std::fmt;

/// Something in the database that would let a tenant reach another's rows, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: a role or a table.
    pub object: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.object, self.problem, self.remedy)
    }
}
