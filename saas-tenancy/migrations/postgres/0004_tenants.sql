-- Who the tenants are and where each stands. The list is nobody's in particular: what a name leads to
-- is asked before it is known whose request it is.
create table saas.tenants (
    id uuid primary key,
    -- Free again once the tenant is purged.
    slug text unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    state text not null
        check (state in ('provisioning', 'active', 'suspended', 'deleting', 'purging', 'purged')),
    since timestamptz not null,
    purge_after timestamptz,
    reason text not null,
    -- One more with each change, so that of two at once one finds out.
    version bigint not null default 1,
    check ((state = 'purged') = (slug is null)),
    check ((state = 'deleting') = (purge_after is not null))
);
create index tenants_due on saas.tenants (purge_after) where state = 'deleting';

-- Host names of a tenant's own.
create table saas.tenant_domains (
    domain text primary key check (domain = lower(domain)),
    tenant_id uuid not null references saas.tenants (id)
);
create index tenant_domains_tenant on saas.tenant_domains (tenant_id);

-- Which steps of provisioning and purging are done. It is where the tenant's rows are, since a step
-- commits together with its mark; so it references nothing.
create table saas.tenant_steps (
    tenant_id uuid not null,
    phase text not null check (phase in ('provision', 'purge')),
    step text not null check (char_length(step) between 1 and 100),
    at timestamptz not null,
    primary key (tenant_id, phase, step)
);

alter table saas.tenant_steps enable row level security;
alter table saas.tenant_steps force row level security;
create policy tenant_isolation on saas.tenant_steps
    using (tenant_id = (select saas.tenant_id()))
    with check (tenant_id = (select saas.tenant_id()));
