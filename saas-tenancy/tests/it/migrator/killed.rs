//! Migrating processes, killed in the middle.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saas_tenancy::{FileMigrator, Files, SchemaMigrator, Steps};
use sqlx::PgPool;

use super::{STEPS, databases};

/// Names where the process below finds its work.
const CHILD: &str = "SAAS_TENANCY_TEST_MIGRATOR";

/// Not a test by itself: the migrating process that the tests start and kill.
#[tokio::test]
async fn migrating_process() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let steps = Steps::new(STEPS);
    if let Some((url, tenants)) = place.split_once('|') {
        let tenants = tenants.split(',').map(|tenant| tenant.parse().unwrap());
        let migrator = databases::migrator(url, steps).parallel(3);
        assert!(migrator.run(tenants).await.is_complete());
    } else if place.starts_with("postgres") {
        let pool = PgPool::connect(&place).await.unwrap();
        let migrator = SchemaMigrator::new(pool, steps, "nobody").parallel(3);
        assert!(migrator.run().await.unwrap().is_complete());
    } else {
        let migrator = FileMigrator::new(Files::new(place), steps).parallel(3);
        assert!(migrator.run().await.unwrap().is_complete());
    }
}

struct Process(Child);

impl Process {
    fn start(place: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["migrator::killed::migrating_process", "--exact", "--nocapture"])
            .env(CHILD, place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// SIGKILL; whether it was still at work.
    fn kill(mut self) -> bool {
        let at_work = self.0.try_wait().unwrap().is_none();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        at_work
    }

    fn finish(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

/// Starts migrators and kills them, each a little further on, until one comes to the end.
pub(super) async fn kill_in_the_middle(place: &str, progress: impl AsyncFn() -> usize, all: usize) {
    let mut random = StdRng::seed_from_u64(3);
    let (mut kills, mut before) = (0, 0);
    while kills < 6 {
        let (one, two) = (Process::start(place), Process::start(place));
        // Until it is at work, and then a random moment more.
        while progress().await <= before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.random_range(0..30_000))).await;
        let at_work = [one.kill(), two.kill()];
        before = progress().await;
        if before == all {
            break;
        }
        kills += at_work.into_iter().filter(|at_work| *at_work).count();
    }
    assert!(kills >= 2 && before > 0, "{kills} kills, {before} of {all} migrated");
    Process::start(place).finish();
}
