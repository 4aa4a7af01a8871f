//! The SQL of the guides, run as it stands there.

use std::collections::HashSet;

use saas_core::{Entity, Id, TenantId};
use saas_tenancy::{Options, Registry, TenantDb, wall};
use saas_testkit as testkit;
use sqlx::{AssertSqlSafe, FromRow, Postgres};

use crate::walled::{in_transaction, walled};

const ADOPTING: &str = include_str!("../../src/guide/adopting.md");
const PGBOUNCER: &str = include_str!("../../src/guide/pgbouncer.md");

#[derive(Debug, Entity, FromRow)]
#[entity(table = "customers", tenant)]
struct Customer {
    id: Id<Customer>,
    company_id: TenantId,
    #[entity(unique)]
    email: String,
}

#[derive(Debug, Entity, FromRow)]
#[entity(table = "invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
    #[entity(references = Customer)]
    customer_id: Id<Customer>,
    number: String,
}

/// The fenced blocks of a language, in order.
fn blocks(guide: &str, language: &str) -> Vec<String> {
    let mut parts = guide.split("```");
    let fenced = std::iter::from_fn(|| {
        parts.next()?;
        parts.next()
    });
    let fence = format!("{language}\n");
    fenced.filter_map(|block| Some(block.strip_prefix(&fence)?.to_owned())).collect()
}

/// The statements of a block: cut where a line ends one, outside of a function's body.
fn statements(block: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in block.lines() {
        let current = all.len() - 1;
        all[current] += line;
        all[current].push('\n');
        if line.ends_with(';') && all[current].matches("$$").count() % 2 == 0 {
            all.push(String::new());
        }
    }
    all.retain(|statement| !statement.trim().is_empty());
    all
}

/// Two companies with a customer and an invoice each, written by a program that knows no tenants.
const OLD_ROWS: &str = "
    with company as (insert into companies select gen_random_uuid(), 'c' from generate_series(1, 2) returning id),
    customer as (insert into customers (id, company_id, email)
        select gen_random_uuid(), id, id || '@x' from company returning id)
    insert into invoices (id, customer_id, number) select gen_random_uuid(), id, 'A-1' from customer";

#[tokio::test]
async fn an_existing_schema_is_adopted_step_by_step() {
    let pg = testkit::postgres_fresh().await;
    let registry = || Registry::new().register::<Customer>().register::<Invoice>();
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    saas_tenancy::grant(&mut owner, &pg.app_role).await.unwrap();
    let roles = wall::Roles::new(&pg.app_role).create();
    sqlx::raw_sql(AssertSqlSafe(roles)).execute(&mut *owner).await.unwrap();
    let app_role = format!("\"{}\"", pg.app_role);
    for (place, block) in blocks(ADOPTING, "sql").iter().enumerate() {
        for statement in statements(&block.replace("invoicing_app", &app_role)) {
            let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *owner).await;
            done.unwrap_or_else(|error| panic!("{error}\n{statement}"));
        }
        // The old program goes on writing between the steps, except that its rows of the first ones
        // are left to the batches.
        if place == 0 || (2..6).contains(&place) {
            sqlx::raw_sql(OLD_ROWS).execute(&mut *owner).await.unwrap();
        }
    }

    let db = TenantDb::connect(pg.app.clone(), registry()).await.unwrap();
    let companies: Vec<TenantId> =
        sqlx::query_scalar("select id from companies").fetch_all(&mut *owner).await.unwrap();
    assert_eq!(companies.len(), 10);
    for company in companies {
        let customer = db.read(company).select::<Customer>().one().await.unwrap();
        let invoice = db.read(company).select::<Invoice>().one().await.unwrap();
        assert_eq!((customer.company_id, invoice.customer_id), (company, customer.id));
        assert_eq!((customer.email, invoice.number), (format!("{company}@x"), "A-1".to_owned()));
    }
}

/// While the program still connects as the owner.
#[tokio::test]
async fn before_the_wall_the_check_lists_what_is_missing_and_the_statements_are_scoped() {
    let pg = testkit::postgres_fresh().await;
    let registry = Registry::new().register::<Customer>().register::<Invoice>();
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    let wall_at = ADOPTING.find("## 8.").unwrap();
    for (place, block) in blocks(&ADOPTING[..wall_at], "sql").iter().enumerate() {
        for statement in statements(block) {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *owner).await.unwrap();
        }
        if place == 0 {
            sqlx::raw_sql(OLD_ROWS).execute(&mut *owner).await.unwrap();
        }
    }

    let findings = wall::check::<Postgres>(&mut owner, &registry, &Options::new()).await.unwrap();
    let of_tables = findings.iter().filter(|finding| finding.object.starts_with("table "));
    let found: HashSet<_> =
        of_tables.map(|finding| (finding.object.as_str(), finding.problem)).collect();
    let missing = ["table \"customers\"", "table \"invoices\""].into_iter().flat_map(|table| {
        [
            (table, "has no row-level security"),
            (table, "belongs to the connected role, which its policies do not bind"),
            (table, "shows rows without a tenant"),
            (table, "shows rows to a tenant that has none"),
        ]
    });
    assert_eq!(found, missing.collect());

    let db = TenantDb::connect_unverified(pg.owner.clone(), Options::new());
    let company: TenantId = sqlx::query_scalar("select id from companies limit 1")
        .fetch_one(&mut *owner)
        .await
        .unwrap();
    let customer = db.read(company).select::<Customer>().one().await.unwrap();
    assert_eq!(customer.company_id, company);
}

#[tokio::test]
async fn policies_are_accepted_in_the_wordings_that_the_guide_says_and_refused_in_the_others() {
    let (_pg, mut conn) = walled("t_tenancy_wordings").await;
    let rows = ADOPTING.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let wordings = rows.filter_map(|(wording, verdict)| {
        let wording = wording.split('`').find(|part| part.contains(" = "))?;
        Some((wording, !verdict.starts_with("refused")))
    });
    let mut seen = Vec::new();
    for (wording, sound) in wordings {
        let alter = format!(
            "alter policy tenant_isolation on notes using ({wording}) with check ({wording})"
        );
        let findings = in_transaction(&mut conn, &alter).await;
        assert_eq!(findings.is_empty(), sound, "{wording}: {findings:#?}");
        seen.push(sound);
    }
    assert_eq!(seen, [true, true, true, true, false, false]);
}

/// The suite runs through a PgBouncer that is set up as the guide says.
#[test]
fn the_settings_of_the_guide_are_those_that_the_suite_runs_with() {
    let services = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/services");
    let services = std::fs::read_to_string(services).unwrap();
    let blocks = blocks(PGBOUNCER, "ini");
    let settings: Vec<_> = blocks.iter().flat_map(|block| block.lines()).collect();
    assert_eq!(settings.len(), 2);
    for setting in settings {
        assert!(services.contains(&format!("\n{setting}")), "{setting}");
    }
}
