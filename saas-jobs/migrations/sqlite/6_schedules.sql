-- What is enqueued again and again: the job as it is to be stored, and when. `next_at` is null while
-- a schedule is paused; `missed` is how many missed runs are made up for.
create table saas_jobs_cron (
    name text primary key not null,
    expression text not null,
    zone text not null,
    missed integer not null,
    kind text not null,
    version integer not null,
    args text not null,
    queue text not null,
    priority integer not null,
    max_attempts integer not null,
    tenant_id blob,
    limit_name text,
    in_code integer not null,
    paused integer not null default false,
    next_at integer,
    last_at integer
) without rowid;
create index saas_jobs_cron_due on saas_jobs_cron (next_at, name) where next_at is not null;

-- Who does what one is enough for. The term goes up with each other holder.
create table saas_jobs_leader (
    duty text primary key not null,
    holder blob not null,
    term integer not null,
    until integer not null
) without rowid;
