//! A schema of its own for each case, in one database, and the roles that connect to it.

use saas_core::Id;
use saas_core::schema::Dialect;
use saas_tenancy::wall::{self, Roles};
use saas_testkit as testkit;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres};

use crate::fixture::{Customer, registry};

/// Who connects.
#[derive(Clone, Copy)]
pub(super) enum As {
    App,
    Owner,
    Superuser,
    /// A role that inherits from the application's, with this attribute.
    AppWith(&'static str),
}

/// The tables' policies for whoever connects.
const FOR_ALL: &str = "
    alter policy tenant_isolation on customers to public;
    alter policy tenant_isolation on notes to public;
    alter policy tenant_isolation on tasks to public;
    grant usage on schema saas to public;
    grant execute on function saas.tenant_id() to public;";

/// A database for all cases, and a schema for one.
pub(super) struct Place {
    superuser: PgConnection,
    schema: String,
    pg: testkit::Postgres,
}

impl Place {
    pub(super) async fn new(planted: &str) -> Self {
        let pg = testkit::postgres("t_tenancy_kit").await;
        saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
        let superuser = testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
        let superuser: PgConnectOptions = superuser.parse().unwrap();
        let superuser =
            PgConnection::connect_with(&superuser.database("t_tenancy_kit")).await.unwrap();
        let schema = format!("case_{}", Id::<Customer>::new().uuid().simple());
        let mut place = Self { superuser, schema, pg };
        let tables =
            wall::script(&registry(), &Roles::new(&place.pg.app_role), Dialect::Postgres).unwrap();
        let owner = place.pg.owner_options.get_username().to_owned();
        // Cases that start together take turns at the rights of what they share.
        place
            .run(&format!(
                "begin; select pg_advisory_xact_lock(4714);
                 create schema :schema authorization \"{owner}\";
                 grant usage on schema :schema to public;
                 set local role \"{owner}\"; set local search_path to :schema; {tables};
                 reset role; {FOR_ALL} {planted}; commit"
            ))
            .await;
        place
    }

    pub(super) async fn run(&mut self, sql: &str) {
        let sql = sql.replace(":schema", &self.schema);
        let sql = sql.replace(":app", &format!("\"{}\"", self.pg.app_role));
        let done = self.superuser.execute(AssertSqlSafe(sql.clone())).await;
        done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// How that role connects to it.
    pub(super) async fn options(&mut self, who: As) -> PgConnectOptions {
        let options = match who {
            As::App => self.pg.app_options.clone(),
            As::Owner => self.pg.owner_options.clone(),
            As::Superuser => {
                let url = testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
                url.parse::<PgConnectOptions>().unwrap().database("t_tenancy_kit")
            }
            As::AppWith(attribute) => {
                let role = self.schema.clone();
                self.run(&format!(
                    "create role {role} login password 'kit' {attribute} in role :app"
                ))
                .await;
                self.pg.app_options.clone().username(&role).password("kit")
            }
        };
        options.options([("search_path", &self.schema)])
    }

    pub(super) async fn end(mut self) {
        self.run("drop schema :schema cascade; drop role if exists :schema").await;
    }
}
