use super::super::table::tests::sound as table;
use super::*;

const OURS: &str = "(tenant_id = ( SELECT saas.tenant_id() AS tenant_id))";

pub(in super::super) fn sound() -> Policy {
    Policy {
        table: 1,
        name: "p".into(),
        command: Command::All,
        permissive: true,
        roles: vec!["app".into()],
        applies: true,
        could_apply: true,
        named: true,
        using: Some(OURS.into()),
        check: Some(OURS.into()),
    }
}

pub(in super::super) fn open() -> Policy {
    let published = || Some("published".to_owned());
    Policy { name: "open".into(), using: published(), check: published(), ..sound() }
}

fn judged(policies: &[Policy]) -> Vec<String> {
    let policies: Vec<_> = policies.iter().collect();
    judge(&table(), &policies, "app").iter().map(ToString::to_string).collect()
}

fn guard() -> Policy {
    Policy { name: "guard".into(), permissive: false, ..sound() }
}

#[test]
fn policies_that_hold_rows_to_the_tenant_pass() {
    let select = Policy { command: Command::Select, check: None, ..sound() };
    let insert = Policy { command: Command::Insert, using: None, ..sound() };
    assert_eq!(judged(&[sound()]), [""; 0]);
    assert_eq!(judged(&[select, insert]), [""; 0]);
    assert_eq!(judged(&[open(), guard()]), [""; 0], "a restrictive one holds for all");
}

#[test]
fn a_restrictive_policy_holds_only_what_it_covers() {
    let narrow = Policy { command: Command::Select, check: None, ..guard() };
    let others = Policy { roles: vec!["somebody".into()], ..guard() };
    let everybody = Policy { roles: Vec::new(), ..open() };
    let half = Policy { using: None, ..guard() };
    assert_eq!(judged(&[open(), narrow]).len(), 1);
    assert_eq!(judged(&[open(), others]).len(), 1);
    assert_eq!(judged(&[everybody, guard()]).len(), 1);
    assert_eq!(judged(&[open(), half]).len(), 1, "what it does not say it does not hold");
}

#[test]
fn one_that_is_joined_by_or_is_made_restrictive_and_keeps_its_meaning() {
    assert_eq!(
        judged(&[sound(), open()]),
        ["policy open on table \"invoices\" is permissive, so joined to the others by OR, and \
          does not hold rows to the tenant: run `drop policy open on \"invoices\"; create policy \
          open on \"invoices\" as restrictive for all to app using (published) with check \
          (published)`"]
    );
}

#[test]
fn a_policy_opens_if_it_lets_in_what_no_other_holds() {
    let opened = |policies: &[Policy], to: &str| {
        let policies: Vec<_> = policies.iter().collect();
        opens(&policies, |policy| policy.roles.iter().any(|role| role == to))
    };
    assert!(opened(&[sound(), open()], "app") && !opened(&[sound(), open()], "else"));
    assert!(!opened(&[open(), guard()], "app") && !opened(&[sound()], "app"));
}

#[test]
fn each_way_of_being_open_is_found() {
    let through = Some("true".to_owned());
    let unchecked = Policy { check: None, ..sound() };
    let written = Policy { check: through.clone(), ..sound() };
    let every = Policy { using: through.clone(), check: through, ..sound() };
    let of_another = Policy { applies: false, ..every.clone() };
    for (policies, word) in [
        (vec![], "no policy for the connected role"),
        (vec![guard()], "no policy for the connected role"),
        (vec![unchecked], "no WITH CHECK"),
        (vec![written], "does not hold every row"),
        (vec![every], "lets every row through"),
        (vec![sound(), of_another], "lets every row through"),
    ] {
        let findings = judged(&policies);
        assert!(findings.len() == 1 && findings[0].contains(word), "{word}: {findings:?}");
    }
}

#[test]
fn a_crossing_may_be_seen_but_not_written() {
    let crossing = Policy {
        using: Some("( SELECT saas.crossing() AS crossing)".into()),
        check: None,
        command: Command::Select,
        applies: false,
        named: false,
        ..open()
    };
    let of_all = Policy { named: true, ..crossing.clone() };
    assert!(judged(&[sound(), of_all])[0].contains("`drop policy open on"));
    let writing = Policy { command: Command::All, ..crossing.clone() };
    assert_eq!(judged(&[sound(), crossing]), [""; 0]);
    assert_eq!(judged(&[sound(), writing]).len(), 1);
}
