/// Runs the whole suite on each database, and in each model of isolation; `sharing:` only where
/// tenants share tables.
macro_rules! suite {
    (sharing: $($name:ident),* $(,)?) => {
        suite!(@on sqlite, $($name),*);
        suite!(@on postgres, $($name),*);
        suite!(@on pgbouncer, $($name),*);
    };
    ($($name:ident),* $(,)?) => {
        suite!(@on sqlite, $($name),*);
        suite!(@on postgres, $($name),*);
        suite!(@on pgbouncer, $($name),*);
        suite!(@on schemas, $($name),*);
        suite!(@on schemas_pgbouncer, $($name),*);
        suite!(@on files, $($name),*);
    };
    (@on $target:ident, $($name:ident),*) => {
        mod $target {
            $(#[tokio::test]
            async fn $name() {
                let fixture = crate::fixture::$target().await;
                super::$name(fixture.db.clone()).await;
            })*
        }
    };
}

pub(crate) use suite;
