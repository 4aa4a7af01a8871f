//! What policies let through.

use super::Mended::{BySql, InWords};
use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("no policy", "drop policy tenant_isolation on notes", ["table \"notes\" has no policy", "create policy"], BySql),
    case(
        "a policy for another role",
        "create role somebody; drop policy tenant_isolation on notes;
         create policy p on notes to somebody using (tenant_id = (select saas.tenant_id()))",
        ["table \"notes\" has no policy", "create policy"],
        BySql,
    ),
    case(
        "only a restrictive policy",
        "drop policy tenant_isolation on notes;
         create policy p on notes as restrictive using (tenant_id = (select saas.tenant_id()))",
        ["table \"notes\" has no policy", "create policy"],
        BySql,
    ),
    case(
        "a policy that is true",
        "drop policy tenant_isolation on notes; create policy open on notes using (true) with check (true)",
        ["policy open on table \"notes\" lets every row through", "alter policy"],
        BySql,
    ),
    case(
        "a WITH CHECK that is true",
        "alter policy tenant_isolation on notes with check (true)",
        ["policy tenant_isolation on table \"notes\"", "alter policy"],
        BySql,
    ),
    case(
        "an INSERT policy that is true",
        "create policy add on notes for insert with check (true)",
        ["policy add on table \"notes\" lets every row through", "drop policy"],
        BySql,
    ),
    case(
        "an INSERT policy without WITH CHECK",
        "create policy add on notes for insert",
        ["policy add on table \"notes\" has no WITH CHECK", "alter policy"],
        BySql,
    ),
    case(
        "a policy without WITH CHECK",
        "drop policy tenant_isolation on notes;
         create policy p on notes using (tenant_id = (select saas.tenant_id()))",
        ["policy p on table \"notes\" has no WITH CHECK", "with check"],
        BySql,
    ),
    case(
        "an UPDATE policy with USING only",
        "create policy change on notes for update using (tenant_id = (select saas.tenant_id()))",
        ["policy change on table \"notes\" has no WITH CHECK", "with check"],
        BySql,
    ),
    case(
        "fail-open: a null tenant sees all",
        "alter policy tenant_isolation on notes
         using (tenant_id = (select saas.tenant_id()) or (select saas.tenant_id()) is null)",
        ["policy tenant_isolation on table \"notes\" does not hold", "alter policy"],
        BySql,
    ),
    case(
        "fail-open: rows without a tenant",
        "alter policy tenant_isolation on notes using (tenant_id is null or tenant_id = saas.tenant_id())",
        ["policy tenant_isolation on table \"notes\" does not hold", "alter policy"],
        BySql,
    ),
    case(
        "fail-open: coalesce",
        "alter policy tenant_isolation on notes
         using (tenant_id = coalesce(nullif(current_setting('app.tenant_id', true), '')::uuid, tenant_id))",
        ["policy tenant_isolation on table \"notes\" does not hold", "alter policy"],
        BySql,
    ),
    case(
        "fail-open: an unset setting",
        "alter policy tenant_isolation on notes
         using (tenant_id = saas.tenant_id() or current_setting('app.tenant_id', true) is null)",
        ["policy tenant_isolation on table \"notes\" does not hold", "alter policy"],
        BySql,
    ),
    case(
        "two permissive policies",
        "create policy live on notes using (deleted_at is null) with check (true)",
        ["policy live on table \"notes\" is permissive", "as restrictive"],
        BySql,
    ),
    case(
        "an open policy of a role that it can become",
        "create role boss; grant boss to wall_app; alter role wall_app noinherit;
         create policy boss on notes to boss using (true) with check (true)",
        ["policy boss on table \"notes\" lets every row through", "drop policy"],
        BySql,
    ),
    case(
        "a crossing without stepping over",
        "create policy wide on notes for select to wall_app using ((select saas.crossing()))",
        ["policy wide on table \"notes\" shows every tenant's rows", "drop policy wide"],
        BySql,
    ),
    case(
        "a crossing for everybody",
        "create policy wide on notes for select using (saas.crossing())",
        ["policy wide on table \"notes\" shows every tenant's rows", "drop policy wide"],
        BySql,
    ),
    case(
        "an equality of the application's own",
        "create function public.equal(uuid, uuid) returns boolean language sql immutable as 'select true';
         create operator public.= (leftarg = uuid, rightarg = uuid, function = public.equal);
         set local search_path = public, pg_catalog;
         alter policy tenant_isolation on notes using (tenant_id = saas.tenant_id())",
        ["policy tenant_isolation on table \"notes\" does not hold", "alter policy"],
        InWords,
    ),
];
