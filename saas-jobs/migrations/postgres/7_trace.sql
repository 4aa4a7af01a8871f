-- The trace a job was enqueued in, as a W3C traceparent.
alter table saas.jobs add column trace text;
