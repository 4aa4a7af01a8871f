//! Views, functions and rules that read with other rights than those of who asks.

use super::Mended::BySql;
use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case(
        "a view of its owner",
        "create view all_notes as select * from notes; grant select on all_notes to wall_app",
        ["view public.all_notes of notes", "security_invoker = true"],
        BySql,
    ),
    case(
        "a view on a view, granted by column to everybody",
        "create view inside as select n.id, c.email from notes n join customers c on c.id = n.customer_id;
         create view outside as select * from inside; grant select (email) on outside to public",
        ["view public.outside of customers, notes", "security_invoker = true"],
        BySql,
    ),
    case(
        "a materialized view",
        "create materialized view copied as select * from notes; grant select on copied to wall_app",
        ["materialized view public.copied of notes", "from wall_app"],
        BySql,
    ),
    case(
        "a function with its owner's rights",
        "create function all_notes() returns bigint language plpgsql security definer
         as $$ begin return (select count(*) from notes); end $$",
        ["function public.all_notes(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function with its owner's rights whose tables PostgreSQL keeps track of",
        "create function all_notes(x int) returns bigint language sql security definer
         begin atomic select count(*) from notes; end",
        ["function public.all_notes(x integer), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function whose owner an open policy lets in",
        "create role every; grant select on notes to every; create policy every on notes to every using (true); create function peek() returns bigint language sql security definer as 'select count(*) from notes'; alter function peek() owner to every",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function whose owner inherits from whom an open policy lets in",
        "create role every; grant select on notes to every; create policy every on notes to every using (true); create role heir; grant every to heir; create function peek() returns bigint language sql security definer as 'select count(*) from notes'; alter function peek() owner to heir",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function whose owner may cross",
        "create role over; create policy over on notes for select to over using ((select saas.crossing())); create function peek() returns bigint language sql security definer as 'select count(*) from notes'; alter function peek() owner to over",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function that reads a view nobody else may read",
        "create view private as select * from notes; create function peek() returns bigint language sql security definer as 'select count(*) from private'",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function of a bound owner that reads another's view",
        "create role every; grant select on notes to every; create policy every on notes to every using (true); create role bound; create view private as select * from notes; alter view private owner to every; create view outer_one as select * from private; create function peek() returns bigint language sql security definer as 'select count(*) from outer_one'; alter function peek() owner to bound",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function that reads a view, as PostgreSQL keeps track of",
        "create view private as select * from notes; create function peek() returns bigint language sql security definer begin atomic select count(*) from private; end",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function of a bound owner that reads a copy",
        "create role bound; create materialized view copied as select * from notes; create function peek() returns bigint language sql security definer as 'select count(*) from copied'; alter function peek() owner to bound",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function that escapes what it reads",
        "create function peek() returns bigint language sql security definer as $$ select count(*) from public.u&\"\\006eotes\" $$",
        ["function public.peek(), which escapes names", "security invoker"],
        BySql,
    ),
    case(
        "a procedure",
        "create procedure peek() language plpgsql security definer as $$ begin delete from notes; end $$",
        ["function public.peek(), which mentions notes", "alter routine public.peek() security invoker"],
        BySql,
    ),
    case(
        "a function among this crate's own",
        "create function saas.cross() returns bigint language sql security definer as 'select count(*) from notes'",
        ["function saas.\"cross\"(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a function on this crate's own tables",
        "create function peek() returns bigint language sql security definer as 'select count(*) from saas.\"settings\"'",
        ["function public.peek(), which mentions saas.settings", "security invoker"],
        BySql,
    ),
    case(
        "a function that may be reached though not named",
        "create schema hidden; create function hidden.peek() returns setof notes language sql security definer as 'select * from public.notes'; create view shown as select * from hidden.peek(); grant select on shown to wall_app",
        ["function hidden.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a trigger with its owner's rights",
        "create table inbox (n bigint); grant insert on inbox to wall_app; create function peek() returns trigger language plpgsql security definer as $$ begin new.n := (select count(*) from notes); return new; end $$; create trigger peek before insert on inbox for each row execute function peek()",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "an event trigger with its owner's rights",
        "create function peek() returns event_trigger language plpgsql security definer as $$ begin perform from notes; end $$; create event trigger peek on ddl_command_start execute function peek()",
        ["function public.peek(), which mentions notes", "security invoker"],
        BySql,
    ),
    case(
        "a rule that answers with a tenant's rows",
        "create table inbox (n int); grant update on inbox to wall_app; create rule peek as on update to inbox do instead select body from notes",
        ["rule peek on inbox, which touches notes", "drop rule peek on inbox"],
        BySql,
    ),
    case(
        "a rule that copies a tenant's rows through a view",
        "create table inbox (n int); grant insert (n) on inbox to public; create view private as select * from notes; create table dump (body text); create rule peek as on insert to inbox do also insert into dump select body from private",
        ["rule peek on inbox, which touches notes", "drop rule peek on inbox"],
        BySql,
    ),
    case(
        "a rule that sets off another",
        "create table inbox (n int); create table between (n int); grant delete on inbox to wall_app; create rule peek as on delete to between do also delete from notes; create rule first as on delete to inbox do also delete from between",
        ["rule first on inbox, which touches notes", "drop rule first on inbox"],
        BySql,
    ),
    case(
        "a rule on a view that reads as who asks",
        "create view mine with (security_invoker) as select * from notes; grant select, delete on mine to wall_app; create rule peek as on delete to mine do instead delete from notes",
        ["rule peek on mine, which touches notes", "drop rule peek on mine"],
        BySql,
    ),
    case(
        "a view of this crate's own tables",
        "create view entries as select * from saas.audit; grant select on entries to wall_app",
        ["view public.entries of saas.audit", "security_invoker = true"],
        BySql,
    ),
];
