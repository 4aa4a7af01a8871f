//! Mail: to a server, or as files in a folder.

mod amount;
mod invoice;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::transport::smtp::response::{Category, Severity};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{Address, AsyncTransport, Tokio1Executor};
use saas_jobs::{BoxError, JobId};
use tokio::io::AsyncWriteExt as _;

use crate::customers::Customer;
use crate::failpoint::point;
use crate::invoices::Whole;
use crate::tenants::Tenant;

/// Who mails, and how.
#[derive(Clone)]
pub struct Mailer {
    /// Who writes, on behalf of all tenants.
    pub from: Address,
    /// Where mail goes.
    pub to: Destination,
}

/// Where mail goes.
#[derive(Clone)]
pub enum Destination {
    /// One `.eml` file per job.
    Outbox(Arc<Path>),
    /// A mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// What became of a mail.
#[must_use]
pub enum Delivery {
    /// It is on its way.
    Taken,
    /// The server will not take it, now or later, and says why.
    Refused(String),
}

/// A connection to the server that `url` names, `smtp://host:port`.
pub fn smtp(url: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
    Ok(AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?
        .timeout(Some(std::time::Duration::from_secs(20)))
        .build())
}

impl Mailer {
    /// Mails an invoice. Called again for the same job it sends the same mail: to a folder, the file
    /// is there once; over SMTP it can arrive twice, under one Message-ID, by which the receiver can
    /// drop the second.
    pub async fn send(
        &self,
        job: JobId,
        sender: &Tenant,
        customer: &Customer,
        whole: &Whole,
    ) -> Result<Delivery, BoxError> {
        let message = invoice::message(job, &self.from, sender, customer, whole)?;
        match &self.to {
            Destination::Outbox(folder) => write(folder, job, &message.formatted()).await?,
            Destination::Smtp(server) => match server.send(message).await {
                Err(error) if is_final(&error) => return Ok(Delivery::Refused(error.to_string())),
                sent => drop(sent?),
            },
        }
        Ok(Delivery::Taken)
    }
}

/// 55x (RFC 5321, 4.2): the mailbox or the mail is not wanted. Anything else that is permanent to the
/// server, such as a wrong password, somebody will mend.
fn is_final(error: &smtp::Error) -> bool {
    error.status().is_some_and(|code| {
        code.severity == Severity::PermanentNegativeCompletion
            && code.category == Category::MailSystem
    })
}

/// Written beside, then renamed: whoever looks finds a whole file or none, and a second attempt
/// replaces it by the same one.
async fn write(folder: &Path, job: JobId, mail: &[u8]) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let path: PathBuf = folder.join(format!("{job}.eml"));
    let beside = folder.join(format!(".{job}.tmp"));
    let mut file = tokio::fs::File::create(&beside).await?;
    file.write_all(mail).await?;
    // Only now has all of it reached the disk; an error here is an attempt that failed.
    file.sync_all().await?;
    point("mail.written");
    tokio::fs::rename(&beside, &path).await?;
    tokio::fs::File::open(folder).await?.sync_all().await?;
    point("mail.renamed");
    Ok(())
}
