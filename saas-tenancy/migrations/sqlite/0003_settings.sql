-- What a tenant has otherwise than the program's defaults.
create table saas_settings (
    tenant_id blob not null check (typeof(tenant_id) = 'blob' and length(tenant_id) = 16),
    name text not null check (length(name) between 1 and 100),
    value text not null check (length(value) <= 65536),
    -- What it was before, so that the statement that sets it can tell without a second look.
    previous text,
    at text not null,
    primary key (tenant_id, name)
) without rowid;

create trigger saas_settings_tenant_update before update of tenant_id on saas_settings
when new.tenant_id is not old.tenant_id
begin
    select raise(abort, 'tenant wall: a row does not move to another tenant');
end;
