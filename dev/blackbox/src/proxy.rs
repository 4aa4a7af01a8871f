use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A wire to a server that can be cut and mended.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    whole: watch::Sender<bool>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Passes everything on to the server there.
    pub async fn to(host: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let (whole, state) = watch::channel(true);
        let port_here = listener.local_addr().expect("an address").port();
        let accepting = tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let (host, mut state) = (host.clone(), state.clone());
                tokio::spawn(async move {
                    if *state.borrow_and_update()
                        && let Ok(mut there) = TcpStream::connect((host.as_str(), port)).await
                    {
                        tokio::select! {
                            _ = copy_bidirectional(&mut here, &mut there) => {}
                            _ = state.changed() => {}
                        }
                    }
                });
            }
        });
        Self { port: port_here, whole, accepting: accepting.abort_handle() }
    }

    /// Where to connect to, on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends all connections and every new one.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
