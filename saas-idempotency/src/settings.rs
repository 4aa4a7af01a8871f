/// What every shell can be told.
macro_rules! settings {
    ($shell:ident) => {
        impl $shell {
            /// Records in `store`.
            pub fn new(store: impl $crate::Store + 'static) -> Self {
                let engine = $crate::engine::Engine {
                    policy: $crate::Policy::default(),
                    mode: $crate::engine::Mode::Standalone,
                    clock: std::sync::Arc::new(saas_core::SystemClock),
                    #[cfg(feature = "sqlx")]
                    statements: Default::default(),
                };
                Self {
                    gate: $crate::gate::Gate {
                        engine: std::sync::Arc::new(engine),
                        store: std::sync::Arc::new(store),
                        lines: Default::default(),
                        in_flight: Default::default(),
                    },
                }
            }

            /// Sets what is covered and kept.
            #[must_use]
            pub fn policy(mut self, policy: $crate::Policy) -> Self {
                self.engine().policy = policy;
                self
            }

            /// Sets the clock.
            #[must_use]
            pub fn clock(mut self, clock: impl saas_core::Clock + 'static) -> Self {
                self.engine().clock = std::sync::Arc::new(clock);
                self
            }

            /// Leaves the claim to the handler, which takes the
            /// [`Idempotency`](crate::Idempotency) handle from the request and makes it in its own
            /// transaction. What such a handler answers without a transaction, a final 404 say, is
            /// recorded after it.
            ///
            /// Of requests with the same key one at a time reaches the handler; the others wait for
            /// it, no longer than [`Policy::wait`](crate::Policy::wait), and hold no connection
            /// meanwhile. That goes for the clones of this value, so make it once for a process.
            #[must_use]
            pub fn atomic(mut self) -> Self {
                self.engine().mode = $crate::engine::Mode::Atomic;
                self
            }

            /// How statements in the handler's transaction are prepared; the store has its own
            /// setting.
            #[cfg(feature = "sqlx")]
            #[must_use]
            pub fn statements(mut self, statements: saas_core::sql::Statements) -> Self {
                self.engine().statements = statements;
                self
            }

            /// Resolves once no covered request is at work any more.
            ///
            /// No server waits for a request whose client has left, but its work goes on. So when
            /// the process is to end, stop the server first, then await this, for no longer than you
            /// would wait for a request; work that is cut off is repeated by a retry. It is of the
            /// clones of this value, so make one for a process.
            ///
            /// actix-web's `HttpServer` answers on threads of its own, each with a runtime that ends
            /// when its last connection is closed, and with it whatever runs there. Under it, work
            /// that must outlive its client has to be handed over to the process's main runtime
            /// (`tokio::runtime::Handle::spawn`), and waited for there.
            pub fn finished(&self) -> impl Future<Output = ()> + Send + 'static {
                self.gate.in_flight.clone().over()
            }

            fn engine(&mut self) -> &mut $crate::engine::Engine {
                std::sync::Arc::make_mut(&mut self.gate.engine)
            }
        }
    };
}

pub(crate) use settings;
