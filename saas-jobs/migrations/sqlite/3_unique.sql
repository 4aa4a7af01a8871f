-- Which job holds a key. Whether it still does is looked up when another wants it, so that claiming
-- and completing jobs costs nothing more.
create table saas_jobs_unique (
    kind text not null,
    -- The nil UUID where there is no tenant.
    tenant_id blob not null,
    key text not null,
    id blob not null,
    taken_at integer not null,
    primary key (kind, tenant_id, key)
) without rowid;
create index saas_jobs_unique_id on saas_jobs_unique (id);
