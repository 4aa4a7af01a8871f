//! What is not broken, though it looks a little like it; and what is, though it does not.

use super::PARTITIONED;
use sqlx::Connection;

use crate::walled::{findings, in_transaction, run, walled};

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
        "grant temporary on database t_tenancy_accepted to public; set local search_path = public, pg_temp",
        "create role bound; grant select on notes to bound; create policy bound on notes to bound using (tenant_id = (select saas.tenant_id())); create function count_notes() returns bigint language sql security definer as 'select count(*) from notes'; alter function count_notes() owner to bound",
        "create table settings (n int); create function count_settings() returns bigint language sql security definer as 'select count(*) from settings'",
        "create function quiet() returns trigger language plpgsql security definer as 'begin return new; end'; create trigger quiet before insert on notes for each row execute function quiet()",
        "create function unused() returns trigger language plpgsql security definer as 'begin delete from notes; return new; end'",
        "create table inbox (n int); create rule peek as on update to inbox do instead select body from notes",
        "create rule keep as on delete to notes do instead nothing",
        "create table lines (tenant_id uuid not null, note_id uuid, foreign key (tenant_id, note_id) references notes); alter table lines enable row level security; create policy p on lines using (tenant_id = (select saas.tenant_id())); grant select, insert, update on lines to wall_app",
        "alter table notes add constraint apart exclude using btree (tenant_id with =, body with =)",
        "create trigger unused after insert on notes for each row execute function suppress_redundant_updates_trigger(); alter table notes disable trigger unused",
        "create policy live on saas.settings as restrictive using (name <> 'x'); create policy of_app on saas.settings to wall_app using (tenant_id = saas.tenant_id() and name = 'y') with check (tenant_id = saas.tenant_id())",
        "revoke insert, update, delete on saas.tenants from wall_app; drop table saas.schemas",
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
    // Another that answers with an error does not keep it from being seen.
    run(&mut tx, "alter policy tenant_isolation on notes using (1 / (random() * 0)::int = 1)")
        .await;
    let again: Vec<_> = findings(&mut tx).await.iter().map(ToString::to_string).collect();
    let shows = |text: &&String| text.contains("shows rows");
    assert_eq!(again.iter().filter(shows).count(), 2, "{again:#?}");
}
