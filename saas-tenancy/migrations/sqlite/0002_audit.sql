-- Who did what. An entry is not changed once it is there.
create table saas_audit (
    -- None for what was not done as a tenant, a crossing for instance.
    tenant_id blob check (tenant_id is null or (typeof(tenant_id) = 'blob' and length(tenant_id) = 16)),
    id blob not null,
    actor text not null check (length(actor) between 1 and 200),
    action text not null check (length(action) between 1 and 100),
    entity text,
    entity_id blob,
    change text,
    at text not null
);
create unique index saas_audit_key on saas_audit (tenant_id, id);
create unique index saas_audit_nobodys_key on saas_audit (id) where tenant_id is null;

create trigger saas_audit_update before update on saas_audit
begin
    select raise(abort, 'tenant wall: an audit entry is not changed');
end;
create trigger saas_audit_delete before delete on saas_audit
begin
    select raise(abort, 'tenant wall: an audit entry is not removed');
end;
-- `insert or replace` removes a row without asking the trigger above.
create trigger saas_audit_replace before insert on saas_audit
when exists (select 1 from saas_audit where tenant_id is new.tenant_id and id = new.id)
begin
    select raise(abort, 'tenant wall: an audit entry is not replaced');
end;
