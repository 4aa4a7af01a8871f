create table "notes" (
    "tenant_id" blob not null,
    "id" blob not null,
    "body" text not null,
    "words" integer,
    "created_at" text not null,
    "updated_at" text not null,
    primary key ("tenant_id", "id")
) without rowid;
create trigger "notes_tenant_insert" before insert on "notes"
when typeof(new.tenant_id) <> 'blob' or length(new.tenant_id) <> 16
begin
    select raise(abort, 'tenant wall: the row names no tenant');
end;
create trigger "notes_tenant_update" before update of tenant_id on "notes"
when new.tenant_id is not old.tenant_id
begin
    select raise(abort, 'tenant wall: a row does not move to another tenant');
end;
create index "notes_created_at_id_b31d6e27" on "notes" ("tenant_id", "created_at", "id");
