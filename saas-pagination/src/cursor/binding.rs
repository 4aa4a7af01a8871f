use saas_core::Kind;

use crate::Scope;
use crate::key::{Key, Nulls};

/// What a cursor belongs to, as bytes: equal for equal lists and for no others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    pub(crate) fn new(resource: &str, scope: &Scope) -> Self {
        let mut binding = Self::default();
        binding.text(resource.as_bytes());
        binding.text(&scope.0);
        binding
    }

    /// The number of keys comes first, so that no key is taken for a filter.
    pub(crate) fn sort<'k, R: 'k>(
        &mut self,
        keys: impl ExactSizeIterator<Item = (&'k Key<R>, bool)>,
    ) {
        self.0.push(u8::try_from(keys.len()).unwrap_or(u8::MAX));
        for (key, descending) in keys {
            self.text(key.column.as_bytes());
            self.0.push(u8::from(descending));
            self.0
                .push(u8::from(key.nullable) + u8::from(key.nullable && key.nulls == Nulls::First));
            self.0.push(kind(key.kind));
        }
    }

    /// The column that keeps later rows out of a walk. The empty text before it is no filter's
    /// canonical form.
    pub(crate) fn as_of(&mut self, column: &str) {
        self.text(&[]);
        self.text(column.as_bytes());
    }

    /// One filter, in its canonical form.
    pub(crate) fn filter(&mut self, canonical: &[u8]) {
        self.text(canonical);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn text(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// A column that was widened from `integer` to `bigint` keeps its cursors.
fn kind(kind: Kind) -> u8 {
    match kind {
        Kind::SmallInt | Kind::Int | Kind::BigInt => 1,
        Kind::Float => 2,
        Kind::Bool => 3,
        Kind::Text => 4,
        Kind::Bytes => 5,
        Kind::Uuid => 6,
        Kind::Timestamp => 7,
        Kind::Date => 8,
        _ => 0,
    }
}
