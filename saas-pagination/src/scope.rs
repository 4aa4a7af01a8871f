use std::fmt;

use saas_core::{Id, TenantId};
use uuid::Uuid;

/// Whose list it is: a cursor made in one scope is refused in every other.
///
/// Made from a [`TenantId`], an id, a number, a text or bytes; from `()` where the rows belong to nobody in
/// particular.
#[derive(Clone, PartialEq, Eq)]
pub struct Scope(pub(crate) Vec<u8>);

impl Scope {
    /// The first byte tells what the rest is, so that a text never stands for an id.
    fn of(what: u8, bytes: &[u8]) -> Self {
        let mut scope = Vec::with_capacity(1 + bytes.len());
        scope.push(what);
        scope.extend_from_slice(bytes);
        Self(scope)
    }
}

impl From<()> for Scope {
    fn from((): ()) -> Self {
        Self::of(0, &[])
    }
}
impl From<TenantId> for Scope {
    fn from(tenant: TenantId) -> Self {
        Self::from(tenant.uuid())
    }
}
impl<E> From<Id<E>> for Scope {
    fn from(id: Id<E>) -> Self {
        Self::from(id.uuid())
    }
}
impl From<Uuid> for Scope {
    fn from(id: Uuid) -> Self {
        Self::of(1, id.as_bytes())
    }
}
/// A number of any width is the same scope.
macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl From<$number> for Scope {
            fn from(id: $number) -> Self {
                Self::of(4, &i128::from(id).to_be_bytes())
            }
        })*
    };
}
numbers!(i32, i64, u32, u64);
impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        Self::of(2, text.as_bytes())
    }
}
impl From<&String> for Scope {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}
impl From<String> for Scope {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}
impl From<&[u8]> for Scope {
    fn from(bytes: &[u8]) -> Self {
        Self::of(3, bytes)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_text_are_one_scope_in_every_form_and_never_each_others() {
        for number in [Scope::from(7_i32), Scope::from(7_u32), Scope::from(7_u64)] {
            assert!(number == Scope::from(7_i64));
        }
        assert!(Scope::from(u64::MAX) != Scope::from(-1_i64));
        let text = String::from("7");
        assert!(Scope::from(&text) == Scope::from("7") && Scope::from("7") != Scope::from(7));
        assert!(Scope::from(text) == Scope::from("7"));
    }
}
