-- Null where no attempt is counted yet, as of nearly all jobs: two bytes less to log for each.
alter table saas.jobs_ready alter column attempt drop default, alter column attempt drop not null;
