//! Each refusal against a database broken in exactly that way: what is named, and that the remedy
//! mends it.
//!
//! A database is broken, looked at and mended within one transaction that is rolled back, so one
//! database serves for all and each case takes milliseconds.

use saas_tenancy::{Options, Remedy, TenantDb};
use saas_testkit as testkit;
use sqlx::Connection;

use crate::fixture::registry;
use crate::walled::{APP, findings, in_transaction, run, walled};

struct Case {
    name: &'static str,
    /// Run by a superuser.
    broken: &'static str,
    /// What the finding says, in this order: the object, then a word of the problem or the remedy.
    says: [&'static str; 2],
    mended: Mended,
}

#[derive(PartialEq)]
enum Mended {
    /// By running the remedies.
    BySql,
    /// Elsewhere, as the words say.
    InWords,
}
use Mended::{BySql, InWords};

const fn case(
    name: &'static str,
    broken: &'static str,
    says: [&'static str; 2],
    mended: Mended,
) -> Case {
    Case { name, broken, says, mended }
}

/// A tenant's table that is partitioned, in the place of `notes`.
const PARTITIONED: &str = "
    drop table notes cascade;
    create table notes (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))
        partition by hash (tenant_id);
    alter table notes enable row level security;
    create policy p on notes using (tenant_id = (select saas.tenant_id()))
        with check (tenant_id = (select saas.tenant_id()));
    create table notes_0 partition of notes for values with (modulus 1, remainder 0);";

const CASES: &[Case] = &[
    // The role.
    case("a superuser", "alter role wall_app superuser", ["role \"wall_app\"", "superuser"], InWords),
    case("BYPASSRLS", "alter role wall_app bypassrls", ["role \"wall_app\"", "nobypassrls"], BySql),
    case(
        "a member of a superuser",
        "create role root superuser; grant root to wall_app",
        ["role \"wall_app\" can become", "revoke root"],
        InWords,
    ),
    case(
        "a chain of memberships to one that bypasses",
        "create role far bypassrls; create role near; grant far to near; grant near to wall_app;
         alter role wall_app noinherit",
        ["role \"wall_app\" can become", "revoke far"],
        InWords,
    ),
    case(
        "a member of a role that runs programs on the server",
        "grant pg_execute_server_program to wall_app",
        ["role \"wall_app\" can become", "revoke pg_execute_server_program"],
        InWords,
    ),
    case("CREATEROLE", "alter role wall_app createrole", ["role \"wall_app\"", "nocreaterole"], BySql),
    case("REPLICATION", "alter role wall_app replication", ["role \"wall_app\"", "noreplication"], BySql),
    // Settings.
    case(
        "row_security off",
        "alter role wall_app set row_security = off; set local row_security = off",
        ["setting row_security", "alter role wall_app reset row_security"],
        InWords,
    ),
    case(
        "a tenant as a setting of the database",
        "do $$ begin execute format('alter database %I set app.tenant_id = %L', current_database(), 'x'); end $$;
         set local app.tenant_id = '0198c0de-0000-7000-8000-000000000001'",
        ["setting app.tenant_id", "alter database t_tenancy_refusals reset app.tenant_id"],
        InWords,
    ),
    case(
        "a tenant that came with the connection",
        "set local app.tenant_id = '0198c0de-0000-7000-8000-000000000001'",
        ["setting app.tenant_id", "what runs after connecting"],
        InWords,
    ),
    // The function.
    case("no function", "drop function saas.tenant_id() cascade", ["function saas.tenant_id()", "migrate"], InWords),
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
    // Tables.
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
    // Policies.
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
    // Partitions.
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
    // Keys.
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
    // Ways around.
    case(
        "a view of its owner",
        "create view all_notes as select * from notes; grant select on all_notes to wall_app",
        ["view public.all_notes of notes", "security_invoker = true"],
        BySql,
    ),
    case(
        "a view on a view, granted by column to everybody",
        "create view inside as select n.id, c.email from notes n join customers c on c.id = n.customer_id;
         create view outside as select * from inside; grant select (email) on outside to public",
        ["view public.outside of customers, notes", "security_invoker = true"],
        BySql,
    ),
    case(
        "a materialized view",
        "create materialized view copied as select * from notes; grant select on copied to wall_app",
        ["materialized view public.copied of notes", "from wall_app"],
        BySql,
    ),
    case(
        "a function with its owner's rights",
        "create function all_notes() returns bigint language plpgsql security definer
         as $$ begin return (select count(*) from notes); end $$",
        ["function public.all_notes(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function with its owner's rights whose tables PostgreSQL keeps track of",
        "create function all_notes(x int) returns bigint language sql security definer
         begin atomic select count(*) from notes; end",
        ["function public.all_notes(x integer), which mentions notes", "security invoker"],
        BySql,
    ),
];

#[tokio::test]
async fn each_refusal_names_object_and_remedy_and_the_remedy_mends_it() {
    let (_pg, mut conn) = walled("t_tenancy_refusals").await;
    assert_eq!(in_transaction(&mut conn, "select 1").await, []);
    let mut wrong = Vec::new();
    for case in CASES {
        let mut tx = conn.begin().await.unwrap();
        run(&mut tx, &case.broken.replace("PARTITIONED", PARTITIONED)).await;
        let found = findings(&mut tx).await;
        let said: Vec<_> = found.iter().map(ToString::to_string).collect();
        if !said.iter().any(|text| case.says.iter().all(|word| text.contains(word))) {
            wrong.push(format!("{}: not said: {:?}\n{said:#?}", case.name, case.says));
        }
        if case.mended == BySql {
            for finding in &found {
                match &finding.remedy {
                    Remedy::Sql(sql) => run(&mut tx, sql).await,
                    other => wrong.push(format!("{}: not SQL: {other}", case.name)),
                }
            }
            let left = findings(&mut tx).await;
            if !left.is_empty() {
                wrong.push(format!("{}: not mended: {left:#?}", case.name));
            }
        }
        tx.rollback().await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not broken, though it looks a little like it.
#[tokio::test]
async fn what_keeps_tenants_apart_in_another_way_is_not_refused() {
    let (_pg, mut conn) = walled("t_tenancy_accepted").await;
    for sound in [
        "alter policy tenant_isolation on notes using (tenant_id = saas.tenant_id() and deleted_at is null)",
        "drop policy tenant_isolation on notes;
         create policy rows on notes using (true) with check (true);
         create policy tenants on notes as restrictive using (tenant_id = (select saas.tenant_id()))",
        "PARTITIONED select 1",
        "create view mine with (security_invoker) as select * from notes; grant select on mine to wall_app",
        "create view owners as select * from notes",
        "create function footnotes() returns bigint language sql security definer as 'select 1 /* notes_2 */'",
        "create table lines (tenant_id uuid, note_id uuid, foreign key (tenant_id, note_id) references notes)",
        "alter role wall_app set search_path = saas, public; set local search_path = saas, public",
    ] {
        let sound = sound.replace("PARTITIONED", PARTITIONED);
        assert_eq!(in_transaction(&mut conn, &sound).await, [], "{sound}");
    }
}

/// The policies are not only read.
#[tokio::test]
async fn a_wall_that_shows_rows_when_it_is_tried_is_refused() {
    let (_pg, mut conn) = walled("t_tenancy_tried").await;
    let mut tx = conn.begin().await.unwrap();
    let broken =
        "alter policy tenant_isolation on customers using (tenant_id = saas.tenant_id() or true);
        insert into customers (tenant_id, id, email, version, created_at, updated_at)
        values (gen_random_uuid(), gen_random_uuid(), 'a@x', 1, now(), now())";
    run(&mut tx, broken).await;
    let found: Vec<_> = findings(&mut tx).await.iter().map(ToString::to_string).collect();
    for problem in ["shows rows without a tenant", "shows rows to a tenant that has none"] {
        assert!(found.iter().any(|text| text.contains(problem)), "{found:#?}");
    }
}

#[tokio::test]
async fn connecting_refuses_what_the_check_finds_and_the_way_around_is_explicit() {
    let (pg, mut conn) = walled("t_tenancy_connecting").await;
    run(&mut conn, "alter role wall_app password 'wall'").await;
    let pool =
        sqlx::PgPool::connect_lazy_with(pg.app_options.clone().username(APP).password("wall"));
    TenantDb::connect(pool.clone(), registry()).await.unwrap();
    run(
        &mut conn,
        "create table if not exists leak () inherits (notes); grant select on leak to wall_app",
    )
    .await;
    let error = TenantDb::connect(pool.clone(), registry()).await.unwrap_err().to_string();
    run(&mut conn, "drop table leak").await;
    assert!(
        error.starts_with("the database does not isolate tenants:\n- table public.leak "),
        "{error}"
    );
    let unverified = TenantDb::connect_unverified(pool, Options::new());
    assert!(unverified.global().await.is_ok());
}

#[tokio::test]
async fn a_pooler_that_nobody_declared_is_found_and_the_mode_suggested() {
    let direct = testkit::postgres("t_tenancy").await;
    crate::fixture::prepared(&direct).await;
    let pooled = testkit::pgbouncer("t_tenancy").await;
    let error = TenantDb::connect(pooled.app.clone(), registry()).await.unwrap_err().to_string();
    assert!(error.contains("connection goes through a pooler"), "{error}");
    assert!(error.contains("Options::new().pooler_safe(true)"), "{error}");
    let safe = Options::new().pooler_safe(true);
    TenantDb::connect_with(pooled.app, registry(), safe).await.unwrap();
    TenantDb::connect(direct.app, registry()).await.unwrap();
}
