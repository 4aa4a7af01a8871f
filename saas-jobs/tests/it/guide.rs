//! The guide names tests that there are.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_guide_names_is_there() {
    let mut sources = String::new();
    for folder in ["tests", "src"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    let guide = include_str!("../../src/guide/promises.md");
    let rows = guide.lines().filter(|line| line.starts_with("| "));
    let tests: Vec<_> = rows
        .filter_map(|row| row.rsplit('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(tests.len() > 50, "{} tests are named", tests.len());
    for test in tests {
        let defined = ["(", "<"].iter().any(|then| sources.contains(&format!("fn {test}{then}")));
        assert!(defined, "there is no test {test}");
    }
}

fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|end| end == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
