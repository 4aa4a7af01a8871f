use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::random;

/// Patience with the database, until the worker's time is over.
pub(super) struct Retry {
    pub(super) wait: Duration,
    pub(super) again: bool,
    /// Whether the database refused a text, which one in another encoding than UTF-8 does.
    pub(super) escaped: bool,
    pub(super) deadline: Option<watch::Receiver<Option<Instant>>>,
}

impl Retry {
    /// Waits; false if there is no time left.
    pub(super) async fn after(&mut self, error: &sqlx::Error) -> bool {
        tracing::warn!(%error, "outcomes cannot be recorded; trying again");
        let deadline = self.deadline.as_ref().and_then(|deadline| *deadline.borrow());
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            tracing::error!("outcomes were not recorded; their jobs will be run again");
            return false;
        }
        tokio::time::sleep(self.wait.mul_f64(0.5 + 0.5 * random())).await;
        self.wait = (self.wait * 2).min(Duration::from_secs(2));
        self.again = true;
        self.escaped |= is_of_data(error);
        true
    }
}

/// Whether it is what was sent that the database does not take (SQLSTATE class 22).
fn is_of_data(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22"))
}
