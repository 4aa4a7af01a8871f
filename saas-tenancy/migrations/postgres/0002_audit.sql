-- Who did what. Nobody but the owner of the table changes an entry once it is there.
create table saas.audit (
    -- None for what was not done as a tenant, a crossing for instance.
    tenant_id uuid,
    id uuid not null,
    actor text not null check (char_length(actor) between 1 and 200),
    action text not null check (char_length(action) between 1 and 100),
    entity text,
    entity_id uuid,
    change jsonb,
    at timestamptz not null,
    -- Never given by who writes, so it cannot be that of another transaction.
    xact xid8 not null default pg_current_xact_id(),
    -- With the tenant, so that a collision tells nothing.
    unique nulls not distinct (tenant_id, id)
);
create index audit_crossings on saas.audit (xact) where tenant_id is null;

alter table saas.audit enable row level security;
alter table saas.audit force row level security;
create policy tenant_isolation on saas.audit
    using (tenant_id = (select saas.tenant_id()))
    with check (tenant_id = (select saas.tenant_id()));
-- What is nobody's is seen and written outside of tenants only; a crossing is written by its function.
create policy nobodys on saas.audit
    using (tenant_id is null and (select saas.tenant_id()) is null)
    with check (tenant_id is null and (select saas.tenant_id()) is null and action <> 'crossing');
create policy crossings on saas.audit for insert to current_user
    with check (tenant_id is null and action = 'crossing');

-- Writes a crossing down. Runs as the owner, since nobody else may.
create function saas.cross(uuid, text, text, timestamptz) returns void
    language sql security definer
    set search_path = pg_catalog, pg_temp
    as $$ insert into saas.audit (id, actor, action, change, at)
          values ($1, $2, 'crossing', jsonb_build_object('reason', $3), $4) $$;

-- Whether this very transaction wrote one down. A dump that is restored brings the numbers of another
-- server's transactions along; xmin is what this one gave the row.
create function saas.crossing() returns boolean
    language sql stable
    as $$ select exists (
              select from saas.audit a
               where a.tenant_id is null and a.action = 'crossing'
                 and a.xact = pg_current_xact_id_if_assigned() and a.xmin = a.xact::xid) $$;

revoke all on function saas.cross(uuid, text, text, timestamptz), saas.crossing() from public;
