//! The connected role, and what is set for it before it does anything.

use super::Mended::{BySql, InWords};
use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("a superuser", "alter role wall_app superuser", ["role \"wall_app\"", "superuser"], InWords),
    case("BYPASSRLS", "alter role wall_app bypassrls", ["role \"wall_app\"", "nobypassrls"], BySql),
    case(
        "a member of a superuser",
        "create role root superuser; grant root to wall_app",
        ["role \"wall_app\" can become", "revoke root"],
        InWords,
    ),
    case(
        "a chain of memberships to one that bypasses",
        "create role far bypassrls; create role near; grant far to near; grant near to wall_app;
         alter role wall_app noinherit",
        ["role \"wall_app\" can become", "revoke far"],
        InWords,
    ),
    case(
        "a member of a role that runs programs on the server",
        "grant pg_execute_server_program to wall_app",
        ["role \"wall_app\" can become", "revoke pg_execute_server_program"],
        InWords,
    ),
    case(
        "a member of a role that writes all data",
        "grant pg_write_all_data to wall_app",
        ["role \"wall_app\" can become", "revoke pg_write_all_data"],
        InWords,
    ),
    case(
        "schemas of its own",
        "do $$ begin execute format('grant create on database %I to wall_app', current_database()); end $$",
        ["database t_tenancy_refusals lets the connected role make schemas", "revoke create on database"],
        BySql,
    ),
    case(
        "a schema that is searched first",
        "create schema early; grant create, usage on schema early to public; set local search_path = early, public",
        ["schema early is searched before", "revoke create on schema early from public"],
        BySql,
    ),
    case(
        "a schema of the role's own name",
        "create schema wall_app; grant create, usage on schema wall_app to wall_app;
         set local search_path = wall_app, public",
        ["schema wall_app is searched before", "revoke create on schema wall_app from wall_app"],
        BySql,
    ),
    case("CREATEROLE", "alter role wall_app createrole", ["role \"wall_app\"", "nocreaterole"], BySql),
    case("REPLICATION", "alter role wall_app replication", ["role \"wall_app\"", "noreplication"], BySql),
    case(
        "row_security off",
        "alter role wall_app set row_security = off; set local row_security = off",
        ["setting row_security", "alter role wall_app reset row_security"],
        InWords,
    ),
    case(
        "a tenant as a setting of the database",
        "do $$ begin execute format('alter database %I set app.tenant_id = %L', current_database(), 'x'); end $$;
         set local app.tenant_id = '0198c0de-0000-7000-8000-000000000001'",
        ["setting app.tenant_id", "alter database t_tenancy_refusals reset app.tenant_id"],
        InWords,
    ),
    case(
        "a tenant that came with the connection",
        "set local app.tenant_id = '0198c0de-0000-7000-8000-000000000001'",
        ["setting app.tenant_id", "what runs after connecting"],
        InWords,
    ),
    case(
        "constraints that are not checked, by a setting",
        "alter role wall_app set session_replication_role = replica; set local session_replication_role = replica",
        ["setting session_replication_role is not", "alter role wall_app reset session_replication_role"],
        InWords,
    ),
    case(
        "constraints that are not checked, by the connection",
        "set local session_replication_role = local",
        ["setting session_replication_role is not", "what runs after connecting"],
        InWords,
    ),
    case(
        "the right to have constraints not checked",
        "create role tuners; grant tuners to wall_app; grant set on parameter session_replication_role to tuners",
        ["setting session_replication_role may be set", "from tuners"],
        BySql,
    ),
    case(
        "temporary tables that everybody may make",
        "grant temporary on database t_tenancy_refusals to public",
        ["database t_tenancy_refusals lets", "revoke temporary on database t_tenancy_refusals from public"],
        BySql,
    ),
    case(
        "temporary tables that a role may make which it can become",
        "create role maker; grant temporary on database t_tenancy_refusals to maker; grant maker to wall_app",
        ["database t_tenancy_refusals lets", "from maker"],
        BySql,
    ),
];
