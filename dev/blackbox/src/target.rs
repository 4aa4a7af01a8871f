use std::path::PathBuf;

/// What a test runs against: one of the services on one of the databases.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of the binary.
    pub service: &'static str,
    /// Where it keeps its data.
    pub database: Database,
}

/// The databases that a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The default: `./invoicing.db`.
    Sqlite,
    /// A database of the test's own, the application's role and the owner's.
    Postgres,
}

impl Target {
    /// The binary, beside the folder of the running test.
    pub fn binary(self) -> PathBuf {
        let folder = std::env::var_os("SAAS_BLACKBOX_BIN_DIR").map_or_else(
            || {
                let test = std::env::current_exe().expect("a test has a path");
                test.ancestors().nth(2).expect("target/debug/deps/test").to_owned()
            },
            PathBuf::from,
        );
        let binary = folder.join(self.service);
        assert!(
            binary.is_file(),
            "{} is missing: run `cargo build --workspace --all-features` first",
            binary.display()
        );
        binary
    }
}
