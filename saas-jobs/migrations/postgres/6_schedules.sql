-- What is enqueued again and again: the job as it is to be stored, and when. `next_at` is null while
-- a schedule is paused; `missed` is how many missed runs are made up for.
create table saas.jobs_cron (
    name text collate "C" primary key,
    expression text not null,
    zone text not null,
    missed smallint not null,
    kind text not null,
    version smallint not null,
    args json not null,
    queue text collate "C" not null,
    priority smallint not null,
    max_attempts smallint not null,
    tenant_id uuid,
    limit_name text,
    in_code boolean not null,
    paused boolean not null default false,
    next_at timestamptz,
    last_at timestamptz
);
create index jobs_cron_due on saas.jobs_cron (next_at, name) where next_at is not null;

-- Who does what one is enough for. The term goes up with each other holder.
create table saas.jobs_leader (
    duty text primary key,
    holder uuid not null,
    term bigint not null,
    until timestamptz not null
);
