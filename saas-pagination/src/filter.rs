use std::fmt;
use std::sync::Arc;

use saas_core::{Column, Nullability};

use crate::cursor::put;
use crate::error::Invalid;
use crate::key::sealed;
use crate::{Scalar, Value};

/// How a filter compares: `field=value` or `field[operator]=value` in a query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operator {
    /// `field=value` or `field[eq]=value`: equal.
    Eq,
    /// `field[ne]=value`: not equal. NULL is unequal to nothing.
    Ne,
    /// `field[lt]=value`: less.
    Lt,
    /// `field[lte]=value`: less or equal.
    Lte,
    /// `field[gt]=value`: greater.
    Gt,
    /// `field[gte]=value`: greater or equal.
    Gte,
    /// `field[in]=a,b,c`: one of at most fifty values. A value that has a comma cannot be given.
    In,
    /// `field[is]=null` or `field[is]=not_null`.
    Is,
}

const OPERATORS: [(&str, Operator); 8] = [
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("in", Operator::In),
    ("is", Operator::Is),
];

pub(crate) const MAX_VALUES: usize = 50;
pub(crate) const MAX_BYTES: usize = 1000;

/// A field that a list can be filtered by.
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    #[cfg(feature = "openapi")]
    pub(crate) kind: saas_core::Kind,
    pub(crate) expected: &'static str,
    operators: Vec<Operator>,
    parse: Parse,
}

type Parse = Arc<dyn Fn(&str) -> Option<Value> + Send + Sync>;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Column(&'static str),
    /// A column by whose index the rows are never to be found.
    Bound(&'static str),
    Expression(&'static str),
}

/// A filter as one request uses it.
#[derive(Debug, Clone)]
pub(crate) struct Predicate {
    pub(crate) field: &'static str,
    pub(crate) operator: Operator,
    pub(crate) target: Target,
    /// One value; for `in` one or more, sorted; for `is` NULL, or `true` for "not NULL".
    pub(crate) values: Vec<Value>,
}

impl Filter {
    pub(crate) fn new<T: Scalar>(
        name: &'static str,
        target: Target,
        normalise: impl Fn(T) -> T + Send + Sync + 'static,
        operators: impl IntoIterator<Item = Operator>,
    ) -> Self {
        Self {
            name,
            target,
            #[cfg(feature = "openapi")]
            kind: T::KIND,
            expected: T::EXPECTED,
            operators: operators.into_iter().collect(),
            parse: Arc::new(move |text| T::parse(text).map(|value| normalise(value).into_value())),
        }
    }

    /// The operator that stands between the brackets, if this filter takes it.
    pub(crate) fn operator(&self, word: &str) -> Result<Operator, Invalid> {
        let known = OPERATORS.iter().find(|(name, _)| *name == word);
        known
            .map(|(_, operator)| *operator)
            .filter(|operator| self.operators.contains(operator))
            .ok_or_else(|| Invalid::Operator { allowed: self.spelled() })
    }

    /// What is wrong with giving it twice.
    pub(crate) fn repeated(&self, operator: Operator) -> Invalid {
        match operator {
            Operator::Eq | Operator::In if self.takes(Operator::In) => {
                Invalid::RepeatedFilter { instead: format!("{}[in]=a,b", self.name) }
            }
            _ => Invalid::Repeated,
        }
    }

    pub(crate) fn takes(&self, operator: Operator) -> bool {
        self.operators.contains(&operator)
    }

    /// What a request asks of this field.
    pub(crate) fn predicate(&self, operator: Operator, text: &str) -> Result<Predicate, Invalid> {
        let values = match operator {
            Operator::Is => vec![nullness(text)?],
            Operator::In => self.values(text)?,
            _ => vec![self.value(text)?],
        };
        Ok(Predicate { field: self.name, operator, target: self.target, values })
    }

    fn values(&self, text: &str) -> Result<Vec<Value>, Invalid> {
        if text.split(',').nth(MAX_VALUES).is_some() {
            return Err(Invalid::TooMany { max: MAX_VALUES });
        }
        let values = text.split(',').map(|text| self.value(text));
        let mut values: Vec<_> = values.collect::<Result<_, _>>()?;
        // One form for every order and repetition, so that a cursor holds under each of them.
        values.sort_by_cached_key(encoded);
        values.dedup();
        Ok(values)
    }

    fn value(&self, text: &str) -> Result<Value, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid::TooLong { max: MAX_BYTES });
        }
        (self.parse)(text).ok_or_else(|| Invalid::Value { expected: self.expected.into() })
    }

    /// The parameters that a query string may have for this filter.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, Operator)> {
        let offered = OPERATORS.iter().filter(|(_, operator)| self.operators.contains(operator));
        offered.map(|(word, operator)| match operator {
            Operator::Eq => (self.name.to_owned(), *operator),
            _ => (format!("{}[{word}]", self.name), *operator),
        })
    }

    fn spelled(&self) -> String {
        let names: Vec<_> = self.parameters().map(|(name, _)| name).collect();
        names.join(", ")
    }
}

fn nullness(text: &str) -> Result<Value, Invalid> {
    match text {
        "null" => Ok(Value::Null),
        "not_null" => Ok(Value::Bool(true)),
        _ => Err(Invalid::Value { expected: "`null` or `not_null`".into() }),
    }
}

impl Predicate {
    /// Bytes that are equal for equal predicates only.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut bytes = encoded(&Value::Text(self.field.into()));
        bytes.push(OPERATORS.iter().take_while(|(_, one)| *one != self.operator).map(|_| 1).sum());
        self.values.iter().for_each(|value| put(value, &mut bytes));
        bytes
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(value, &mut bytes);
    bytes
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("name", &self.name)
            .field("target", &self.target)
            .field("operators", &self.operators)
            .finish_non_exhaustive()
    }
}

/// What names the column of a filter on values of `T`: a typed [`Column`] of the row's entity, or a
/// string, taken at its word. Sealed.
#[diagnostic::on_unimplemented(message = "this is no column of `{R}` that holds `{T}`")]
pub trait FilterColumn<R, T>: sealed::Sealed {
    #[doc(hidden)]
    fn name(self) -> &'static str;
}

impl<R, T, N: Nullability> FilterColumn<R, T> for Column<R, T, N> {
    fn name(self) -> &'static str {
        Column::name(self)
    }
}
impl<R, T> FilterColumn<R, T> for &'static str {
    fn name(self) -> &'static str {
        self
    }
}
