use std::fmt::Display;

use saas_core::schema::{Dialect, quoted};
use saas_core::sql::Backend;
use sqlx::QueryBuilder;

/// Writes one statement, and knows what it has written before.
///
/// On PostgreSQL a placeholder says which value it stands for, so a piece that comes again is copied
/// with its placeholders and each value is sent once, whatever was bound before the statement began.
/// Differs: sqlx's placeholders for SQLite are bare question marks, so there a piece is rendered
/// again and its values are bound again, which costs nothing over a wire that is not there.
pub(super) struct Pen<'q, DB: Backend> {
    query: &'q mut QueryBuilder<DB>,
    source: Option<String>,
    names: Vec<String>,
    values: Vec<Option<String>>,
}

impl<'q, DB: Backend> Pen<'q, DB> {
    /// For a statement whose keys are these columns of `base`.
    pub(super) fn new(query: &'q mut QueryBuilder<DB>, columns: &[&'static str]) -> Self {
        let names = columns.iter().map(|column| format!("base.{}", quoted(column))).collect();
        Self { query, source: None, names, values: vec![None; columns.len()] }
    }

    pub(super) fn push(&mut self, sql: impl Display) -> &mut Self {
        self.query.push(sql);
        self
    }

    /// What every branch reads.
    pub(super) fn push_source(&mut self, render: impl FnOnce(&mut QueryBuilder<DB>)) {
        once(self.query, &mut self.source, render);
    }

    /// The column of one key.
    pub(super) fn push_key(&mut self, key: usize) -> &mut Self {
        self.query.push(self.names.get(key).map_or("", String::as_str));
        self
    }

    /// The value of one key.
    pub(super) fn push_value(&mut self, key: usize, render: impl FnOnce(&mut QueryBuilder<DB>)) {
        match self.values.get_mut(key) {
            Some(written) => once(self.query, written, render),
            None => render(self.query),
        }
    }
}

fn once<DB: Backend>(
    query: &mut QueryBuilder<DB>,
    written: &mut Option<String>,
    render: impl FnOnce(&mut QueryBuilder<DB>),
) {
    if let Some(text) = written {
        query.push(text);
        return;
    }
    let begin = query.sql().as_str().len();
    render(query);
    if DB::DIALECT == Dialect::Postgres {
        *written = query.sql().as_str().get(begin..).map(str::to_owned);
    }
}
