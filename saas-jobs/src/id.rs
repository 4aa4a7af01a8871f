/// What a [`JobId`] is the id of: a job as it is stored, whatever its kind.
#[derive(Debug)]
pub enum StoredJob {}

/// The id of a job: a UUID of version 7, which tells when the job was made.
pub type JobId = saas_core::Id<StoredJob>;
