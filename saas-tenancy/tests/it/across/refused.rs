//! What connecting says of a role that cannot cross, or could do more than that.

use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Finding, Options, Remedy};
use sqlx::{Connection, Executor, PgConnection, Postgres};

use crate::fixture::registry;
use crate::walled::{APP, become_superuser, run, walled};

const ROLE: &str = "wall_across";

async fn findings(conn: &mut PgConnection) -> Vec<Finding> {
    conn.execute("set local session authorization wall_app").await.unwrap();
    let options = Options::new().across_role(ROLE);
    let found = wall::check::<Postgres>(conn, &registry(), &options).await.unwrap();
    become_superuser(conn).await;
    found
}

/// Runs the remedies; whether they were all SQL.
async fn mend(conn: &mut PgConnection, findings: &[Finding]) -> bool {
    for finding in findings {
        match &finding.remedy {
            Remedy::Sql(sql) => run(conn, sql).await,
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn remedy_by_remedy_a_role_is_made_that_can_cross() {
    let (_pg, mut conn) = walled("t_tenancy_refusals").await;
    let mut tx = conn.begin().await.unwrap();
    let missing = findings(&mut tx).await;
    assert!(missing.len() == 1 && missing[0].problem.contains("does not exist"), "{missing:?}");
    assert!(mend(&mut tx, &missing).await);
    let (rights, blind): (Vec<_>, Vec<_>) =
        findings(&mut tx).await.into_iter().partition(|finding| finding.object.contains(ROLE));
    assert!(
        rights.len() == 1 && rights[0].to_string().contains("saas_tenancy::grant"),
        "{rights:?}"
    );
    saas_tenancy::grant(&mut tx, Roles::new(APP).across(ROLE)).await.unwrap();
    assert_eq!(blind.len(), registry().tenant_tables().count(), "{blind:?}");
    assert!(mend(&mut tx, &blind).await);
    assert_eq!(findings(&mut tx).await, []);
    tx.rollback().await.unwrap();
}

/// From PostgreSQL 16 on each grant says whether it is inherited; before, the role does.
const INHERITED: &str = "
    do $$ begin
        if current_setting('server_version_num')::int >= 160000 then
            execute 'grant wall_across to wall_app with inherit true';
        else
            execute 'alter role wall_app inherit';
        end if;
    end $$";

const INHERITED_THROUGH_ANOTHER: &str = "
    create role near;
    grant wall_across to near;
    grant near to wall_app;
    do $$ begin
        if current_setting('server_version_num')::int >= 160000 then
            execute 'grant near to wall_app with inherit true';
        else
            execute 'alter role wall_app inherit';
        end if;
    end $$";

#[tokio::test]
async fn each_way_to_do_more_than_read_is_named_and_mended() {
    let (_pg, mut conn) = walled("t_tenancy_refusals").await;
    for (broken, word) in [
        ("revoke wall_across from wall_app", "cannot be stepped into"),
        (INHERITED, "is inherited"),
        (INHERITED_THROUGH_ANOTHER, "is inherited"),
        ("grant insert on customers to wall_across", "may be written"),
        ("grant update (body) on notes to wall_across", "may be written"),
        ("grant truncate on notes to wall_across", "may be written"),
        ("drop policy tenant_crossing on notes", "shows nothing"),
        ("grant update on saas.audit to wall_app", "prove nothing"),
        ("grant delete on saas.audit to public", "prove nothing"),
        ("grant update (actor) on saas.audit to wall_across", "prove nothing"),
    ] {
        let mut tx = conn.begin().await.unwrap();
        let roles = Roles::new(APP).across(ROLE);
        let cross = "create policy tenant_crossing on {} for select to wall_across
                         using ((select saas.crossing())); grant select on {} to wall_across;";
        let registry = registry();
        let policies = registry.tenant_tables().map(|table| cross.replace("{}", table));
        let made = roles.create() + &policies.collect::<String>();
        run(&mut tx, &made).await;
        saas_tenancy::grant(&mut tx, roles).await.unwrap();
        assert_eq!(findings(&mut tx).await, [], "before {broken}");
        run(&mut tx, broken).await;
        let found = findings(&mut tx).await;
        assert!(found.iter().any(|finding| finding.problem.contains(word)), "{broken}: {found:?}");
        assert!(mend(&mut tx, &found).await, "{broken}: {found:?}");
        assert_eq!(findings(&mut tx).await, [], "after {broken}");
        tx.rollback().await.unwrap();
    }
}
