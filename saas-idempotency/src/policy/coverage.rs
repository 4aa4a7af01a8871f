use std::borrow::Cow;
use std::sync::Arc;

use super::Policy;

/// What a policy does with the requests of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// A request without a key is answered 400.
    Required,
    /// A request without a key runs, uncovered.
    Optional,
    /// Keys are not looked at, and bodies pass unbuffered.
    Not,
}

/// What [`Policy::routes`] decides by.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Route<'a> {
    /// In capitals, as HTTP has it.
    pub method: &'a str,
    /// Without the query, as the layer sees it.
    pub path: &'a str,
    /// What the policy does otherwise.
    pub otherwise: Coverage,
}

pub(super) type Decide = Arc<dyn Fn(&Route<'_>) -> Coverage + Send + Sync>;

impl Policy {
    /// Which methods are covered. All others pass untouched and unbuffered.
    #[must_use]
    pub fn methods<M: Into<Cow<'static, str>>>(
        mut self,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// A request without a key passes, uncovered; without this it is answered 400.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Decides for each request, whatever its method.
    ///
    /// ```
    /// use saas_idempotency::{Coverage, Policy};
    ///
    /// let policy = Policy::default().optional().routes(|route| match route.path {
    ///     "/payments" if route.method == "POST" => Coverage::Required,
    ///     "/webhooks" => Coverage::Not,
    ///     _ => route.otherwise,
    /// });
    /// ```
    #[must_use]
    pub fn routes(
        mut self,
        decide: impl Fn(&Route<'_>) -> Coverage + Send + Sync + 'static,
    ) -> Self {
        self.routes = Some(Arc::new(decide));
        self
    }

    /// What becomes of a request to this path and query.
    pub(crate) fn coverage(&self, method: &str, target: &str) -> Coverage {
        let otherwise = match self.methods.iter().any(|covered| covered == method) {
            false => Coverage::Not,
            true if self.required => Coverage::Required,
            true => Coverage::Optional,
        };
        let Some(decide) = &self.routes else { return otherwise };
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        decide(&Route { method, path, otherwise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_post_and_patch_are_covered_unless_told() {
        let policy = Policy::default();
        let covered = |policy: &Policy, method| policy.coverage(method, "/") != Coverage::Not;
        assert!(covered(&policy, "POST") && covered(&policy, "PATCH"));
        assert!(["GET", "HEAD", "PUT", "DELETE"].iter().all(|method| !covered(&policy, method)));
        assert!(covered(&Policy::default().methods(["DELETE"]), "DELETE"));
    }

    #[test]
    fn routes_decide_by_method_and_path_without_the_query() {
        let policy =
            Policy::default().optional().routes(|route| match (route.method, route.path) {
                ("POST", "/payments") => Coverage::Required,
                ("PUT", "/files") => Coverage::Optional,
                (_, "/webhooks") => Coverage::Not,
                _ => route.otherwise,
            });
        assert_eq!(policy.coverage("POST", "/payments?draft=1"), Coverage::Required);
        assert_eq!(policy.coverage("PUT", "/files"), Coverage::Optional);
        assert_eq!(policy.coverage("POST", "/webhooks"), Coverage::Not);
        assert_eq!(policy.coverage("POST", "/invoices"), Coverage::Optional);
        assert_eq!(policy.coverage("GET", "/invoices"), Coverage::Not);
    }
}
