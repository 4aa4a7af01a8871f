//! Leaks planted in PostgreSQL.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use saas_core::TenantId;
use saas_tenancy::testing::{Attempt, KitError, Outcome, Report};
use saas_tenancy::{Options, TenantDb};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::place::{As, Place};
use super::{kit, kit_on_two, leaks, on};

const TABLES: &[&str] = &["customers", "notes", "tasks"];

/// What a plain statement on a pool's connection can show.
const PLAIN: &[Attempt] = &[
    Attempt::PlainFresh,
    Attempt::PlainCommitted,
    Attempt::PlainRolledBack,
    Attempt::PlainDropped,
    Attempt::PlainAborted,
];

/// What a tenant's raw SQL gets at where nothing walls a table.
const RAW: &[Attempt] = &[
    Attempt::RawSelect,
    Attempt::RawUpdate,
    Attempt::RawDelete,
    Attempt::RawInsert,
    Attempt::RawGive,
    Attempt::RawTake,
];

struct Case {
    /// Run by a superuser.
    planted: &'static str,
    who: As,
    leaks: BTreeSet<(&'static str, Attempt)>,
}

fn case(planted: &'static str, leaks: BTreeSet<(&'static str, Attempt)>) -> Case {
    Case { planted, who: As::App, leaks }
}

