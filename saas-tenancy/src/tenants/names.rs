use crate::{Error, Result};

/// A label of a host name, in lower case.
pub(super) fn slug(name: &str) -> Result<String> {
    if is_label(name) { Ok(name.to_ascii_lowercase()) } else { Err(invalid(name)) }
}

/// A host name without port and final dot, in lower case.
pub(super) fn domain(name: &str) -> Result<String> {
    let fits = name.len() <= 253 && name.contains('.') && name.split('.').all(is_label);
    if fits { Ok(name.to_ascii_lowercase()) } else { Err(invalid(name)) }
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn invalid(name: &str) -> Error {
    Error::InvalidTenantName { name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_host_can_have() {
        assert_eq!(slug("Acme-7").unwrap(), "acme-7");
        assert_eq!(domain("Billing.Acme.com").unwrap(), "billing.acme.com");
        for bad in ["", "-a", "a.b", "a_b", "ä", &"a".repeat(64)] {
            assert!(slug(bad).is_err(), "{bad}");
        }
        for bad in ["acme", "acme..com", "acme.com.", "acme.com:80", &"a.".repeat(127)] {
            assert!(domain(bad).is_err(), "{bad}");
        }
    }
}
