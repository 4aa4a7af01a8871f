-- How far an import or an erasure of a tenant is; each batch commits together with its mark here.
create table saas_transfers (
    tenant_id blob not null check (typeof(tenant_id) = 'blob' and length(tenant_id) = 16),
    kind text not null check (kind in ('import', 'erase')),
    -- Of an import's first line, which says which export it is.
    header text not null,
    -- How many lines are done, and the checksum of them.
    lines integer not null default 0,
    checksum text not null default '',
    -- Rows by table.
    counts text not null default '{}',
    done integer not null default 0,
    at text not null,
    primary key (tenant_id, kind)
) without rowid;
