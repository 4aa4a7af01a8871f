//! A job outside of a database: what a broker is given, and what it gives.

use saas_core::TenantId;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::trace::is_traceparent;
use crate::{Error, JobId, JobInfo, text};

/// The version of what stands in headers, which is part of the format.
const FORMAT: &str = "1";

const FORMAT_HEADER: &str = "saas-job-format";
const ID: &str = "saas-job-id";
const KIND: &str = "saas-job-kind";
const VERSION: &str = "saas-job-version";
const TENANT: &str = "saas-job-tenant";
const TRACE: &str = "traceparent";

/// A job on its way to a broker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Message {
    /// The message's id: the job's. The same job may be published more than once, always under this
    /// id, by which the broker drops what it has (`Nats-Msg-Id` in JetStream).
    pub id: JobId,
    /// Where to publish it.
    pub subject: String,
    /// The job's arguments as JSON.
    pub payload: String,
    /// What else is known of it.
    pub job: JobInfo,
}

impl Message {
    /// What the far side must know beside the payload, as headers of the message: names in lower
    /// case, values in ASCII but for the kind, which is as the application named it.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let JobInfo { kind, version, tenant, trace, .. } = &self.job;
        let mut headers = vec![
            (FORMAT_HEADER, FORMAT.to_owned()),
            (ID, self.id.to_string()),
            (KIND, kind.clone()),
            (VERSION, version.to_string()),
        ];
        headers.extend(tenant.map(|tenant| (TENANT, tenant.uuid().to_string())));
        let trace = trace.as_ref().filter(|trace| is_traceparent(trace));
        headers.extend(trace.map(|trace| (TRACE, trace.clone())));
        headers
    }
}

/// A job as it came from a broker, for [`Queue::receive`](crate::Queue::receive).
#[derive(Debug, Clone)]
pub struct Received {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) version: i16,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) trace: Option<String>,
    pub(crate) payload: String,
}

impl Received {
    /// Reads what [`Message::headers`] wrote; other headers are left alone.
    ///
    /// # Errors
    ///
    /// [`Error::Message`] if a header is missing, given twice or malformed, if the format is of a
    /// version that this release does not know, or if the payload is no JSON.
    pub fn new<'h>(
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        payload: impl Into<String>,
    ) -> Result<Self, Error> {
        const NAMES: [&str; 6] = [FORMAT_HEADER, ID, KIND, VERSION, TENANT, TRACE];
        let mut values = [None; NAMES.len()];
        for (name, value) in headers {
            let known = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name));
            if let Some(at) = known
                && values[at].replace(value).is_some()
            {
                return Err(refused(NAMES[at], "is given twice"));
            }
        }
        let [format, id, kind, version, tenant, trace] = values;
        if needed(FORMAT_HEADER, format)? != FORMAT {
            return Err(refused(FORMAT_HEADER, "is not of a version that is known here"));
        }
        let kind = needed(KIND, kind)?;
        text::checked("kind of a job", kind)?;
        let version = needed(VERSION, version)?.parse().ok().filter(|version| *version >= 0);
        let tenant = tenant.map(|tenant| uuid(TENANT, tenant)).transpose()?;
        let payload = payload.into();
        serde_json::from_str::<IgnoredAny>(&payload)
            .map_err(|_| refused("payload", "is not JSON"))?;
        Ok(Self {
            id: JobId::from_uuid(uuid(ID, needed(ID, id)?)?),
            kind: kind.to_owned(),
            version: version.ok_or_else(|| refused(VERSION, "is not a number from 0"))?,
            tenant: tenant.map(TenantId::from_uuid),
            // A trace is a help, and no reason to lose a job.
            trace: trace.filter(|trace| is_traceparent(trace)).map(str::to_owned),
            payload,
        })
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Whose job it is, as the sender says.
    pub fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
}

fn needed<'v>(name: &'static str, value: Option<&'v str>) -> Result<&'v str, Error> {
    value.ok_or_else(|| refused(name, "is missing"))
}

fn uuid(name: &'static str, value: &str) -> Result<Uuid, Error> {
    value.parse().map_err(|_| refused(name, "is not a UUID"))
}

fn refused(what: &'static str, problem: &'static str) -> Error {
    Error::Message { what, problem }
}
