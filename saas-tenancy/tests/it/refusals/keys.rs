//! Keys that tell what other tenants have.

use super::Mended::{BySql, InWords};
use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case(
        "a primary key without the tenant",
        "alter table notes drop constraint notes_pkey cascade, add primary key (id)",
        ["key notes_pkey on table notes", "primary key (tenant_id, id)"],
        BySql,
    ),
    case(
        "a unique constraint without the tenant",
        "alter table notes add constraint body_once unique (body)",
        ["key body_once on table notes", "unique (tenant_id, body)"],
        BySql,
    ),
    case(
        "a partial unique index without the tenant",
        "create unique index mail on customers (lower(email)) where deleted_at is null",
        ["key mail on table customers", "(tenant_id, lower(email)) where (deleted_at IS NULL)"],
        BySql,
    ),
    case(
        "an exclusion constraint without the tenant",
        "alter table notes add constraint apart exclude using btree (body with =)",
        ["key apart on table notes", "tenant_id with ="],
        InWords,
    ),
    case(
        "a single-column foreign key between tenants' tables",
        "alter table customers add unique (id);
         alter table notes add constraint of_customer foreign key (customer_id) references customers (id) on delete cascade",
        ["foreign key of_customer on table notes", "(tenant_id, id) ON DELETE CASCADE"],
        BySql,
    ),
    case(
        "a foreign key from a table of nobody's",
        "create table log (tenant_id uuid, customer_id uuid);
         alter table customers add constraint once unique (id, tenant_id);
         alter table log add constraint of_customer foreign key (tenant_id, customer_id) references customers (id, tenant_id)",
        ["foreign key of_customer on table log", "register it"],
        InWords,
    ),
    case(
        "an exclusion constraint that asks for another tenant",
        "create extension if not exists btree_gist; alter table notes add constraint apart exclude using gist (tenant_id with <>, body with =)",
        ["key apart on table notes", "tenant_id with ="],
        InWords,
    ),
    case(
        "a foreign key by which a table of nobody's asks for rows",
        "create table log (tenant_id uuid, note_id uuid, constraint of_note foreign key (tenant_id, note_id) references notes); grant insert on log to wall_app",
        ["foreign key of_note on table log tells", "or revoke insert and update"],
        InWords,
    ),
    case(
        "the same by column and for everybody",
        "create table log (tenant_id uuid, note_id uuid, constraint of_note foreign key (tenant_id, note_id) references notes); grant update (note_id) on log to public",
        ["foreign key of_note on table log tells", "register log"],
        InWords,
    ),
    case(
        "the same with a policy that holds nobody",
        "create table log (tenant_id uuid, note_id uuid, constraint of_note foreign key (tenant_id, note_id) references notes); grant insert on log to wall_app; alter table log enable row level security; create policy open on log using (true)",
        ["foreign key of_note on table log tells", "register log"],
        InWords,
    ),
];
