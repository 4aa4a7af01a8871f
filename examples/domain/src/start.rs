//! From settings to a running service.

use std::sync::Arc;

use saas_core::SystemClock;
use saas_core::sql::Statements;
use saas_jobs::Queue;
use saas_pagination::Cursors;
use saas_tenancy::{Options, TenantDb};
use sqlx::Pool;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::config::{Config, Database};
use crate::logins::Logins;
use crate::mail::{self, Destination, Mailer};
use crate::observe::Metrics;
use crate::process::{Command, Server};
use crate::tasks::Tasks;
use crate::{App, Db, Error, db, keys, migrate, serve, settings};

/// Migrates where it may, and does what `command` says.
pub async fn start(command: Command, server: impl Server, config: &Config) -> Result<(), Error> {
    match &config.database {
        Database::Sqlite(options) => {
            let pool = db::sqlite(options.clone()).await?;
            migrate::sqlite(&pool).await?;
            run(command, server, pool, config).await
        }
        Database::Postgres(url) => {
            let options: PgConnectOptions = url.as_str().parse()?;
            let pool = db::postgres(options);
            match &config.admin_database_url {
                Some(admin) => migrate::postgres(admin, url).await?,
                None if command == Command::Migrate => {
                    return Err("ADMIN_DATABASE_URL: is needed to migrate; it names a role that may create tables".into());
                }
                None => {}
            }
            run(command, server, pool, config).await
        }
    }
}

async fn run<D: Db>(
    command: Command,
    server: impl Server,
    pool: Pool<D>,
    config: &Config,
) -> Result<(), Error> {
    if command == Command::Migrate {
        return Ok(());
    }
    let metrics = Metrics::collect(&pool)?;
    let pooler = config.statements == Statements::Unnamed;
    let options = Options::new().pooler_safe(pooler);
    let db = TenantDb::connect_with(pool.clone(), db::registry(), options).await;
    let db = db.map_err(explained)?;
    let (secret, _) = settings::get_or_make(&pool, "cursor_secret", random()?).await?;
    let (operator, token) = operator(&pool, config.operator_token.clone()).await?;
    let to = match &config.smtp_url {
        Some(url) => Destination::Smtp(mail::smtp(url)?),
        None => Destination::Outbox(Arc::from(std::path::Path::new("outbox"))),
    };
    let app = App {
        db,
        queue: if pooler { Queue::new().unnamed() } else { Queue::new() },
        cursors: Cursors::new(secret)?,
        mailer: Mailer { from: config.mail_from.clone(), to },
        clock: Arc::new(SystemClock),
        operator: operator.into(),
        base_domain: config.base_domain.as_deref().map(Arc::from),
        proxies: config.trusted_proxies.clone().into(),
        admission: Admission::of(&pool),
        logins: Logins::default(),
        tasks: Tasks::here(),
        metrics,
        statements: config.statements,
        ending: CancellationToken::new(),
    };
    serve::serve(command, server, app, config, token).await
}

/// The hash of the operator's token; and the token itself if it is known here, to be shown.
async fn operator<D: Db>(
    pool: &Pool<D>,
    told: Option<String>,
) -> Result<(Vec<u8>, Option<String>), Error> {
    if let Some(token) = told {
        return Ok((keys::hash(&token), Some(token)));
    }
    let token = keys::new_secret("operator")?;
    let (hash, made) =
        settings::get_or_make(pool, "operator_token_hash", keys::hash(&token)).await?;
    Ok((hash, made.then_some(token)))
}

fn random() -> Result<Vec<u8>, Error> {
    Ok(keys::hash(&keys::new_secret("cursor")?))
}

/// A refusal tells what to do here, beside what is wrong there.
fn explained(error: saas_tenancy::Error) -> Error {
    match error {
        saas_tenancy::Error::Unsafe(_) => format!(
            "{error}\nDATABASE_URL must name a role that owns nothing. Set ADMIN_DATABASE_URL to a role \
             that may create tables and roles, and this service makes both."
        )
        .into(),
        other => other.into(),
    }
}
