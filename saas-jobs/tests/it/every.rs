//! One test, every database.

/// Each test on each database; `turned` for those that turn the clock.
macro_rules! on_every_database {
    ($($turned:literal: $($name:ident),* $(,)?;)*) => {
        mod sqlite {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&crate::site::sqlite($turned).await).await; })*)*
        }
        mod postgres {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let site = crate::site::postgres($turned).await;
                super::$name(&site).await;
                site.end().await;
            })*)*
        }
        mod pgbouncer {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let site = crate::site::pgbouncer($turned).await;
                super::$name(&site).await;
                site.end().await;
            })*)*
        }
    };
}
