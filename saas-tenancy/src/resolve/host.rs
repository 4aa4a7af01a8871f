//! Host names as they are compared.

/// The host of a `Host` header or an authority: lower case, without port and final dot. `None` for
/// what is no host name, an address literal among it.
pub(super) fn normal(text: &str) -> Option<String> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return None,
        None => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_label = |label: &str| super::key::slug(label).is_some();
    // A name of digits and dots is an address, whoever claims it as a domain.
    let is_address = name.rsplit('.').next().is_some_and(|last| last.parse::<u8>().is_ok());
    (name.len() <= 253 && !is_address && name.split('.').all(is_label)).then_some(name)
}

/// The one label that stands before `parent`; deeper names are nobody's.
pub(super) fn label_before<'h>(host: &'h str, parent: &str) -> Option<&'h str> {
    let label = host.strip_suffix(parent)?.strip_suffix('.')?;
    (!label.is_empty() && !label.contains('.')).then_some(label)
}

/// Whether it is `parent` or stands anywhere below it.
pub(super) fn is_within(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_brought_into_one_form() {
        for text in ["Acme.Example.com", "acme.example.com:8080", "acme.example.com."] {
            assert_eq!(normal(text).as_deref(), Some("acme.example.com"));
        }
        let none = ["", ":80", "[::1]:80", "::1", "127.0.0.1", "10.0.0.1:80", "a b", "a..b", "a:x"];
        for text in none {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    #[test]
    fn one_label_before_the_parent_and_no_more() {
        assert_eq!(label_before("acme.example.com", "example.com"), Some("acme"));
        for host in ["example.com", "a.b.example.com", "badexample.com", "acme.example.org"] {
            assert_eq!(label_before(host, "example.com"), None, "{host}");
        }
        assert!(is_within("a.b.example.com", "example.com"));
        assert!(!is_within("badexample.com", "example.com"));
    }
}
