//! Shortens what is found in many tenants' schemas at once: one fault of a migration is in all of them.

use std::collections::HashMap;

use crate::{Finding, SchemaNames};

/// In how many schemas the same fault of the same object is told, with its remedy.
const NAMED: usize = 5;
/// How many findings there are in all, before the rest is only counted.
const MOST: usize = 100;

/// The first few findings of each object that schemas have by one name, and how many more there are.
pub(super) fn condensed(findings: Vec<Finding>, names: &SchemaNames) -> Vec<Finding> {
    let mut places = HashMap::new();
    let mut groups: Vec<(String, Vec<Finding>)> = Vec::new();
    for finding in findings {
        let object = without_schemas(&finding.object, names);
        let place = *places.entry((finding.problem, object.clone())).or_insert(groups.len());
        if place == groups.len() {
            groups.push((object, Vec::new()));
        }
        groups[place].1.push(finding);
    }
    let mut told: Vec<Finding> = groups.into_iter().flat_map(told_of).collect();
    let rest = told.len().saturating_sub(MOST);
    if rest > 0 {
        told.truncate(MOST);
        told.push(Finding::words(
            format!("{rest} more objects"),
            "are no better",
            "mend those named before, and look again",
        ));
    }
    told
}

fn told_of((object, mut group): (String, Vec<Finding>)) -> Vec<Finding> {
    let rest = group.len().saturating_sub(NAMED);
    if let Some(problem) = group.first().map(|finding| finding.problem).filter(|_| rest > 0) {
        group.truncate(NAMED);
        group.push(Finding::words(
            format!("{object} in {rest} more schemas of tenants"),
            problem,
            "as in those named before",
        ));
    }
    group
}

/// What an object is called in every schema.
fn without_schemas(object: &str, names: &SchemaNames) -> String {
    let bare = |part: &str| -> Option<usize> {
        let start = part.len().checked_sub(names.length() + 1)?;
        let schema = part.get(start..)?.strip_suffix('.')?;
        names.tenant(schema).map(|_| start)
    };
    object.split_inclusive('.').map(|part| &part[..bare(part).unwrap_or(part.len())]).collect()
}

#[cfg(test)]
mod tests {
    use saas_core::TenantId;

    use super::*;

    fn found(object: String, problem: &'static str) -> Finding {
        Finding::sql(object, problem, "alter …")
    }

    fn texts(findings: Vec<Finding>) -> Vec<String> {
        let told = condensed(findings, &SchemaNames::default());
        told.iter().map(ToString::to_string).collect()
    }

    fn schema() -> String {
        SchemaNames::default().of(TenantId::new())
    }

    #[test]
    fn one_fault_in_many_schemas_is_told_of_a_few_and_counted_of_the_rest() {
        let mut findings = vec![found("role \"app\"".into(), "is a superuser")];
        let of_notes = |_| found(format!("policy open on table {}.notes", schema()), "is open");
        findings.extend((0..500).map(of_notes));
        findings.push(found(format!("table {}.notes", schema()), "has no policy"));
        let told = texts(findings);
        assert_eq!(told.len(), 1 + NAMED + 1 + 1, "{told:#?}");
        assert!(told[1].starts_with("policy open on table t_") && told[1].ends_with("`alter …`"));
        assert_eq!(
            told[NAMED + 1],
            "policy open on table notes in 495 more schemas of tenants is open: as in those named \
             before"
        );
        assert!(told[NAMED + 2].contains("has no policy"));
    }

    #[test]
    fn objects_of_many_names_end_as_well() {
        let views = (0..140).map(|n| found(format!("view {}.v{n} of x.y", schema()), "is open"));
        let told = texts(views.collect());
        assert_eq!(told.len(), MOST + 1);
        assert!(told[MOST].starts_with("40 more objects are no better: "), "{}", told[MOST]);
    }

    #[test]
    fn only_tenants_schemas_are_left_out_of_a_name() {
        let (names, one, two) = (SchemaNames::default(), schema(), schema());
        let bare = |object: &str| without_schemas(object, &names);
        assert_eq!(bare(&format!("view {one}.v of {two}.notes")), "view v of notes");
        assert_eq!(bare("view public.v of \"x.y\".é"), "view public.v of \"x.y\".é");
        assert_eq!(bare("table notes"), "table notes");
    }
}
