//! This crate's own functions and tables.

use super::Mended::{BySql, InWords};
use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case(
        "no function",
        "drop function saas.tenant_id() cascade",
        ["function saas.tenant_id()", "migrate"],
        InWords,
    ),
    case(
        "another function",
        "create or replace function saas.tenant_id() returns uuid language sql stable
         as $$ select coalesce(nullif(current_setting('app.tenant_id', true), ''), 'b')::uuid $$",
        ["function saas.tenant_id()", "create or replace function"],
        BySql,
    ),
    case(
        "a function that runs as its owner",
        "alter function saas.tenant_id() security definer",
        ["function saas.tenant_id()", "create or replace function"],
        BySql,
    ),
    case(
        "a function that may not be called",
        "revoke execute on function saas.tenant_id() from public, wall_app",
        ["function saas.tenant_id()", "grant execute"],
        BySql,
    ),
    case(
        "a function with a tenant as its own setting",
        "alter function saas.tenant_id() set app.tenant_id = '0198c0de-0000-7000-8000-000000000001'",
        ["function saas.tenant_id() is not the one", "create or replace function"],
        BySql,
    ),
    case(
        "a crossing that needs no entry",
        "create or replace function saas.crossing() returns boolean language sql stable as 'select true'",
        ["function saas.crossing() is not the one", "create or replace function saas.crossing()"],
        BySql,
    ),
    case(
        "a crossing that is kept for the statement only once",
        "alter function saas.crossing() immutable",
        ["function saas.crossing() is not the one", "create or replace function"],
        BySql,
    ),
    case(
        "a crossing that looks as its owner",
        "alter function saas.crossing() security definer",
        ["function saas.crossing() is not the one", "create or replace function"],
        BySql,
    ),
    case(
        "a crossing that is not written down",
        "create or replace function saas.cross(uuid, text, text, timestamptz) returns void language sql security definer set search_path = pg_catalog, pg_temp as 'select'",
        [
            "function saas.cross(uuid, text, text, timestamptz) is not the one",
            "create or replace function saas.cross(",
        ],
        BySql,
    ),
    case(
        "a crossing that is written down where somebody says",
        "alter function saas.cross(uuid, text, text, timestamptz) set search_path = public",
        [
            "function saas.cross(uuid, text, text, timestamptz) is not the one",
            "create or replace function",
        ],
        BySql,
    ),
    case(
        "a crossing without a setting of its own",
        "alter function saas.cross(uuid, text, text, timestamptz) reset all",
        [
            "function saas.cross(uuid, text, text, timestamptz) is not the one",
            "create or replace function",
        ],
        BySql,
    ),
    case(
        "a body that PostgreSQL has parsed",
        "create or replace function saas.crossing() returns boolean language sql stable begin atomic select true; end",
        ["function saas.crossing() is not the one", "create or replace function"],
        BySql,
    ),
    case(
        "no function to cross by",
        "drop function saas.cross(uuid, text, text, timestamptz)",
        [
            "function saas.cross(uuid, text, text, timestamptz) does not exist",
            "saas_tenancy::migrate",
        ],
        InWords,
    ),
    case(
        "a function of the connected role's",
        "alter function saas.crossing() owner to wall_app",
        ["role \"wall_app\" owns the functions", "owns nothing"],
        InWords,
    ),
    case(
        "a function of a role's that it can become",
        "create role holder; grant holder to wall_app; alter function saas.tenant_id() owner to holder",
        ["role \"wall_app\" owns the functions", "owns nothing"],
        InWords,
    ),
    case(
        "a crossing for the connected role",
        "grant execute on function saas.cross(uuid, text, text, timestamptz), saas.crossing() to wall_app",
        [
            "function saas.cross(uuid, text, text, timestamptz) may be called by the connected role",
            "from wall_app",
        ],
        BySql,
    ),
    case(
        "a crossing for everybody",
        "grant execute on function saas.crossing() to public",
        ["function saas.crossing() may be called", "from public"],
        BySql,
    ),
    case(
        "a schema that may not be used",
        "revoke usage on schema saas from wall_app",
        ["function saas.tenant_id() may not be called", "grant usage on schema saas"],
        BySql,
    ),
    case(
        "a schema that everybody makes objects in",
        "grant create on schema saas to public",
        ["schema saas lets the connected role make objects", "from public"],
        BySql,
    ),
    case(
        "no settings",
        "drop table saas.settings",
        ["table saas.settings does not exist", "saas_tenancy::migrate"],
        InWords,
    ),
    case(
        "settings without row-level security",
        "alter table saas.settings disable row level security",
        ["table saas.settings has no row-level security", "enable row level security"],
        BySql,
    ),
    case(
        "settings owned without FORCE",
        "alter table saas.settings owner to wall_app; alter table saas.settings no force row level security",
        ["table saas.settings belongs to the connected role", "force row level security"],
        BySql,
    ),
    case(
        "settings without a policy",
        "drop policy tenant_isolation on saas.settings",
        ["table saas.settings lacks a policy", "create policy tenant_isolation on saas.settings"],
        BySql,
    ),
    case(
        "settings that everybody reads",
        "alter policy tenant_isolation on saas.settings using (true)",
        [
            "policy tenant_isolation on table saas.settings is not the one",
            "drop policy tenant_isolation",
        ],
        BySql,
    ),
    case(
        "steps of everybody's",
        "create policy open on saas.tenant_steps using (true) with check (true)",
        ["policy open on table saas.tenant_steps lets every row through", "drop policy open"],
        BySql,
    ),
    case(
        "transfers that are joined by OR",
        "create policy done on saas.transfers for select using (done)",
        ["policy done on table saas.transfers is permissive", "as restrictive"],
        BySql,
    ),
    case(
        "entries of nobody's that tenants see",
        "alter policy nobodys on saas.audit using (tenant_id is null)",
        ["policy nobodys on table saas.audit is not the one", "drop policy nobodys"],
        BySql,
    ),
    case(
        "entries of crossings by everybody",
        "alter policy crossings on saas.audit to public",
        [
            "policy crossings on table saas.audit is not the one",
            "create policy crossings on saas.audit for insert to",
        ],
        BySql,
    ),
    case(
        "entries of crossings by nobody",
        "drop policy crossings on saas.audit",
        ["table saas.audit lacks a policy", "create policy crossings"],
        BySql,
    ),
    case(
        "entries that may be changed by a group",
        "create role clerks; grant clerks to wall_app; grant update (actor), delete on saas.audit to clerks",
        ["table saas.audit may be changed", "revoke delete, update on saas.audit from clerks"],
        BySql,
    ),
    case(
        "entries that may be truncated",
        "grant truncate on saas.audit to public",
        ["table saas.audit may be changed", "revoke truncate on saas.audit from public"],
        BySql,
    ),
    case(
        "entries that name their own transaction",
        "grant insert (xact) on saas.audit to wall_app",
        ["table saas.audit gives the connected role more", "grant select, insert (tenant_id,"],
        BySql,
    ),
    case(
        "entries in any column",
        "grant insert on saas.audit to wall_app",
        [
            "table saas.audit gives the connected role more",
            "revoke insert on saas.audit from wall_app",
        ],
        BySql,
    ),
    case(
        "settings that may be truncated",
        "grant truncate, references on saas.settings to wall_app",
        [
            "table saas.settings gives the connected role more",
            "revoke references, truncate on saas.settings",
        ],
        BySql,
    ),
    case(
        "steps that may be taken back",
        "grant delete on saas.tenant_steps to wall_app",
        ["table saas.tenant_steps gives the connected role more", "revoke delete"],
        BySql,
    ),
    case(
        "tenants that may be deleted",
        "grant delete on saas.tenants to wall_app",
        ["table saas.tenants gives the connected role more", "revoke delete"],
        BySql,
    ),
    case(
        "the ledger of schemas",
        "grant select on saas.schemas to wall_app",
        ["table saas.schemas gives the connected role more", "revoke select"],
        BySql,
    ),
];
