use crate::Result;
use crate::audit::plain;

/// Who crosses tenants, and why.
///
/// ```
/// use saas_tenancy::Reason;
/// let reason = Reason::new("ops@example.com", "billing run of May");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub(crate) actor: String,
    pub(crate) text: String,
}

impl Reason {
    /// Of this actor, a user or a process, up to 200 characters; and in up to 500 characters what
    /// for. Neither is empty.
    pub fn new(actor: impl Into<String>, text: impl Into<String>) -> Self {
        Self { actor: actor.into(), text: text.into() }
    }

    pub(crate) fn check(&self) -> Result<()> {
        plain("actor", &self.actor, 200)?;
        plain("reason", &self.text, 500)
    }
}
