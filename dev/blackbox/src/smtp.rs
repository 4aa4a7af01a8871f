use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A mail server on this machine that takes every mail, says so and keeps it; but none for
/// `nobody@…`.
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    kept: Kept,
    accepting: AbortHandle,
}

type Kept = Arc<Mutex<Vec<String>>>;

impl MailServer {
    /// One that listens.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let kept = Kept::default();
        let keep = kept.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that is killed in the middle has sent nothing.
                tokio::spawn(converse(client, keep.clone()));
            }
        });
        Self { port, kept, accepting: accepting.abort_handle() }
    }

    /// For `SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// What it has taken, in that order.
    pub fn mails(&self) -> Vec<String> {
        self.kept.lock().expect("no panic in between").clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// As much of RFC 5321 as a client needs that wants no extension.
async fn converse(mut client: TcpStream, keep: Kept) -> io::Result<()> {
    let (reader, mut writer) = client.split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 here\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "DATA" => {
                writer.write_all(b"354 until a dot\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += line.strip_prefix('.').unwrap_or(&line);
                    mail += "\r\n";
                }
                keep.lock().expect("no panic in between").push(mail);
                "250 kept\r\n"
            }
            "RCPT" if line.to_ascii_lowercase().contains("<nobody@") => "550 no such mailbox\r\n",
            "QUIT" => return writer.write_all(b"221 bye\r\n").await,
            _ => "250 well\r\n",
        };
        writer.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
