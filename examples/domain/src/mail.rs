//! Mail: to a server, or as files in a folder.

mod amount;
mod invoice;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Tokio1Executor};
use saas_jobs::{BoxError, JobId};
use tokio::io::AsyncWriteExt as _;

use crate::customers::Customer;
use crate::failpoint::point;
use crate::invoices::Whole;
use crate::tenants::Tenant;

/// Where mail goes.
#[derive(Clone)]
pub enum Mailer {
    /// One `.eml` file per job.
    Outbox(Arc<Path>),
    /// A mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// A connection to the server that `url` names, `smtp://host:port`.
pub fn smtp(
    url: &str,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
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
    ) -> Result<(), BoxError> {
        let message = invoice::message(job, sender, customer, whole)?;
        match self {
            Self::Outbox(folder) => Ok(write(folder, job, &message.formatted()).await?),
            Self::Smtp(server) => Ok(server.send(message).await.map(drop)?),
        }
    }
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
