-- Who the tenants are and where each stands.
create table saas_tenants (
    id blob primary key check (typeof(id) = 'blob' and length(id) = 16),
    -- Free again once the tenant is purged.
    slug text unique check (length(slug) between 1 and 63 and slug = lower(slug)),
    state text not null
        check (state in ('provisioning', 'active', 'suspended', 'deleting', 'purging', 'purged')),
    since text not null,
    purge_after text,
    reason text not null,
    -- One more with each change, so that of two at once one finds out.
    version integer not null default 1,
    check ((state = 'purged') = (slug is null)),
    check ((state = 'deleting') = (purge_after is not null))
) without rowid;
create index saas_tenants_due on saas_tenants (purge_after) where state = 'deleting';

-- Host names of a tenant's own.
create table saas_tenant_domains (
    domain text primary key check (domain = lower(domain)),
    tenant_id blob not null references saas_tenants (id)
) without rowid;
create index saas_tenant_domains_tenant on saas_tenant_domains (tenant_id);

-- Which steps of provisioning and purging are done. It is where the tenant's rows are, since a step
-- commits together with its mark; so it references nothing.
create table saas_tenant_steps (
    tenant_id blob not null check (typeof(tenant_id) = 'blob' and length(tenant_id) = 16),
    phase text not null check (phase in ('provision', 'purge')),
    step text not null check (length(step) between 1 and 100),
    at text not null,
    primary key (tenant_id, phase, step)
) without rowid;
