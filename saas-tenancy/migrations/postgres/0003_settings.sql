-- What a tenant has otherwise than the program's defaults.
create table saas.settings (
    tenant_id uuid not null,
    name text not null check (char_length(name) between 1 and 100),
    value jsonb not null check (octet_length(value::text) <= 65536),
    -- What it was before, so that the statement that sets it can tell without a second look.
    previous jsonb,
    at timestamptz not null,
    primary key (tenant_id, name)
);

alter table saas.settings enable row level security;
alter table saas.settings force row level security;
create policy tenant_isolation on saas.settings
    using (tenant_id = (select saas.tenant_id()))
    with check (tenant_id = (select saas.tenant_id()));
