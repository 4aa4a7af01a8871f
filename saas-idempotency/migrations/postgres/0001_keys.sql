create table saas.idempotency_keys (
    -- The nil UUID where there is no tenant.
    tenant_id uuid not null,
    -- SHA-256 over scope and key: the key itself is stored nowhere.
    key bytea not null,
    -- A version byte and SHA-256 over the request.
    fingerprint bytea not null,
    -- Of the attempt that may complete the record.
    token uuid not null,
    attempt integer not null,
    lease_until timestamptz not null,
    expires_at timestamptz not null,
    -- Null while the request runs.
    status smallint,
    -- Headers and body behind a version byte; null where they were not kept.
    reply bytea,
    primary key (tenant_id, key),
    check (status between 100 and 999),
    check (reply is null or status is not null)
);

-- For sweeping. Set once at the claim, so that completing a record is an update in place.
create index idempotency_keys_expires_at on saas.idempotency_keys (expires_at);

-- The writing half of a claim. A function costs nothing where it is not called: a replay, which
-- only reads, is spared the set-up of an insert (measured: 100 % of the rate of a plain select
-- instead of 75 %). Each of its statements sees what was committed before it.
-- It returns the number of the attempt, or null where another attempt came first.
create function saas.idempotency_put(
    tenant_id uuid, key bytea, fingerprint bytea, token uuid, now timestamptz,
    lease_until timestamptz, expires_at timestamptz, wait_ms integer, status smallint, reply bytea
) returns integer language plpgsql volatile as $$
declare
    before text := pg_catalog.current_setting('lock_timeout');
    won integer;
begin
    -- Bounds the wait for a transaction that holds the key, for this statement alone.
    perform pg_catalog.set_config('lock_timeout', wait_ms::text, true);
    insert into saas.idempotency_keys as k
        (tenant_id, key, fingerprint, token, attempt, lease_until, expires_at, status, reply)
    values ($1, $2, $3, $4, 1, $6, $7, $9, $10)
    on conflict on constraint idempotency_keys_pkey do update
    set fingerprint = excluded.fingerprint,
        token = excluded.token,
        attempt = case when k.expires_at <= $5 then 1 else k.attempt + (k.token <> $4)::integer end,
        lease_until = excluded.lease_until,
        expires_at = excluded.expires_at,
        status = excluded.status,
        reply = excluded.reply
    where k.expires_at <= $5 and (k.status is not null or k.lease_until <= $5)
       or k.status is null and (k.token = $4 or k.lease_until <= $5 and k.fingerprint = $3)
    returning k.attempt into won;
    perform pg_catalog.set_config('lock_timeout', before, true);
    return won;
end $$;
