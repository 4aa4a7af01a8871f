use super::super::policy::tests::{open, sound};
use super::super::role::tests::sound as app;
use super::super::table::tests::sound as table;
use super::*;

fn own(name: &'static str) -> OwnTable {
    let table = Table { name: format!("saas.{name}"), ..table() };
    OwnTable { name, table, owner: "owner".into() }
}

/// The policies of a table as the migrations make them.
fn made(name: &str) -> Vec<Policy> {
    let made = |shipped: &ShippedPolicy| Policy {
        name: shipped.name.into(),
        command: if shipped.owners { Command::Insert } else { Command::All },
        roles: if shipped.owners { vec!["owner".into()] } else { vec![] },
        applies: !shipped.owners,
        could_apply: !shipped.owners,
        named: !shipped.owners,
        using: shipped.using.map(str::to_owned),
        check: Some(shipped.check.to_owned()),
        ..sound()
    };
    policies_of(name).iter().map(made).collect()
}

fn judged(own: &OwnTable, policies: &[Policy]) -> Vec<String> {
    let policies: Vec<_> = policies.iter().collect();
    judge(own, &policies, &app()).iter().map(ToString::to_string).collect()
}

#[test]
fn what_the_migrations_made_passes() {
    for (name, _) in TABLES {
        assert_eq!(judged(&own(name), &made(name)), [""; 0]);
        assert!(made(name).iter().all(|policy| is_shipped(&[own(name)], policy)));
    }
}

#[test]
fn a_table_that_is_missing_is_named_but_for_the_ledger_of_schemas() {
    for (name, _) in TABLES {
        let missing = OwnTable { table: Table { oid: None, ..table() }, ..own(name) };
        let expected = usize::from(name != "schemas");
        assert_eq!(judged(&missing, &[]).len(), expected, "{name}");
    }
}

#[test]
fn each_policy_must_be_there_and_say_what_it_said() {
    let all = made("audit");
    for at in 0..all.len() {
        let mut without = all.clone();
        let name = without.remove(at).name;
        let said = judged(&own("audit"), &without);
        assert!(
            said.len() == 1 && said[0].contains(&format!("`create policy {name} on saas.audit"))
        );
        let changes: [fn(&mut Policy); 5] = [
            |policy| policy.check = Some("true".into()),
            |policy| policy.using = Some("true".into()),
            |policy| policy.permissive = false,
            |policy| policy.command = Command::Update,
            |policy| (policy.applies, policy.could_apply) = (!policy.applies, !policy.could_apply),
        ];
        for change in changes {
            let mut changed = all.clone();
            change(&mut changed[at]);
            let said = judged(&own("audit"), &changed);
            assert!(said.len() == 1 && said[0].contains("is not the one"), "{name}: {said:?}");
            assert!(said[0].contains(&format!("`drop policy {name} on saas.audit; create")));
            assert!(!is_shipped(&[own("audit")], &changed[at]));
        }
    }
}

#[test]
fn a_strangers_policy_must_hold_rows_to_the_tenant_as_anywhere() {
    let mut policies = made("settings");
    policies.push(Policy { name: "narrow".into(), ..sound() });
    assert_eq!(judged(&own("settings"), &policies), [""; 0]);
    policies.push(open());
    let said = judged(&own("settings"), &policies);
    assert!(
        said.len() == 1 && said[0].starts_with("policy open on table saas.settings is permissive")
    );
}

#[test]
fn what_grant_gives_passes_and_more_is_taken_back() {
    let right = |table: &str, privilege: &str, column: Option<&str>| Right {
        table: Some(table.into()),
        privilege: privilege.into(),
        column: column.map(str::to_owned),
        holder: "app".into(),
    };
    let given = [
        right("audit", "SELECT", None),
        right("audit", "INSERT", Some("actor")),
        right("settings", "DELETE", None),
        right("jobs", "TRUNCATE", None),
    ];
    assert_eq!(judge_rights(&given, "app"), []);
    let more = [
        right("audit", "INSERT", Some("xact")),
        right("audit", "UPDATE", Some("actor")),
        right("settings", "TRUNCATE", None),
        Right { table: None, holder: "public".into(), ..right("", "CREATE", None) },
    ];
    let said: Vec<_> = judge_rights(&more, "app").iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), more.len(), "{said:#?}");
    for (said, remedy) in said.iter().zip([
        "run `revoke create on schema saas from public`",
        "run `revoke update on saas.audit from app`",
        "run `revoke insert on saas.audit from app; grant select, insert (tenant_id, id, actor, \
         action, entity, entity_id, change, at) on saas.audit to app`",
        "run `revoke truncate on saas.settings from app`",
    ]) {
        assert!(said.ends_with(remedy), "{said}");
    }
}
