//! Somebody else's server: it outlives ours and cannot be rolled back.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(super) struct Provider {
    pub(super) address: SocketAddr,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let books = calls.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(BufReader::new(stream), books.clone()));
            }
        });
        Self { address, calls }
    }

    /// The keys that it was called under.
    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// How often it took money: once for each key.
    pub(super) fn charges(&self) -> usize {
        self.calls().into_iter().collect::<HashSet<_>>().len()
    }
}

async fn answer(mut stream: BufReader<TcpStream>, books: Arc<Mutex<Vec<String>>>) {
    let mut key = String::new();
    // A caller that is killed breaks off anywhere.
    let _ = stream.read_line(&mut key).await;
    if key.pop() == Some('\n') {
        books.lock().unwrap().push(key);
        let _ = stream.write_all(b"charged\n").await;
    }
}

/// What our server does: charges under a key, and waits until that is done.
pub(super) async fn charge(provider: SocketAddr, key: &str) {
    let mut stream = BufReader::new(TcpStream::connect(provider).await.unwrap());
    stream.write_all(format!("{key}\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    assert_eq!(answer, "charged\n");
}
