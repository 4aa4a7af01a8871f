//! Who reads a tenant's table with other rights than those of who asks.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::super::reach::{Kind, Reach, Way};
use super::{about, rows};

// Views and rules that touch a tenant's table, themselves or through others, and who then reads it:
// the owner of the view or of the rule's table, or none where a view reads as who asks, which it does
// inside of others as well. What is stored in a materialized view has no policies any more.
const TOUCHING: &str =
    ", rewrite(rule, event, enabled, name, relation, owner, reader, stored, base) as (
        select distinct r.oid, r.ev_type, r.ev_enabled, r.rulename, c.oid, c.relowner,
               case when r.ev_type = '1' and exists (
                        select from pg_options_to_table(c.reloptions) o
                         where o.option_name = 'security_invoker' and o.option_value::boolean)
                    then null else c.relowner end,
               c.relkind = 'm', d.refobjid
          from pg_rewrite r
          join pg_class c on c.oid = r.ev_class
          join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                          and d.refclassid = 'pg_class'::regclass and d.deptype = 'n'
         where c.oid >= 16384),
    touching(rule, relation, base, reader, stored) as (
        select r.rule, r.relation, g.oid, r.reader, r.stored
          from given g
          join rewrite r on r.base = g.oid
        union
        select r.rule, r.relation, x.base, x.reader, x.stored or r.stored
          from touching x
          join rewrite r on r.base = x.relation and r.relation <> x.relation)";

// What policies make of it is judged elsewhere; here is to whom they do not apply at all.
const FACTS: &str = "
           b.oid::bigint, b.oid::regclass::text,
           w.stored or o.rolsuper or o.rolbypassrls
               or (pg_has_role(o.oid, b.relowner, 'usage') and not b.relforcerowsecurity),
           case when o.rolsuper then '{}'
                else array(select quote_ident(r.rolname) from pg_roles r
                            where pg_has_role(o.oid, r.oid, 'usage')) end
      from way w
      join pg_class b on b.oid = w.base
      join pg_roles o on o.oid = w.reader
     order by 1, 2, 4";

// PostgreSQL keeps track of the tables in a body that begins with BEGIN ATOMIC and of no others, so
// the text is searched as well; this crate's tables only with their schema, since their names are
// everybody's. Who may not name a function's schema may still reach it through what depends on it.
const FUNCTIONS: &str = ", definer(oid, name, owner, body, hidden) as (
        select p.oid, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
               p.proowner, p.prosrc, p.prosrc ~* 'U&\"'
          from pg_proc p
          join pg_namespace n on n.oid = p.pronamespace
         where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
           and not (n.nspname = 'saas' and p.proname = 'cross' and oidvectortypes(p.proargtypes)
                    = 'uuid, text, text, timestamp with time zone')
           and case p.prorettype
                   when 'trigger'::regtype then exists (
                       select from pg_trigger t
                        where t.tgfoid = p.oid and t.tgenabled <> 'D' and exists (
                            select from acting a
                             where has_any_column_privilege(a.oid, t.tgrelid, 'insert, update')
                                or has_table_privilege(a.oid, t.tgrelid, 'delete, truncate')))
                   when 'event_trigger'::regtype then exists (
                       select from pg_event_trigger t where t.evtfoid = p.oid and t.evtenabled <> 'D')
                   else exists (select from acting a where has_function_privilege(a.oid, p.oid, 'execute'))
                    and (exists (select from acting a where has_schema_privilege(a.oid, n.oid, 'usage'))
                         or exists (select from pg_depend d
                                     where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid))
               end),
    mentioned(relation, base, reader, stored, word, ours) as (
        select m.*, c.relname, c.relnamespace = coalesce(n.oid, 0)
          from (select oid, oid as base, null::oid as reader, false as stored from given
                 union
                select relation, base, reader, stored from touching) m
          join pg_class c on c.oid = m.oid
          left join pg_namespace n on n.nspname = 'saas'),
    said(oid, word, ours) as (
        select f.oid, w.word, w.ours
          from definer f
          join (select distinct word, ours from mentioned) w
            on f.body ~* (case when w.ours then '\\msaas\"?\\s*\\.\\s*\"?' else '\\m' end
                          || regexp_replace(w.word, '(\\W)', '\\\\\\1', 'g') || '\\M')),
    kept(oid, relation) as (
        select f.oid, d.refobjid
          from definer f
          join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = f.oid
                          and d.refclassid = 'pg_class'::regclass),
    way(name, hidden, base, reader, stored) as (
        select f.name, f.hidden, m.base, coalesce(m.reader, f.owner), m.stored
          from definer f join mentioned m on f.hidden
        union
        select f.name, f.hidden, m.base, coalesce(m.reader, f.owner), m.stored
          from definer f join said s on s.oid = f.oid
          join mentioned m on (m.word, m.ours) = (s.word, s.ours)
        union
        select f.name, f.hidden, m.base, coalesce(m.reader, f.owner), m.stored
          from definer f join kept k on k.oid = f.oid
          join mentioned m on m.relation = k.relation)
    select w.name, case when w.hidden then 'h' else 'f' end, null,";

/// The `security definer` functions that the role may call, or have called, and that mention a
/// tenant's table or what touches one.
pub(in super::super) async fn definers(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<Way>, sqlx::Error> {
    let mut query = about(oids, TOUCHING);
    query.push(FUNCTIONS).push(FACTS);
    rows(conn, query).await?.iter().map(read).collect()
}

const RULES: &str = ", way(name, relation, base, reader, stored) as (
        select distinct r.name, r.relation, t.base, coalesce(t.reader, r.owner), t.stored
          from touching t
          join rewrite r on r.rule = t.rule
         where r.event <> '1' and r.enabled <> 'D'
           and exists (
               select from acting a
                where case r.event
                          when '2' then has_any_column_privilege(a.oid, r.relation, 'update')
                          when '3' then has_any_column_privilege(a.oid, r.relation, 'insert')
                          else has_table_privilege(a.oid, r.relation, 'delete') end))
    select quote_ident(w.name), 'r', w.relation::regclass::text,";

/// The rules that what the role may do sets off and that touch a tenant's table.
pub(in super::super) async fn rules(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<Way>, sqlx::Error> {
    let mut query = about(oids, TOUCHING);
    query.push(RULES).push(FACTS);
    rows(conn, query).await?.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Way, sqlx::Error> {
    let kind = match (row.try_get(1)?, row.try_get(2)?) {
        ("r", Some(relation)) => Kind::Rule { on: relation },
        ("h", _) => Kind::HiddenDefiner,
        _ => Kind::Definer,
    };
    let reach = Reach {
        table: row.try_get(3)?,
        name: row.try_get(4)?,
        unbound: row.try_get(5)?,
        roles: row.try_get(6)?,
    };
    Ok(Way { name: row.try_get(0)?, kind, reach })
}
