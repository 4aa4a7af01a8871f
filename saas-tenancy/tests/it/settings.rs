//! What tenants have otherwise than the defaults: typed, and each change written down.

use saas_core::TenantId;
use saas_tenancy::{Audited, Error, ErrorKind, Flag, Setting, TenantDb};
use serde_json::{Value, json};

use crate::fixture::{self, Db};
use crate::suite::suite;

const SEATS: Setting<u32> = Setting::new("seats", || 5);
const BETA: Flag = Flag::new("beta", false);
const COLOURS: Setting<Vec<String>> = Setting::new("colours", || vec!["red".to_owned()]);
const NICKNAME: Setting<Option<String>> = Setting::new("nickname", || None);
/// Another program's idea of the seats.
const SEATS_AS_TEXT: Setting<String> = Setting::new("seats", String::new);

async fn changes<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> Vec<Audited> {
    let mut found = db.read(tenant).entries().newest(100).await.unwrap();
    found.reverse();
    found
}

pub(crate) async fn what_a_tenant_has_not_set_is_the_default<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let read = db.read(tenant).settings().await.unwrap();
    let mut tx = db.tenant(tenant).await.unwrap();
    for settings in [read, tx.settings().await.unwrap()] {
        assert_eq!((settings.get(&SEATS).unwrap(), settings.get(&BETA).unwrap()), (5, false));
        assert_eq!(settings.get(&COLOURS).unwrap(), ["red"]);
        assert!(!settings.is_set(&SEATS));
    }
}

pub(crate) async fn what_a_tenant_has_set_is_read_back_until_it_is_reset<DB: Db>(db: TenantDb<DB>) {
    let (tenant, other) = (fixture::tenant(&db).await, fixture::tenant(&db).await);
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.set(&SEATS, 50, "mia@x").await.unwrap();
    tx.set(&BETA, true, "mia@x").await.unwrap();
    tx.set(&COLOURS, vec!["it's".to_owned(), "\\ \"".to_owned()], &"mia@x".to_owned())
        .await
        .unwrap();
    tx.set(&NICKNAME, None, "mia@x").await.unwrap();
    let own = tx.settings().await.unwrap();
    assert_eq!((own.get(&SEATS).unwrap(), own.get(&BETA).unwrap()), (50, true));
    tx.commit().await.unwrap();
    let settings = db.read(tenant).settings().await.unwrap();
    assert_eq!((settings.get(&SEATS).unwrap(), settings.get(&BETA).unwrap()), (50, true));
    assert_eq!(settings.get(&COLOURS).unwrap(), ["it's", "\\ \""]);
    assert_eq!((settings.get(&NICKNAME).unwrap(), settings.is_set(&NICKNAME)), (None, true));
    assert_eq!(db.read(other).settings().await.unwrap().get(&SEATS).unwrap(), 5);

    let mut tx = db.tenant(tenant).await.unwrap();
    assert!(tx.reset(&SEATS, "mia@x").await.unwrap());
    assert!(!tx.reset(&SEATS, "mia@x").await.unwrap(), "there was none any more");
    tx.commit().await.unwrap();
    let settings = db.read(tenant).settings().await.unwrap();
    assert_eq!((settings.get(&SEATS).unwrap(), settings.get(&BETA).unwrap()), (5, true));
}

pub(crate) async fn each_change_is_written_down_with_old_and_new<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.set(&SEATS, 50, "mia@x").await.unwrap();
    tx.set(&SEATS, 60, "zoe@x").await.unwrap();
    tx.reset(&SEATS, "mia@x").await.unwrap();
    tx.set(&NICKNAME, None, "mia@x").await.unwrap();
    tx.set(&NICKNAME, Some("Z".to_owned()), "mia@x").await.unwrap();
    tx.commit().await.unwrap();
    let told: Vec<(String, String, Option<Value>)> = changes(&db, tenant)
        .await
        .into_iter()
        .map(|entry| (entry.actor, entry.action, entry.change))
        .collect();
    let entry = |actor: &str, action: &str, change| {
        (actor.to_owned(), format!("setting.{action}"), Some(change))
    };
    assert_eq!(
        told,
        [
            entry("mia@x", "set", json!({ "setting": "seats", "new": 50 })),
            entry("zoe@x", "set", json!({ "setting": "seats", "old": 50, "new": 60 })),
            entry("mia@x", "reset", json!({ "setting": "seats", "old": 60 })),
            entry("mia@x", "set", json!({ "setting": "nickname", "new": null })),
            entry("mia@x", "set", json!({ "setting": "nickname", "old": null, "new": "Z" })),
        ]
    );
}

