//! Settings from the environment; a bad value is an error that names the variable.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use lettre::Address;
use saas_core::sql::Statements;
use url::Url;

/// What the environment says, if anything. What is no text comes as one with a NUL, so that whoever
/// wants it refuses it by its name, as any other that cannot be meant.
pub fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.into_string().unwrap_or_else(|_| "\0".to_owned()))
}

/// Everything the service is told from outside.
#[derive(Clone)]
pub struct Config {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Where else to answer whoever watches the process.
    pub metrics_bind: Option<SocketAddr>,
    /// How long it goes on accepting connections after SIGTERM.
    pub drain_delay: Duration,
    /// The application's database; its scheme selects the kind.
    pub database: Database,
    /// The same database as a role that may create tables and roles; migrates when given.
    pub admin_database_url: Option<Url>,
    /// How statements are prepared: not by name where a pooler is in front.
    pub statements: Statements,
    /// The operator's token, if the environment says it.
    pub operator_token: Option<String>,
    /// Where mail goes; without it, to files in `./outbox`.
    pub smtp_url: Option<String>,
    /// Who writes it.
    pub mail_from: Address,
    /// The domain whose subdomains name tenants.
    pub base_domain: Option<String>,
    /// Networks of proxies that are believed who the client is.
    pub trusted_proxies: Vec<IpNet>,
}

/// Which database, and where.
#[derive(Clone)]
pub enum Database {
    /// An embedded file.
    Sqlite(sqlx::sqlite::SqliteConnectOptions),
    /// A server.
    Postgres(Url),
}

/// A variable whose value cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct Invalid {
    variable: &'static str,
    reason: String,
}

impl Config {
    /// Reads the settings through `variable`, usually the environment.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let get = |name| variable(name).filter(|value| !value.is_empty());
        let bind = address("BIND", get("BIND").as_deref().unwrap_or("127.0.0.1:3000"))?;
        let metrics_bind = get("METRICS_BIND").map(|text| address("METRICS_BIND", &text));
        let drain_delay = seconds("DRAIN_DELAY", get("DRAIN_DELAY").as_deref().unwrap_or("5"))?;
        let url = get("DATABASE_URL").unwrap_or_else(|| "sqlite://invoicing.db".to_owned());
        let database = database(&url)?;
        let admin_database_url = match get("ADMIN_DATABASE_URL") {
            None => None,
            Some(_) if matches!(database, Database::Sqlite(_)) => {
                return Err(Invalid {
                    variable: "ADMIN_DATABASE_URL",
                    reason: "is only for PostgreSQL, and DATABASE_URL names a SQLite file".into(),
                });
            }
            Some(url) => Some(postgres("ADMIN_DATABASE_URL", &url)?),
        };
        let statements = match get("DATABASE_POOLER").as_deref() {
            None => Statements::Named,
            Some("transaction") if matches!(database, Database::Postgres(_)) => Statements::Unnamed,
            Some(other) => {
                return Err(Invalid {
                    variable: "DATABASE_POOLER",
                    reason: format!("`{other}` is not `transaction`, or there is no PostgreSQL"),
                });
            }
        };
        let operator_token = get("OPERATOR_TOKEN");
        if operator_token
            .as_ref()
            .is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Invalid {
                variable: "OPERATOR_TOKEN",
                reason: "must be visible ASCII characters".into(),
            });
        }
        let smtp_url = get("SMTP_URL");
        if let Some(url) = &smtp_url {
            crate::mail::smtp(url)
                .map_err(|reason| Invalid { variable: "SMTP_URL", reason: reason.to_string() })?;
        }
        let mail_from = get("MAIL_FROM");
        let mail_from = mailbox(mail_from.as_deref().unwrap_or("invoices@invoicing.invalid"))?;
        let base_domain = get("BASE_DOMAIN").map(|domain| self::domain(&domain)).transpose()?;
        let trusted_proxies = networks(&get("TRUSTED_PROXIES").unwrap_or_default())?;
        Ok(Self {
            bind,
            metrics_bind: metrics_bind.transpose()?,
            drain_delay,
            database,
            admin_database_url,
            statements,
            operator_token,
            smtp_url,
            mail_from,
            base_domain,
            trusted_proxies,
        })
    }
}

