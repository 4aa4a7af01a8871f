//! The OpenAPI document says what the service does, and no client breaks unnoticed: `openapi.json`
//! is the document as it was last agreed to.
//!
//! A test to copy; it needs no database.

mod changes;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use invoicing_domain::openapi;
use serde_json::Value;

use changes::{changes, operations};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

/// Writes the snapshot: `OPENAPI=refresh` where no client breaks, `OPENAPI=break` in any case.
const COMMAND: &str = "cargo test -p invoicing-domain --test it openapi";

#[test]
fn no_client_breaks_unnoticed() {
    let text = openapi::document().to_pretty_json().unwrap() + "\n";
    let before = fs::read_to_string(SNAPSHOT).unwrap_or_else(|_| "{}".to_owned());
    if text == before {
        return;
    }
    let [old, new] = [&before, &text].map(|text| serde_json::from_str::<Value>(text).unwrap());
    let (breaking, others): (Vec<_>, Vec<_>) =
        changes(&old, &new).into_iter().partition(|change| change.breaks);
    let list = |changes: &[changes::Change]| {
        changes.iter().map(|change| format!("  - {}\n", change.what)).collect::<String>()
    };
    let told = std::env::var("OPENAPI").unwrap_or_default();
    if told == "break" || (told == "refresh" && breaking.is_empty()) {
        fs::write(SNAPSHOT, text).unwrap();
        return;
    }
    assert!(
        breaking.is_empty(),
        "BREAKING for clients of the API:\n{}\
         Undo it, or let the old way work for a while (src/deprecation.rs). \
         If nobody can depend on it yet: OPENAPI=break {COMMAND}",
        list(&breaking)
    );
    panic!(
        "openapi.json is older than the API, and no client breaks:\n{}\
         Refresh it: OPENAPI=refresh {COMMAND}",
        if others.is_empty() { "  - other words\n".to_owned() } else { list(&others) }
    );
}

/// Outside of `/api/v1`: for whoever runs the service, not for its clients.
const OPERATORS: [&str; 3] = ["healthz", "metrics", "readyz"];

#[test]
fn every_route_is_described_and_every_description_is_routed() {
    let document = serde_json::to_value(openapi::document()).unwrap();
    let mut described: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(call, operation)| (call, operation["operationId"].as_str().unwrap().to_owned()))
        .collect();
    for name in OPERATORS {
        described.insert((format!("GET /{name}"), name.to_owned()));
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let services = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    let routes: Vec<_> =
        services.map(|folder| folder.join("src/routes.rs")).filter(|file| file.is_file()).collect();
    assert!(!routes.is_empty(), "no service in {}", examples.display());
    for file in routes {
        assert_eq!(routed(&fs::read_to_string(&file).unwrap()), described, "{}", file.display());
    }
}

/// The calls that a `routes.rs` has, with their handlers: each path is followed by its methods, as in
/// `"/customers", get(list_customers::<D>)`.
fn routed(source: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for route in source.split("\"/").skip(1) {
        let (path, methods) = route.split_once('"').unwrap();
        for method in ["get", "post", "put", "patch", "delete"] {
            for (at, _) in methods.match_indices(&format!("{method}(")) {
                let whole_word = !methods[..at].ends_with(|letter: char| letter.is_alphanumeric());
                let handler = &methods[at + method.len() + 1..];
                let end = handler.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
                if whole_word {
                    let call = format!("{} /{path}", method.to_uppercase());
                    found.insert((call, handler[..end.unwrap()].to_owned()));
                }
            }
        }
    }
    found
}
