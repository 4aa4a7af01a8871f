-- Where this file stands, if it is one tenant's: a single row, which also says whose it is.
create table saas_schemas (
    tenant_id blob primary key,
    -- Of the last step that was applied, and the checksum of it and all before; zero before the first.
    version integer not null default 0,
    checksum blob not null default x'',
    -- 'failed' says that the last attempt to get further failed; the version is still the one it has.
    state text not null default 'pending' check (state in ('pending', 'ready', 'failed')),
    error text,
    attempts integer not null default 0,
    at text not null
) without rowid;
