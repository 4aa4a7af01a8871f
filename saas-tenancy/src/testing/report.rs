use std::fmt;

use super::{Attempt, Outcome};

/// What the kit tried, and what came of it; prints itself as a table.
#[derive(Debug, Clone)]
pub struct Report {
    tried: Vec<Tried>,
    left: Vec<&'static str>,
}

/// One attempt on one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The entity's table.
    pub table: &'static str,
    /// What was tried.
    pub attempt: Attempt,
    /// What came of it.
    pub outcome: Outcome,
}

impl Report {
    pub(super) fn new(tried: Vec<Tried>, left: Vec<&'static str>) -> Self {
        Self { tried, left }
    }

    /// Every attempt on every entity.
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// The attempts that got at something.
    pub fn leaks(&self) -> impl Iterator<Item = &Tried> {
        self.tried.iter().filter(|tried| matches!(tried.outcome, Outcome::Leaked(_)))
    }

    /// Tables in which rows of the kit's tenants remain, since the role may not delete there.
    pub fn left_behind(&self) -> &[&'static str] {
        &self.left
    }

    /// Prints the table.
    ///
    /// # Panics
    /// If anything leaked, with one line for each leak: it is an assertion, for tests.
    #[allow(clippy::print_stdout, clippy::panic)] // Both are its purpose.
    pub fn assert_isolated(&self) {
        println!("{self}");
        let leaks: Vec<String> = self.leaks().map(|leak| format!("\n- {leak}")).collect();
        if !leaks.is_empty() {
            panic!("tenants are not isolated:{}", leaks.concat());
        }
    }

    fn tables(&self) -> Vec<&'static str> {
        let mut tables: Vec<&'static str> = Vec::new();
        for tried in &self.tried {
            if !tables.contains(&tried.table) {
                tables.push(tried.table);
            }
        }
        tables
    }

    /// Why attempts were not made, each reason once.
    fn reasons(&self) -> Vec<(&str, Vec<Attempt>)> {
        let mut reasons: Vec<(&str, Vec<Attempt>)> = Vec::new();
        for Tried { attempt, outcome, .. } in &self.tried {
            let Outcome::NotApplicable(why) = outcome else { continue };
            match reasons.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, attempts)) if attempts.contains(attempt) => {}
                Some((_, attempts)) => attempts.push(*attempt),
                None => reasons.push((why, vec![*attempt])),
            }
        }
        reasons
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables();
        let first = Attempt::ALL.iter().map(|attempt| attempt.name().len()).max().unwrap_or(0);
        let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: &[&str]| {
            let mut line = format!("{name:first$}");
            for (table, cell) in tables.iter().zip(cells) {
                line += &format!("  {cell:width$}", width = table.len().max("LEAKED".len()));
            }
            writeln!(f, "{}", line.trim_end())
        };
        line(f, "attempt", &tables)?;
        for attempt in Attempt::ALL {
            let of = |table: &&str| {
                let mut tried = self.tried.iter();
                let tried = tried.find(|one| one.table == *table && one.attempt == *attempt);
                tried.map_or("", |tried| tried.outcome.word())
            };
            line(f, attempt.name(), &tables.iter().map(of).collect::<Vec<_>>())?;
        }
        writeln!(f)?;
        for (reason, attempts) in self.reasons() {
            let names: Vec<_> = attempts.iter().map(|attempt| attempt.name()).collect();
            writeln!(f, "-: {}: {reason}", names.join(", "))?;
        }
        for leak in self.leaks() {
            writeln!(f, "LEAKED: {leak}")?;
        }
        if !self.left.is_empty() {
            writeln!(f, "rows of the kit's own tenants remain in {}", self.left.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, attempt, outcome } = self;
        write!(f, "{table}: {attempt}: ")?;
        match outcome {
            Outcome::Held => f.write_str("held"),
            Outcome::Leaked(what) => f.write_str(what),
            Outcome::NotApplicable(why) => write!(f, "not tried, {why}"),
        }
    }
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Leaked(_) => "LEAKED",
            Self::NotApplicable(_) => "-",
        }
    }
}
