//! The guide to a first service shows the program that is built and tested.

const GUIDE: &str = include_str!("../../../../guides/first-service.md");

/// The fenced blocks of a language, a line apart.
fn shown(language: &str) -> String {
    let blocks = GUIDE.split("```").skip(1).step_by(2);
    let fence = format!("{language}\n");
    blocks.filter_map(|block| block.strip_prefix(&fence)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_program() {
    let program = include_str!("../../../../examples/first/src/main.rs");
    assert_eq!(shown("rust") + "\n#[cfg(test)]\nmod tests;\n", program);
}

#[test]
fn its_table() {
    assert_eq!(shown("sql"), include_str!("../../../../examples/first/migrations/0001_notes.sql"));
}

/// There by path, here as somebody elsewhere writes it.
#[test]
fn its_dependencies() {
    let manifest = include_str!("../../../../examples/first/Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]").expect("dependencies");
    let (dependencies, _) = dependencies.split_once("\n\n[dev-").expect("what tests need");
    let elsewhere = |line: &str| match line.split_once("path = \"") {
        None => line.to_owned(),
        Some((before, path)) => {
            let (_, after) = path.split_once('"').expect("a quoted path");
            format!("{before}git = \"https://github.com/saas-rs/saas\"{after}")
        }
    };
    let lines: Vec<_> = format!("[dependencies]{dependencies}").lines().map(elsewhere).collect();
    assert_eq!(shown("toml").lines().collect::<Vec<_>>(), lines);
}
