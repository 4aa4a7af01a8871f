//! Servers of a test's own, which it may kill. They listen on sockets in folders of theirs.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor};
use tempfile::TempDir;

use super::{Postgres, reached_by};
use crate::required;
use crate::server::Server;

const ROLES: &str = "create role saas_owner login createdb createrole;
    create role saas_app login noinherit";

/// While a server is gone, sqlx tries it ever more rarely, at last every fifth of this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// A PostgreSQL of the test's own. It loses nothing that it answered: commits are on disk before.
pub async fn postgres_of_its_own() -> (Postgres, Server) {
    let folder = folder();
    let initdb = command("initdb", folder.path())
        .args(["--pgdata=data", "--username=postgres", "--auth=trust", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8"])
        .output()
        .expect("initdb runs");
    assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
    let mut program = command("postgres", folder.path());
    program.args(["-D", "data", "-c", "listen_addresses=", "-c", "shared_buffers=64MB", "-k"]);
    program.arg(folder.path());
    let reached = |role| PgConnectOptions::new().socket(folder.path()).port(5432).username(role);
    let [app, owner, superuser] = ["saas_app", "saas_owner", "postgres"].map(reached);
    let server = Server::launch(program, superuser.clone().database("postgres"), folder).await;
    let mut conn = superuser.database("postgres").connect().await.expect("the superuser");
    conn.execute(ROLES).await.expect("the two roles");
    conn.execute("create database saas owner saas_owner").await.expect("a database");
    (reached_by(app.database("saas"), owner.database("saas"), PATIENCE), server)
}

/// A PgBouncer of the test's own in transaction mode, and the same database with the application
/// connected through it.
pub async fn pgbouncer_of_its_own(postgres: &Server, db: &Postgres) -> (Postgres, Server) {
    let folder = folder();
    // By default it waits a quarter of a minute until it tries a server again that was gone.
    let config = format!(
        "[databases]\n* = host={}\n[pgbouncer]\nunix_socket_dir = {}\nlisten_port = 5432\n\
        auth_type = trust\nauth_file = users\npool_mode = transaction\nserver_login_retry = 1\n\
        max_client_conn = 500\nignore_startup_parameters = extra_float_digits,options\n",
        postgres.folder().display(),
        folder.path().display(),
    );
    let write = |name, text: &str| std::fs::write(folder.path().join(name), text);
    write("ini", &config).expect("a configuration");
    write("users", "\"saas_app\" \"\"\n").expect("a list of users");
    let mut program = command("pgbouncer", folder.path());
    program.arg("ini");
    let app = db.app_options.clone().socket(folder.path());
    let server = Server::launch(program, app.clone(), folder).await;
    (reached_by(app, db.owner_options.clone(), PATIENCE), server)
}

/// A folder that the servers' user owns.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let user = user();
    chown(folder.path(), Some(user.uid()), Some(user.gid())).expect("the servers' user");
    folder
}

/// A program of PostgreSQL's, or one of those that Debian puts where only root's PATH looks, run as
/// the servers' user: neither server runs as root.
fn command(program: &str, folder: &Path) -> Command {
    let bin = required("TEST_POSTGRES_BIN", "postgres");
    let places = [&bin, "/usr/local/sbin", "/usr/sbin"];
    let found = places.map(|place| Path::new(place).join(program));
    let found = found.into_iter().find(|path| path.exists());
    let mut command = Command::new(found.unwrap_or(program.into()));
    let user = user();
    command.uid(user.uid()).gid(user.gid()).current_dir(folder);
    command
}

/// Who runs what `dev/services` started.
fn user() -> Metadata {
    let data = required("TEST_POSTGRES_DATA", "postgres");
    std::fs::metadata(data).expect("the data of the server that tests share")
}
