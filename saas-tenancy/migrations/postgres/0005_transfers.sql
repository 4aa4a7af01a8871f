-- How far an import or an erasure of a tenant is; each batch commits together with its mark here.
create table saas.transfers (
    tenant_id uuid not null,
    kind text not null check (kind in ('import', 'erase')),
    -- Of an import's first line, which says which export it is.
    header text not null,
    -- How many lines are done, and the checksum of them.
    lines bigint not null default 0,
    checksum text not null default '',
    -- Rows by table.
    counts jsonb not null default '{}',
    done boolean not null default false,
    at timestamptz not null,
    primary key (tenant_id, kind)
);

alter table saas.transfers enable row level security;
alter table saas.transfers force row level security;
create policy tenant_isolation on saas.transfers
    using (tenant_id = (select saas.tenant_id()))
    with check (tenant_id = (select saas.tenant_id()));
