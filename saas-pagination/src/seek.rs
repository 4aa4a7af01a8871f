//! Which rows a page needs, as a union of ranges that an index can seek to; pure.
//!
//! "After this row" is a lexicographic comparison. Written as one condition with `or` it costs what
//! OFFSET costs, for no database turns it into index ranges. So it is taken apart into branches, each
//! of them a conjunction that one index range answers:
//!
//! - keys that are NOT NULL and go the same way are one row value, `(a, b) > ($1, $2)`; if all keys
//!   do, it is the only branch;
//! - otherwise one branch per run of such keys: equal on what stands before it, beyond on the run;
//! - a key that can be NULL begins a run, and the cursor's own NULLs choose its branches: after a
//!   value come the greater values, then the NULLs if they stand last; after a NULL come the values
//!   if NULLs stand first, else nothing;
//! - a key whose NULLs do not stand where the database's plain index has them is split into its
//!   values and its NULLs. Within a branch it is then the one or the other, its `order by` needs no
//!   `nulls first` or `nulls last`, and the plain index serves every placement.
//!
//! **Branches come in the order of the walk**: every row of one stands before every row of the next.
//! The statement relies on it and reads a later branch only for what the earlier ones left.

use std::ops::Range;

use saas_core::schema::Dialect;

use crate::Nulls;

/// What the planner knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
    pub(crate) nullable: bool,
}

/// Where the walk stands: which of the keys are NULL there, and whether it goes backward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'v> {
    pub(crate) nulls: &'v [bool],
    pub(crate) backward: bool,
}

/// One index range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) terms: Vec<Term>,
    pub(crate) order: Vec<Order>,
}

/// One condition; keys by their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// Equal to the position's value.
    Equal(usize),
    /// NULL.
    Null(usize),
    /// Not NULL.
    NotNull(usize),
    /// These keys as a row value lie beyond the position's, or also at it.
    Beyond { keys: Range<usize>, descending: bool, inclusive: bool },
    /// No row.
    Never,
}

/// One key of an `order by`; the placement of NULLs only where it matters and is not the
/// database's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) key: usize,
    pub(crate) descending: bool,
    pub(crate) nulls: Option<Nulls>,
}

/// What one page needs. Rows come in the order of the walk; a page walked backward is turned round
/// by whoever reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seek {
    /// The page's rows: never empty, in the order of the walk.
    pub(crate) page: Vec<Branch>,
    /// Whether a row lies on the near side, at the position itself or behind it; any of these.
    pub(crate) probe: Vec<Branch>,
    /// The order of the whole.
    pub(crate) order: Vec<Order>,
}

pub(crate) fn seek(keys: &[Shape], at: Option<At<'_>>, dialect: Dialect) -> Seek {
    let Some(At { nulls, backward }) = at else {
        let walk = Walk { keys: keys.to_vec(), nulls: &[], dialect, inclusive: false };
        return Seek { page: walk.rest(Vec::new(), 0), probe: Vec::new(), order: walk.order(&[]) };
    };
    let reversed: Vec<_> = keys.iter().map(|key| key.reversed()).collect();
    let (ahead, behind) =
        if backward { (reversed, keys.to_vec()) } else { (keys.to_vec(), reversed) };
    let ahead = Walk { keys: ahead, nulls, dialect, inclusive: false };
    let behind = Walk { keys: behind, nulls, dialect, inclusive: true };
    let mut page = ahead.beyond(Vec::new(), 0);
    if page.is_empty() {
        page.push(ahead.branch(vec![Term::Never]));
    }
    Seek { page, probe: behind.beyond(Vec::new(), 0), order: ahead.order(&[]) }
}

impl Shape {
    fn reversed(self) -> Self {
        Self { descending: !self.descending, nulls_first: !self.nulls_first, ..self }
    }