fn address(variable: &'static str, text: &str) -> Result<SocketAddr, Invalid> {
    let reason = || format!("`{text}` is not an address with a port, as in 127.0.0.1:3000");
    text.parse().map_err(|_| Invalid { variable, reason: reason() })
}

fn seconds(variable: &'static str, text: &str) -> Result<Duration, Invalid> {
    let seconds = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    let reason = || format!("`{text}` is no number of seconds up to 300");
    let seconds = seconds.filter(|seconds| *seconds <= Duration::from_secs(300));
    seconds.ok_or_else(|| Invalid { variable, reason: reason() })
}

fn domain(text: &str) -> Result<String, Invalid> {
    let reason = || format!("`{text}` is no domain, as in example.com");
    let named = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let named = named && !text.starts_with('.') && !text.ends_with('.');
    named
        .then(|| text.to_ascii_lowercase())
        .ok_or_else(|| Invalid { variable: "BASE_DOMAIN", reason: reason() })
}

fn mailbox(text: &str) -> Result<Address, Invalid> {
    let reason = || format!("`{text}` is no address, as in invoices@example.com");
    text.parse().map_err(|_| Invalid { variable: "MAIL_FROM", reason: reason() })
}

fn database(url: &str) -> Result<Database, Invalid> {
    match url.split(':').next() {
        Some("sqlite") => url.parse().map(Database::Sqlite).map_err(|error| Invalid {
            variable: "DATABASE_URL",
            reason: format!("is no SQLite URL: {error}"),
        }),
        _ => postgres("DATABASE_URL", url).map(Database::Postgres),
    }
}

fn postgres(variable: &'static str, url: &str) -> Result<Url, Invalid> {
    // The value holds a password, so it is not repeated.
    let reason = "must begin with sqlite: or be of the form postgres://role:password@host/database";
    let invalid = || Invalid { variable, reason: reason.into() };
    let url = Url::parse(url).map_err(|_| invalid())?;
    if !["postgres", "postgresql"].contains(&url.scheme()) || url.username().is_empty() {
        return Err(invalid());
    }
    Ok(url)
}

fn networks(list: &str) -> Result<Vec<IpNet>, Invalid> {
    let one = |text: &str| {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| Invalid {
            variable: "TRUSTED_PROXIES",
            reason: format!("`{text}` is no network, as in 10.0.0.0/8"),
        })
    };
    list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<Config, Invalid> {
        Config::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn nothing_set_means_sqlite_on_port_3000() {
        let config = Config::read(|_| None).unwrap();
        assert_eq!(config.bind.port(), 3000);
        assert!(matches!(config.database, Database::Sqlite(_)));
    }

    #[test]
    fn a_bad_value_names_its_variable() {
        for (name, value) in [
            ("BIND", "nowhere"),
            ("METRICS_BIND", "3001"),
            ("DRAIN_DELAY", "-1"),
            ("DRAIN_DELAY", "a while"),
            ("DATABASE_POOLER", "session"),
            ("DATABASE_POOLER", "transaction"),
            ("DATABASE_URL", "mysql://x@y/z"),
            ("DATABASE_URL", "postgres://"),
            ("ADMIN_DATABASE_URL", "postgres://a@b/c"),
            ("OPERATOR_TOKEN", "with space"),
            ("SMTP_URL", "http://mail"),
            ("BASE_DOMAIN", "https://example.com"),
            ("BASE_DOMAIN", "\0"),
            ("MAIL_FROM", "\0"),
            ("MAIL_FROM", "Invoices <invoices@example.com>"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, the-proxy"),
        ] {
            let error = read(name, value).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
