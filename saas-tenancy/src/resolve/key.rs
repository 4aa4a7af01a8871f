use saas_core::TenantId;

/// What a request calls its tenant by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// The id itself.
    Id(TenantId),
    /// A short name: lower-case letters, digits and inner hyphens, at most 63 of them.
    Slug(String),
    /// A host name of the tenant's own, in lower case, without port and final dot.
    Domain(String),
}

impl Key {
    /// An id if it is spelled like one, a slug if it can be one.
    ///
    /// ```
    /// use saas_tenancy::resolve::Key;
    /// assert_eq!(Key::id_or_slug("acme"), Some(Key::Slug("acme".into())));
    /// assert_eq!(Key::id_or_slug("../acme"), None);
    /// ```
    pub fn id_or_slug(text: &str) -> Option<Self> {
        text.parse().map(Self::Id).ok().or_else(|| slug(text).map(Self::Slug))
    }
}

/// What can be a label of a host name; upper case is the same name.
pub(super) fn slug(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = (1..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-');
    is_label.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_a_label_of_a_host_name() {
        for good in ["a", "7-eleven", "a--b", &"a".repeat(63)] {
            assert_eq!(slug(good).as_deref(), Some(good));
        }
        assert_eq!(slug("ACME").as_deref(), Some("acme"));
        for bad in ["", "-a", "a-", "a.b", "a_b", "ä", "a/b", "a b", "%61", &"a".repeat(64)] {
            assert_eq!(slug(bad), None, "{bad}");
        }
    }
}
