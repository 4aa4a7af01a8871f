-- How much of a kind of work may go on. Null is no bound. Rates are so many in so many microseconds.
create table saas_jobs_limit (
    name text primary key not null,
    at_once integer,
    amount integer,
    per integer,
    tenant_at_once integer,
    tenant_amount integer,
    tenant_per integer
) without rowid;

-- Lanes of jobs under a limit, numbered downwards from -1. A row is never changed. Differs: no null
-- is equal to another here, so no tenant is an empty blob.
create table saas_jobs_lane (
    lane integer primary key not null,
    queue text not null,
    limit_name text not null,
    tenant_id blob not null,
    unique (queue, limit_name, tenant_id)
);

-- Tokens are what a rate has left at the time of the refill.
create table saas_jobs_limit_use (
    limit_name text not null,
    -- The nil UUID for all tenants together.
    tenant_id blob not null,
    tokens real,
    refilled_at integer,
    primary key (limit_name, tenant_id)
) without rowid;

-- What a lease holds of a limit is counted from the lease itself.
alter table saas_jobs_lease add column limit_name text;
alter table saas_jobs_lease add column limit_tenant blob;
create index saas_jobs_lease_limit on saas_jobs_lease (limit_name) where limit_name is not null;
