//! Tenants' tables, their partitions and children.

use super::Mended::{BySql, InWords};
use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("no table", "drop table notes cascade", ["table \"notes\"", "run the migrations"], InWords),
    case(
        "no row-level security",
        "alter table notes disable row level security",
        ["table \"notes\" has no row-level security", "enable row level security"],
        BySql,
    ),
    case(
        "owned without FORCE",
        "grant create on schema public to wall_app; alter table notes owner to wall_app;
         alter table notes no force row level security",
        ["table \"notes\" belongs to the connected role", "force row level security"],
        BySql,
    ),
    case(
        "owned without FORCE by a role that it can become",
        "create role holder; grant create on schema public to holder; grant holder to wall_app;
         alter role wall_app noinherit; alter table notes owner to holder;
         alter table notes no force row level security",
        ["table \"notes\" belongs to the connected role", "force row level security"],
        BySql,
    ),
    case(
        "TRUNCATE",
        "grant truncate on notes to wall_app",
        ["table \"notes\" may be truncated", "from wall_app"],
        BySql,
    ),
    case("TRIGGER for everybody", "grant trigger on notes to public", ["table \"notes\"", "from public"], BySql),
    case(
        "REFERENCES on a column by a group",
        "create role readers; grant references (id) on notes to readers; grant readers to wall_app",
        ["table \"notes\"", "from readers"],
        BySql,
    ),
    case(
        "a tenant that may be null",
        "alter table notes drop constraint notes_pkey cascade; alter table notes alter column tenant_id drop not null",
        ["table \"notes\" lets tenant_id be null", "set not null"],
        BySql,
    ),
    case(
        "a tenant that is text",
        "drop table notes cascade; create table notes (tenant_id text not null, id uuid, primary key (tenant_id, id));
         alter table notes enable row level security",
        ["table \"notes\" has a tenant_id that is no uuid", "type uuid"],
        BySql,
    ),
    case("no tenant", "drop table notes cascade; create table notes (id uuid)", ["table \"notes\"", "no column tenant_id"], InWords),
    case(
        "no tenant index",
        "alter table notes drop constraint notes_pkey cascade; drop index notes_customer_id_idx",
        ["table \"notes\" has no index", "create index"],
        BySql,
    ),
    case(
        "only a partial tenant index",
        "alter table notes drop constraint notes_pkey cascade; drop index notes_customer_id_idx;
         create index on notes (tenant_id) where deleted_at is null",
        ["table \"notes\" has no index", "create index"],
        BySql,
    ),
    case(
        "a partition without its own wall",
        "PARTITIONED grant select on notes_0 to wall_app",
        ["table public.notes_0 is part of a tenant's table", "enable row level security"],
        BySql,
    ),
    case(
        "a partition with an open policy",
        "PARTITIONED grant select on notes_0 to wall_app; alter table notes_0 enable row level security;
         create policy open on notes_0 using (true) with check (true)",
        ["policy open on table public.notes_0 lets every row through", "alter policy"],
        BySql,
    ),
    case(
        "a child by inheritance without its own wall",
        "create table old_notes () inherits (notes); grant select on old_notes to public",
        ["table public.old_notes is part of a tenant's table", "enable row level security"],
        BySql,
    ),
    case(
        "references that are not checked",
        "alter table notes disable trigger all",
        ["table notes has constraints that are not checked", "enable trigger"],
        BySql,
    ),
    case(
        "references that are checked on replicas only",
        "do $$ declare t name; begin select tgname into t from pg_trigger where tgrelid = 'customers'::regclass and tgisinternal limit 1; execute format('alter table customers enable replica trigger %I', t); end $$",
        ["table customers has constraints that are not checked", "enable trigger"],
        BySql,
    ),
    case(
        "a rule that swallows entries",
        "create rule swallow as on insert to saas.audit do instead nothing",
        ["rule swallow on saas.audit comes between", "drop rule swallow on saas.audit"],
        BySql,
    ),
    case(
        "a trigger that swallows entries",
        "create function nothing() returns trigger language plpgsql as 'begin return null; end';
         create trigger swallow before insert on saas.audit for each row execute function nothing()",
        ["trigger swallow on saas.audit comes between", "drop trigger swallow on saas.audit"],
        BySql,
    ),
    case(
        "a function that sets the tenant",
        "create function peep() returns bigint language sql set app.tenant_id = '0198c0de-0000-7000-8000-000000000001'
         as 'select count(*) from notes'",
        ["function peep() sets the tenant by itself", "alter routine peep() reset app.tenant_id"],
        BySql,
    ),
];
