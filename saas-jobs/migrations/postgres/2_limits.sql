-- How much of a kind of work may go on. Null is no bound. Rates are so many in so many microseconds.
create table saas.jobs_limit (
    name text primary key,
    at_once integer,
    amount integer,
    per bigint,
    tenant_at_once integer,
    tenant_amount integer,
    tenant_per bigint
);

-- Lanes of jobs under a limit, numbered downwards from -1. A row is never changed.
create sequence saas.jobs_lane_number as integer increment -1 minvalue -2147483648 maxvalue -1;
create table saas.jobs_lane (
    lane integer primary key default nextval('saas.jobs_lane_number'),
    queue text collate "C" not null,
    limit_name text not null,
    tenant_id uuid,
    unique nulls not distinct (queue, limit_name, tenant_id)
);

-- Who claims under a limit locks its row and, where the limit is each tenant's too, that tenant's.
-- Tokens are what a rate has left at the time of the refill.
create table saas.jobs_limit_use (
    limit_name text not null,
    -- The nil UUID for all tenants together.
    tenant_id uuid not null,
    tokens double precision,
    refilled_at timestamptz,
    primary key (limit_name, tenant_id)
);

-- What a lease holds of a limit is counted from the lease itself.
alter table saas.jobs_lease add column limit_name text, add column limit_tenant uuid;
create index jobs_lease_limit on saas.jobs_lease (limit_name) where limit_name is not null;
