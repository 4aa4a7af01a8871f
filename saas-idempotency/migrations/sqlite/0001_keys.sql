create table saas_idempotency_keys (
    -- The nil UUID where there is no tenant.
    tenant_id blob not null,
    -- SHA-256 over scope and key: the key itself is stored nowhere.
    key blob not null,
    -- A version byte and SHA-256 over the request.
    fingerprint blob not null,
    -- Of the attempt that may complete the record.
    token blob not null,
    attempt integer not null,
    -- Microseconds since 1970.
    lease_until integer not null,
    expires_at integer not null,
    -- Null while the request runs.
    status integer,
    -- Headers and body behind a version byte; null where they were not kept.
    reply blob,
    primary key (tenant_id, key),
    check (status between 100 and 999),
    check (reply is null or status is not null)
) strict;

-- For sweeping. Set once at the claim, so that completing a record leaves it alone.
create index saas_idempotency_keys_expires_at on saas_idempotency_keys (expires_at);
