-- Where each tenant's own schema stands. Only the role that migrates reads and writes it.
create table saas.schemas (
    tenant_id uuid primary key,
    name text not null unique,
    -- Of the last step that was applied, and the checksum of it and all before; zero before the first.
    version bigint not null default 0,
    checksum bytea not null default '',
    -- 'failed' says that the last attempt to get further failed; the version is still the one it has.
    state text not null default 'pending' check (state in ('pending', 'ready', 'failed')),
    error text,
    attempts integer not null default 0,
    at timestamptz not null default now()
);
create index schemas_version on saas.schemas (version, tenant_id);
