-- State is table membership: every hot write is an insert or one narrow delete.

-- What a job is; written once, never updated. Its time is told by the id. Defaults of columns that
-- later steps add must be null, so that the null bitmap stays within the header's padding.
create table saas.jobs (
    id uuid primary key,
    tenant_id uuid,
    version smallint not null,
    priority smallint not null,
    max_attempts smallint not null,
    kind text not null,
    queue text collate "C" not null,
    args json not null,
    -- Whose turn it waits for; null for 0, which is nobody's.
    lane integer
);

-- May be claimed. The row is narrow, since it is written and deleted once per job. Its lane is that
-- of its tenant, by a hash: lanes are served in turn, and no table lists them.
create table saas.jobs_ready (
    id uuid not null,
    lane integer not null default 0,
    priority smallint not null,
    attempt smallint not null default 0,
    queue text collate "C" not null,
    primary key (queue, lane, priority, id)
) with (
    -- An emptied table keeps its pages: truncating would lock workers out, and a plan made on no
    -- pages reads the whole table.
    vacuum_truncate = off,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000
);

-- Waits for its time: scheduled, snoozed, or to be tried again.
create table saas.jobs_later (
    id uuid primary key,
    run_at timestamptz not null,
    lane integer not null default 0,
    priority smallint not null,
    attempt smallint not null default 0,
    queue text collate "C" not null
);
create index jobs_later_due on saas.jobs_later (run_at);

-- One row per claimed batch; `attempts` is null when every job of it is tried for the first time.
create table saas.jobs_lease (
    lease_id uuid primary key,
    worker_id uuid not null,
    ids uuid[] not null,
    attempts smallint[]
) with (vacuum_truncate = off, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

-- What left a lease, append-only: 1 done, 2 moved to another table while the lease stayed. `ids` is
-- null where the whole lease ended: to name its jobs again would be a twentieth of all that is logged.
create table saas.jobs_done (
    lease_id uuid not null,
    finished_at timestamptz not null,
    state smallint not null,
    ids uuid[]
);
create index jobs_done_lease on saas.jobs_done (lease_id);
-- No job is completed twice by transactions of its handler.
create unique index jobs_done_once on saas.jobs_done (lease_id, ids) where cardinality(ids) = 1;

-- Ended without success: 1 dead, 2 cancelled.
create table saas.jobs_dead (
    id uuid primary key,
    died_at timestamptz not null,
    attempt smallint not null,
    state smallint not null,
    reason text not null
);

-- One row per failed attempt.
create table saas.jobs_error (
    id uuid not null,
    attempt smallint not null,
    failed_at timestamptz not null,
    error text not null,
    primary key (id, attempt)
);

-- One row per epoch of a worker: renewed while it lives, deleted when it lapses, never revived.
create table saas.jobs_worker (
    worker_id uuid primary key,
    name text not null,
    started_at timestamptz not null,
    expires_at timestamptz not null
);

-- Ends the transaction of a handler whose lease was lost.
create function saas.jobs_fenced() returns boolean language plpgsql volatile as $$
begin
    raise exception 'the lease of this job was lost' using errcode = 'SJ001';
end
$$;
