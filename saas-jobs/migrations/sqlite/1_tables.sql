-- State is table membership: every hot write is an insert or one narrow delete.

-- What a job is; written once, never updated. Its time is told by the id. `run_at` is null for a job
-- that is ready at once.
create table saas_jobs (
    id blob primary key not null,
    tenant_id blob,
    version integer not null,
    priority integer not null,
    max_attempts integer not null,
    kind text not null,
    queue text not null,
    args text not null,
    run_at integer,
    -- Whose turn it waits for; null for 0, which is nobody's.
    lane integer
);

-- May be claimed. The lane is that of the tenant, by a hash: lanes are served in turn, and no table
-- lists them.
create table saas_jobs_ready (
    id blob not null,
    lane integer not null default 0,
    priority integer not null,
    attempt integer not null default 0,
    queue text not null,
    primary key (queue, lane, priority, id)
) without rowid;

-- Waits for its time: scheduled, snoozed, or to be tried again. Times are microseconds since 1970.
create table saas_jobs_later (
    id blob primary key not null,
    run_at integer not null,
    lane integer not null default 0,
    priority integer not null,
    attempt integer not null default 0,
    queue text not null
) without rowid;
create index saas_jobs_later_due on saas_jobs_later (run_at);

-- Differs: SQLite has no statement that writes two tables, so a trigger keeps a lone enqueue atomic.
create trigger saas_jobs_enqueue after insert on saas_jobs begin
    insert into saas_jobs_ready (id, lane, priority, queue)
        select new.id, coalesce(new.lane, 0), new.priority, new.queue where new.run_at is null;
    insert into saas_jobs_later (id, run_at, lane, priority, queue)
        select new.id, new.run_at, coalesce(new.lane, 0), new.priority, new.queue
        where new.run_at is not null;
end;

-- One row per claimed batch. Differs: SQLite has no arrays, so `ids` are 16 bytes each and
-- `attempts` two bytes each, little-endian; null when every job is tried for the first time.
create table saas_jobs_lease (
    lease_id blob primary key not null,
    worker_id blob not null,
    ids blob not null,
    attempts blob
) without rowid;

-- What left a lease, append-only: 1 done, 2 moved to another table while the lease stayed. `ids` is
-- null where the whole lease ended: to name its jobs again would be a twentieth of all that is logged.
create table saas_jobs_done (
    lease_id blob not null,
    finished_at integer not null,
    state integer not null,
    ids blob
);
create index saas_jobs_done_lease on saas_jobs_done (lease_id);

-- Ended without success: 1 dead, 2 cancelled.
create table saas_jobs_dead (
    id blob primary key not null,
    died_at integer not null,
    attempt integer not null,
    state integer not null,
    reason text not null
) without rowid;

-- One row per failed attempt.
create table saas_jobs_error (
    id blob not null,
    attempt integer not null,
    failed_at integer not null,
    error text not null,
    primary key (id, attempt)
) without rowid;

-- One row per epoch of a worker: renewed while it lives, deleted when it lapses, never revived.
create table saas_jobs_worker (
    worker_id blob primary key not null,
    name text not null,
    started_at integer not null,
    expires_at integer not null
) without rowid;

-- Differs: a function cannot end a transaction here; a row in this table that points to no lease
-- makes its COMMIT fail.
create table saas_jobs_fence (
    lease_id blob not null references saas_jobs_lease (lease_id) deferrable initially deferred
);
