//! What JSON may be kept.

use serde_json::Value;

use crate::{Error, Result};

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// As text, with its numbers written out.
    pub(crate) bytes: usize,
    /// How many lists and objects are within each other.
    pub(crate) depth: usize,
}

/// More is not read back: serde_json gives up at 128 levels.
pub(crate) const DEPTH: usize = 100;

/// Some JSON that both databases keep as it is, within these bounds.
pub(crate) fn within(what: &'static str, value: &Value, most: Bounds) -> Result<()> {
    // Asked first, since writing it out goes as deep as it does.
    let growth = growth(value, most.depth);
    let growth = growth.map_err(|problem| Error::Unstorable { what, problem })?;
    let (bytes, limit) = (value.to_string().len() + growth, most.bytes);
    if bytes > limit {
        return Err(Error::TooLarge { what, bytes, limit });
    }
    Ok(())
}

/// How much longer its text is where numbers have no exponents: PostgreSQL writes 1e300 with three
/// hundred zeros. An error for what PostgreSQL does not take at all.
fn growth(value: &Value, depth: usize) -> Result<usize, &'static str> {
    let deeper = || depth.checked_sub(1).ok_or("is nested too deeply");
    match value {
        Value::Null | Value::Bool(_) => Ok(0),
        Value::Number(number) => {
            let digits =
                number.as_f64().filter(|_| number.is_f64()).map(|number| number.to_string());
            let written = number.to_string().len();
            Ok(digits.map_or(0, |digits| digits.len().saturating_sub(written)))
        }
        Value::String(text) => plain(text),
        Value::Array(items) => {
            let depth = deeper()?;
            items.iter().map(|item| growth(item, depth)).sum()
        }
        Value::Object(members) => {
            let depth = deeper()?;
            members.iter().map(|(name, value)| Ok(plain(name)? + growth(value, depth)?)).sum()
        }
    }
}

fn plain(text: &str) -> Result<usize, &'static str> {
    if text.contains('\0') { Err("holds a NUL character") } else { Ok(0) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FEW: Bounds = Bounds { bytes: 5, depth: 2 };

    #[test]
    fn json_is_measured_as_text() {
        assert!(within("change", &Value::from("123"), FEW).is_ok());
        let error = within("change", &Value::from("1234"), FEW).unwrap_err();
        assert_eq!(error.to_string(), "change takes 6 bytes, more than 5");
    }

    #[test]
    fn a_number_is_measured_with_all_its_digits() {
        for (number, digits) in [(1e300, 301), (-1e300, 302), (1e-7, 9), (0.25, 4), (1e5, 8)] {
            let error = within("change", &json!(number), Bounds { bytes: 1, depth: 0 });
            let Err(Error::TooLarge { bytes, .. }) = error else { panic!("{number}") };
            assert_eq!(bytes, digits, "{number}");
        }
    }

    #[test]
    fn what_postgres_does_not_take_or_serde_does_not_read_back_is_refused_wherever_it_is() {
        for (value, word) in [
            (json!("\0"), "NUL"),
            (json!([["a\0"]]), "NUL"),
            (json!({ "\0": 1 }), "NUL"),
            (json!([[[1]]]), "nested"),
            (json!({ "a": { "b": {} } }), "nested"),
        ] {
            let error = within("change", &value, FEW).unwrap_err();
            assert!(matches!(error, Error::Unstorable { what: "change", .. }), "{error}");
            assert!(error.to_string().contains(word), "{value}: {error}");
        }
        assert!(within("change", &json!([[1]]), FEW).is_ok());
        assert!(within("change", &json!([[[[1]]]]), Bounds { bytes: 99, depth: DEPTH }).is_ok());
    }
}