pub(crate) async fn a_change_and_its_entry_are_undone_together<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.set(&SEATS, 50, "mia@x").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(db.read(tenant).settings().await.unwrap().get(&SEATS).unwrap(), 5);
    assert_eq!(changes(&db, tenant).await, []);
}

pub(crate) async fn nobody_changes_a_setting<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.set(&SEATS, 50, "mia@x").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.tenant(tenant).await.unwrap();
    let errors = [
        tx.set(&SEATS, 60, "").await.unwrap_err(),
        tx.reset(&SEATS, " ").await.map(drop).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| matches!(error, Error::Unaccountable { what: "actor", .. })));
    // Whoever handles the error and goes on has changed nothing that is not written down.
    tx.commit().await.unwrap();
    assert_eq!(db.read(tenant).settings().await.unwrap().get(&SEATS).unwrap(), 50);
}

pub(crate) async fn another_type_is_an_error_that_names_the_setting<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.set(&SEATS_AS_TEXT, "many".to_owned(), "mia@x").await.unwrap();
    tx.set(&BETA, true, "mia@x").await.unwrap();
    let settings = tx.settings().await.unwrap();
    let error = settings.get(&SEATS).unwrap_err();
    assert_eq!(error.to_string(), "the setting seats is not of its type");
    assert_eq!(error.kind(), ErrorKind::Fault);
    assert!(settings.get(&BETA).unwrap(), "the others are what they are");
    tx.set(&SEATS, 7, "mia@x").await.unwrap();
    assert_eq!(tx.settings().await.unwrap().get(&SEATS).unwrap(), 7, "setting it mends it");
}

pub(crate) async fn a_name_that_the_program_does_not_know_is_left_alone<DB: Db>(db: TenantDb<DB>) {
    const GONE: Setting<u32> = Setting::new("gone", || 0);
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.set(&GONE, 3, "mia@x").await.unwrap();
    tx.set(&SEATS, 7, "mia@x").await.unwrap();
    let settings = tx.settings().await.unwrap();
    assert_eq!((settings.get(&SEATS).unwrap(), settings.get(&GONE).unwrap()), (7, 3));
}

pub(crate) async fn a_value_has_an_end<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let of = |letters: usize| vec!["x".repeat(letters)];
    tx.set(&COLOURS, of(16 * 1024 - 4), "mia@x").await.unwrap();
    let error = tx.set(&COLOURS, of(16 * 1024 - 3), "mia@x").await.unwrap_err();
    assert_eq!(error.to_string(), "colours takes 16385 bytes, more than 16384");
    assert_eq!(saas_core::Problem::from(error).status(), 422);
    assert_eq!(tx.settings().await.unwrap().get(&COLOURS).unwrap(), of(16 * 1024 - 4));
}

/// Each says truly what was there before, whoever comes first.
pub(crate) async fn two_at_once_are_written_down_one_after_the_other<DB: Db>(db: TenantDb<DB>) {
    for _ in 0..5 {
        let tenant = fixture::tenant(&db).await;
        let set = async |seats: u32| {
            let mut tx = db.tenant(tenant).await.unwrap();
            tx.settings().await.unwrap();
            tx.set(&SEATS, seats, "mia@x").await.unwrap();
            tokio::task::yield_now().await;
            tx.commit().await.unwrap();
        };
        tokio::join!(set(1), set(2), set(3));
        let now = db.read(tenant).settings().await.unwrap().get(&SEATS).unwrap();
        let mut links: Vec<(Value, Value)> = changes(&db, tenant)
            .await
            .into_iter()
            .map(|entry| entry.change.unwrap())
            .map(|change| (change.get("old").cloned().unwrap_or_default(), change["new"].clone()))
            .collect();
        // From nothing through all three to what is there now, whatever order their ids have.
        let mut at = Value::Null;
        while let Some(next) = links.iter().position(|(old, _)| *old == at) {
            at = links.remove(next).1;
        }
        assert_eq!((at, links), (json!(now), vec![]));
    }
}

suite!(
    what_a_tenant_has_not_set_is_the_default,
    what_a_tenant_has_set_is_read_back_until_it_is_reset,
    each_change_is_written_down_with_old_and_new,
    a_change_and_its_entry_are_undone_together,
    nobody_changes_a_setting,
    another_type_is_an_error_that_names_the_setting,
    a_name_that_the_program_does_not_know_is_left_alone,
    a_value_has_an_end,
    two_at_once_are_written_down_one_after_the_other,
);
