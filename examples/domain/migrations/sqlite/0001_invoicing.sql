-- Whose rows are whose: every tenant's table has tenant_id first in its keys, so that a foreign key
-- cannot point to another tenant's row, a unique value tells nothing of others, and one tenant's rows
-- lie together.

create table tenants (
    id blob primary key,
    slug text not null,
    name text not null,
    created_at text not null,
    updated_at text not null
);
create unique index tenants_slug_key on tenants (slug);

-- Only the hash: a leaked table is no leaked key.
create table api_keys (
    id blob primary key,
    tenant_id blob not null references tenants (id),
    key_hash blob not null,
    created_at text not null
);
create unique index api_keys_key_hash_key on api_keys (key_hash);

create table settings (
    name text primary key,
    value blob not null
);

create table customers (
    tenant_id blob not null,
    id blob not null,
    name text not null,
    email text not null,
    -- The email in lower case. A column, not an index on lower(email): the two databases fold
    -- case differently.
    email_key text not null,
    version integer not null,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    deletion_id blob,
    primary key (tenant_id, id),
    foreign key (tenant_id) references tenants (id),
    check ((deleted_at is null) = (deletion_id is null))
) without rowid;
create unique index customers_email_key_key on customers (tenant_id, email_key) where deleted_at is null;
create index customers_created_at_idx on customers (tenant_id, created_at, id) where deleted_at is null;
create index customers_name_idx on customers (tenant_id, name, id) where deleted_at is null;

create table invoices (
    tenant_id blob not null,
    id blob not null,
    customer_id blob not null,
    currency text not null,
    due_on text,
    status text not null check (status in ('draft', 'sending', 'sent')),
    total_minor integer not null,
    version integer not null,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    deletion_id blob,
    primary key (tenant_id, id),
    foreign key (tenant_id, customer_id) references customers (tenant_id, id),
    check ((deleted_at is null) = (deletion_id is null))
) without rowid;
create index invoices_customer_id_idx on invoices (tenant_id, customer_id);
create index invoices_created_at_idx on invoices (tenant_id, created_at, id) where deleted_at is null;
create index invoices_status_idx on invoices (tenant_id, status, created_at, id) where deleted_at is null;
create index invoices_due_on_idx on invoices (tenant_id, due_on, id) where deleted_at is null;
create index invoices_total_minor_idx on invoices (tenant_id, total_minor, id) where deleted_at is null;

create table invoice_lines (
    tenant_id blob not null,
    id blob not null,
    invoice_id blob not null,
    position integer not null,
    description text not null,
    quantity integer not null check (quantity >= 1),
    unit_price_minor integer not null check (unit_price_minor >= 0),
    primary key (tenant_id, id),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id)
) without rowid;
create unique index invoice_lines_invoice_id_position_key on invoice_lines (tenant_id, invoice_id, position);