    /// Whether NULLs stand where an index without `nulls first` or `nulls last` has them. Differs:
    /// to PostgreSQL NULL is greater than every value, to SQLite less.
    fn is_native(self, dialect: Dialect) -> bool {
        let native_first = match dialect {
            Dialect::Postgres => self.descending,
            Dialect::Sqlite => !self.descending,
        };
        !self.nullable || self.nulls_first == native_first
    }
}

/// One direction through the list.
struct Walk<'v> {
    keys: Vec<Shape>,
    nulls: &'v [bool],
    dialect: Dialect,
    /// Whether the position itself counts as beyond it.
    inclusive: bool,
}

impl Walk<'_> {
    /// The rows beyond the position among those that equal it before key `from`.
    fn beyond(&self, equal: Vec<Term>, from: usize) -> Vec<Branch> {
        let Some(key) = self.keys.get(from) else {
            return if self.inclusive { vec![self.branch(equal)] } else { Vec::new() };
        };
        if self.is_null(from) {
            let mut branches = self.beyond(with(&equal, Term::Null(from)), from + 1);
            if key.nulls_first {
                branches.push(self.branch(with(&equal, Term::NotNull(from))));
            }
            return branches;
        }
        let run = self.run(from);
        let is_last = run.end == self.keys.len();
        let mut branches = Vec::new();
        if !is_last {
            let mut deeper = equal.clone();
            deeper.extend(run.clone().map(Term::Equal));
            branches = self.beyond(deeper, run.end);
        }
        let inclusive = self.inclusive && is_last;
        let beyond = Term::Beyond { keys: run, descending: key.descending, inclusive };
        branches.push(self.branch(with(&equal, beyond)));
        if key.nullable && !key.nulls_first {
            branches.extend(self.rest(with(&equal, Term::Null(from)), from + 1));
        }
        branches
    }

    /// All rows under `fixed`, which says all about the keys before `from`.
    fn rest(&self, fixed: Vec<Term>, from: usize) -> Vec<Branch> {
        let Some(key) = self.keys.get(from).filter(|key| !key.is_native(self.dialect)) else {
            return vec![self.branch(fixed)];
        };
        let values = self.branch(with(&fixed, Term::NotNull(from)));
        let mut branches = self.rest(with(&fixed, Term::Null(from)), from + 1);
        branches.insert(if key.nulls_first { branches.len() } else { 0 }, values);
        branches
    }

    /// The keys from `from` on that one row value compares.
    fn run(&self, from: usize) -> Range<usize> {
        let descending = self.keys[from].descending;
        let joins = |index: &usize| {
            let key = self.keys[*index];
            key.descending == descending && !key.nullable && !self.is_null(*index)
        };
        from..(from + 1..self.keys.len()).take_while(joins).last().unwrap_or(from) + 1
    }

    fn is_null(&self, key: usize) -> bool {
        self.nulls.get(key).copied().unwrap_or(false)
    }

    fn branch(&self, terms: Vec<Term>) -> Branch {
        let order = self.order(&terms);
        Branch { terms, order }
    }

    /// Where a branch has decided whether a key is NULL, its placement is moot.
    fn order(&self, terms: &[Term]) -> Vec<Order> {
        let is_decided = |key| {
            terms.iter().any(|term| match term {
                Term::Equal(one) | Term::Null(one) | Term::NotNull(one) => *one == key,
                Term::Beyond { keys, .. } => keys.start == key,
                Term::Never => true,
            })
        };
        let keys = self.keys.iter().enumerate();
        keys.map(|(key, shape)| {
            let placement = if shape.nulls_first { Nulls::First } else { Nulls::Last };
            let is_moot = shape.is_native(self.dialect) || is_decided(key);
            let nulls = (!is_moot).then_some(placement);
            Order { key, descending: shape.descending, nulls }
        })
        .collect()
    }
}

fn with(terms: &[Term], term: Term) -> Vec<Term> {
    let mut terms = terms.to_vec();
    terms.push(term);
    terms
}

#[cfg(test)]
mod tests;
