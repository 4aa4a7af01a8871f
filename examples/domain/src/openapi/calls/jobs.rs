use crate::send::JobView;

/// How far a job has come.
#[utoipa::path(
    get, path = "/jobs/{id}", tag = "jobs",
    responses((status = 200, description = "The job.", body = JobView))
)]
pub(in crate::openapi) fn get_job() {}
