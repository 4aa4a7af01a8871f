-- The tenant of this transaction, or NULL outside a scope. After a commit the setting is the empty
-- string, not NULL, hence nullif; an unset tenant equals no row's tenant, so nothing is seen.
create function saas.tenant_id() returns uuid
    language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
