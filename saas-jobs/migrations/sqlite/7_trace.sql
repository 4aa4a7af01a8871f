-- The trace a job was enqueued in, as a W3C traceparent.
alter table saas_jobs add column trace text;
