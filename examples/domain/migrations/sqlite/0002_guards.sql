-- What raw SQL must not do either: write a row of no tenant, or move one to another tenant. As
-- `saas_tenancy::wall::sqlite` prints it.

create trigger "customers_tenant_insert" before insert on "customers"
when typeof(new.tenant_id) <> 'blob' or length(new.tenant_id) <> 16
begin
    select raise(abort, 'tenant wall: the row names no tenant');
end;
create trigger "customers_tenant_update" before update of tenant_id on "customers"
when new.tenant_id is not old.tenant_id
begin
    select raise(abort, 'tenant wall: a row does not move to another tenant');
end;
create trigger "invoices_tenant_insert" before insert on "invoices"
when typeof(new.tenant_id) <> 'blob' or length(new.tenant_id) <> 16
begin
    select raise(abort, 'tenant wall: the row names no tenant');
end;
create trigger "invoices_tenant_update" before update of tenant_id on "invoices"
when new.tenant_id is not old.tenant_id
begin
    select raise(abort, 'tenant wall: a row does not move to another tenant');
end;
create trigger "invoice_lines_tenant_insert" before insert on "invoice_lines"
when typeof(new.tenant_id) <> 'blob' or length(new.tenant_id) <> 16
begin
    select raise(abort, 'tenant wall: the row names no tenant');
end;
create trigger "invoice_lines_tenant_update" before update of tenant_id on "invoice_lines"
when new.tenant_id is not old.tenant_id
begin
    select raise(abort, 'tenant wall: a row does not move to another tenant');
end;