fn open(tables: &[&'static str]) -> BTreeSet<(&'static str, Attempt)> {
    &on(tables, RAW) | &on(tables, PLAIN)
}

/// `tasks` in partitions, walled by itself. That the partition can be read is the default's doing.
const PARTITIONED: &str = "
    alter default privileges in schema :schema grant select on tables to :app;
    create table parted (like tasks including all) partition by hash (tenant_id);
    drop table tasks;
    alter table parted rename to tasks;
    alter table tasks add foreign key (tenant_id, note_id) references notes (tenant_id, id);
    create table tasks_0 partition of tasks for values with (modulus 1, remainder 0);
    alter table tasks enable row level security;
    create policy p on tasks using (tenant_id = (select saas.tenant_id()));
    grant select, insert, update, delete on tasks to :app;";

/// A view in the place of `customers`, which says of every row that it is the asker's: as if the
/// statements had forgotten their filter. Rows can be written through it.
const FORGOTTEN: &str = "
    drop table tasks;
    alter table customers rename to base;
    alter table base disable row level security;
    create view customers as select saas.tenant_id() as tenant_id, id, email, born_on, version,
        created_at, updated_at, deleted_at, deletion_id from base;
    create function write() returns trigger language plpgsql security definer as $$ begin
        if tg_op = 'INSERT' then
            insert into :schema.base values (new.tenant_id, new.id, new.email, new.born_on, new.version,
                new.created_at, new.updated_at, new.deleted_at, new.deletion_id);
        elsif tg_op = 'UPDATE' then
            update :schema.base set email = new.email, version = new.version,
                deleted_at = new.deleted_at, deletion_id = new.deletion_id where id = old.id;
        else
            delete from :schema.base where id = old.id; return old;
        end if;
        return new; end $$;
    create trigger t instead of insert or update or delete on customers
        for each row execute function write();
    grant select, insert, update, delete on customers to :app;";

fn cases() -> Vec<Case> {
    let two = |first, second| &on(&["customers"], first) | &on(&["notes"], second);
    vec![
        case("alter table notes disable row level security", open(&["notes"])),
        case(
            "drop policy tenant_isolation on customers; alter table customers disable row level security",
            open(&["customers"]),
        ),
        case("alter policy tenant_isolation on tasks using (true) with check (true)", open(&["tasks"])),
        case(
            "alter policy tenant_isolation on notes using
                (saas.tenant_id() is null or tenant_id = saas.tenant_id())",
            on(&["notes"], PLAIN),
        ),
        case(
            "alter policy tenant_isolation on notes with check (true)",
            on(&["notes"], &[Attempt::RawInsert, Attempt::RawGive]),
        ),
        case(
            "create policy another on notes for select using (true)",
            &on(&["notes"], PLAIN) | &on(&["notes"], &[Attempt::RawSelect]),
        ),
        case(
            "create view everything as select * from notes; grant select on everything to :app",
            on(&["notes"], &[Attempt::Views]),
        ),
        // It shows no row of anybody's, and how many there are all the same.
        case(
            "create view inner_view as select id from tasks;
             create view how_many as select count(*) from inner_view; grant select on how_many to :app",
            on(&["tasks"], &[Attempt::Views]),
        ),
        case(
            "create materialized view copied as select * from notes; grant select on copied to :app",
            on(&["notes"], &[Attempt::Views]),
        ),
        case(
            "alter table customers add unique (id);
             alter table notes drop constraint notes_tenant_id_customer_id_fkey,
                add foreign key (customer_id) references customers (id)",
            two(&[Attempt::InsertId, Attempt::UpsertById], &[Attempt::Reference]),
        ),
        case(
            "alter table tasks drop constraint tasks_tenant_id_note_id_fkey",
            on(&["tasks"], &[Attempt::Reference]),
        ),
        case(
            "create unique index told on customers (email)",
            on(&["customers"], &[Attempt::InsertValues, Attempt::UpsertByValues]),
        ),
        case(
            "alter table notes add constraint told unique (body) deferrable initially deferred",
            on(&["notes"], &[Attempt::InsertValues]),
        ),
        case(
            "alter table notes add constraint told exclude using btree (body with =)",
            on(&["notes"], &[Attempt::InsertValues]),
        ),
        case(
            "alter table tasks drop constraint tasks_pkey, add primary key (id)",
            on(&["tasks"], &[Attempt::InsertId]),
        ),
        case(PARTITIONED, on(&["tasks"], &[Attempt::Partitions])),
        Case {
            planted: "alter table notes no force row level security;",
            who: As::Owner,
            leaks: open(&["notes"]),
        },
        Case { planted: "", who: As::AppWith("bypassrls"), leaks: open(TABLES) },
        Case { planted: "", who: As::Superuser, leaks: open(TABLES) },
    ]
}

/// On a pool of one connection, since an application's may be as small.
async fn report(options: PgConnectOptions, hooks: PgPoolOptions) -> Result<Report, KitError> {
    let pool = hooks.max_connections(1).connect_lazy_with(options);
    kit(TenantDb::connect_unverified(pool, Options::new())).run().await
}

#[tokio::test]
async fn each_leak_planted_is_named_and_no_other() {
    let tried = stream::iter(cases()).for_each_concurrent(4, async |case| {
        let Case { planted, who, leaks: expected } = case;
        let mut place = Place::new(planted).await;
        let options = place.options(who).await;
        let report = report(options, PgPoolOptions::new()).await.unwrap();
        assert_eq!(leaks(&report), expected, "{planted}\n{report}");
        place.end().await;
    });
    tried.await;
}

#[tokio::test]
async fn a_walled_partition_and_a_view_with_the_askers_rights_hold() {
    let views = "create view own with (security_invoker) as select * from notes;
        grant select on own to :app; alter table tasks_0 enable row level security;
        create policy p on tasks_0 using (tenant_id = (select saas.tenant_id()));";
    let mut place = Place::new(&format!("{PARTITIONED} {views}")).await;
    let options = place.options(As::App).await;
    let report = report(options, PgPoolOptions::new()).await.unwrap();
    report.assert_isolated();
    for held in on(&["tasks"], &[Attempt::Partitions]).union(&on(&["notes"], &[Attempt::Views])) {
        let mut tried = report.tried().iter();
        let tried = tried.find(|tried| (tried.table, tried.attempt) == *held).unwrap();
        assert_eq!(tried.outcome, Outcome::Held, "{tried}");
    }
    place.end().await;
}

#[tokio::test]
async fn a_tenant_that_a_hook_leaves_on_connections_is_found() {
    let mut place = Place::new("").await;
    let options = place.options(As::App).await;
    let hooks = PgPoolOptions::new().after_connect(|conn, _| {
        Box::pin(async move {
            let set = sqlx::query("select set_config('app.tenant_id', $1, false)");
            set.bind(TenantId::new().to_string()).execute(conn).await.map(drop)
        })
    });
    let found = report(options, hooks).await.unwrap();
    assert_eq!(leaks(&found), on(TABLES, PLAIN), "{found}");
    let options = place.options(As::App).await;
    let options = options.options([("app.tenant_id", TenantId::new())]);
    let found = report(options, PgPoolOptions::new()).await.unwrap();
    assert_eq!(leaks(&found), on(TABLES, PLAIN), "{found}");
    place.end().await;
}

/// As after a commit that leaves something of the session behind.
#[tokio::test]
async fn a_tenant_that_stays_on_connections_after_use_is_found() {
    let mut place = Place::new("").await;
    let hooks = PgPoolOptions::new().after_release(|conn, _| {
        Box::pin(async move {
            let set = sqlx::query("select set_config('app.tenant_id', $1, false)");
            set.bind(TenantId::new().to_string()).execute(conn).await.map(|_| true)
        })
    });
    let found = report(place.options(As::App).await, hooks).await.unwrap();
    let used = [Attempt::PlainCommitted, Attempt::PlainRolledBack, Attempt::PlainDropped];
    assert!(leaks(&found).is_superset(&on(TABLES, &used)), "{found}");
    assert!(leaks(&found).is_disjoint(&on(TABLES, &[Attempt::PlainFresh])), "{found}");
    place.end().await;
}

#[tokio::test]
async fn statements_that_forget_their_filter_are_found() {
    let mut place = Place::new(FORGOTTEN).await;
    let pool = PgPoolOptions::new().connect_lazy_with(place.options(As::App).await);
    let db = TenantDb::connect_unverified(pool, Options::new());
    let found = leaks(&kit_on_two(db).run().await.unwrap());
    let typed = [
        Attempt::List,
        Attempt::ById,
        Attempt::Count,
        Attempt::ListDeleted,
        Attempt::Update,
        Attempt::UpdateAll,
        Attempt::Delete,
        Attempt::DeleteAll,
        Attempt::SoftDelete,
        Attempt::Restore,
        Attempt::Purge,
    ];
    let expected = &on(&["customers"], &typed) | &on(&["notes"], &[Attempt::Join]);
    let missed: Vec<_> = expected.difference(&found).copied().collect();
    assert_eq!(missed, []);
    place.end().await;
}

#[tokio::test]
async fn a_table_on_which_nobody_can_work_is_an_error_and_proves_nothing() {
    let mut place = Place::new("drop policy tenant_isolation on notes").await;
    let options = place.options(As::App).await;
    let error = report(options, PgPoolOptions::new()).await.unwrap_err();
    assert!(matches!(error, KitError::Own { table: "notes", .. }), "{error}");
    place.end().await;
}
