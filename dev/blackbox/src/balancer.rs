use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{Client, eventually};

/// Spreads connections over instances of a service, in turn over those that were ready when they were
/// asked last. It retries nothing: what an instance loses is lost.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    ready: Arc<[AtomicBool]>,
    // Ended with this value.
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// In front of the instances that these clients speak to.
    pub async fn over(instances: Vec<Client>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let ready: Arc<[AtomicBool]> = instances.iter().map(|_| AtomicBool::new(false)).collect();
        let mut tasks = JoinSet::new();
        for (at, instance) in instances.iter().cloned().enumerate() {
            let ready = ready.clone();
            tasks.spawn(async move {
                loop {
                    ready[at].store(instance.is_ready().await, Ordering::Relaxed);
                    sleep(Duration::from_millis(50)).await;
                }
            });
        }
        let chosen = ready.clone();
        tasks.spawn(async move {
            let mut turn = 0;
            while let Ok((mut here, _)) = listener.accept().await {
                turn += 1;
                let (instances, ready) = (instances.clone(), chosen.clone());
                tokio::spawn(async move {
                    let authority = instances[in_turn(turn, &ready).await].authority();
                    let passed = async {
                        let mut there = TcpStream::connect(&authority).await?;
                        copy_bidirectional(&mut here, &mut there).await
                    };
                    if let Err(error) = passed.await {
                        eprintln!("a connection to {authority} broke off: {error}");
                    }
                });
            }
        });
        Self { port, ready, _tasks: tasks }
    }

    /// The same client, through the balancer.
    pub fn client(&self, direct: &Client) -> Client {
        direct.at(self.port)
    }

    /// Waits until it sends connections to so many of them.
    pub async fn spreads_over(&self, instances: usize) {
        let what = format!("the balancer finds {instances} ready");
        eventually(&what, Duration::from_secs(30), async || {
            let ready = self.ready.iter().filter(|one| one.load(Ordering::Relaxed)).count();
            (ready == instances).then_some(())
        })
        .await;
    }
}

/// The first from here on that is ready. While none is, the connection waits, as in a balancer's queue.
async fn in_turn(turn: usize, ready: &[AtomicBool]) -> usize {
    loop {
        let mut all = (turn..turn + ready.len()).map(|at| at % ready.len());
        if let Some(at) = all.find(|at| ready[*at].load(Ordering::Relaxed)) {
            return at;
        }
        sleep(Duration::from_millis(10)).await;
    }
}
