//! Judges views that read tenants' tables with their owner's rights.

use crate::Finding;

/// A view that the role may use and that reads a tenant's table, itself or through other views.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) materialized: bool,
    pub(super) reads: String,
    /// Who of public, the role and those that it can become was granted it.
    pub(super) holders: String,
}

pub(super) fn judge(view: &View) -> Finding {
    let View { name, reads, holders, .. } = view;
    if view.materialized {
        return Finding::sql(
            format!("materialized view {name} of {reads}"),
            "holds rows of all tenants that no policy protects",
            format!("revoke all on {name} from {holders}"),
        );
    }
    Finding::sql(
        format!("view {name} of {reads}"),
        "reads with its owner's rights, not with those of who asks",
        format!("alter view {name} set (security_invoker = true)"),
    )
}
