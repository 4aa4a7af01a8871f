/// A statement is run by awaiting it: what that takes, the same for each.
macro_rules! awaited {
    ($name:ident $(<$L:ident>)? -> $output:ty) => {
        impl<'t, DB: TenantBackend, S: Scope, E: Entity $(, $L: Entity)?> std::future::IntoFuture
            for $name<'t, DB, S, E $(, $L)?>
        {
            type Output = Result<$output>;
            type IntoFuture = futures_core::future::BoxFuture<'t, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.run())
            }
        }

        impl<DB: TenantBackend, S: Scope, E: Entity $(, $L)?> std::fmt::Debug
            for $name<'_, DB, S, E $(, $L)?>
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("table", &E::TABLE).finish_non_exhaustive()
            }
        }
    };
}
