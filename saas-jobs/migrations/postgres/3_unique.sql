-- Which job holds a key. Whether it still does is looked up when another wants it, so that claiming
-- and completing jobs costs nothing more.
create table saas.jobs_unique (
    kind text not null,
    -- The nil UUID where there is no tenant.
    tenant_id uuid not null,
    key text not null,
    id uuid not null,
    taken_at timestamptz not null,
    primary key (kind, tenant_id, key)
);
create index jobs_unique_id on saas.jobs_unique (id);
