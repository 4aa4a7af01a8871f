//! The texts of all verbs, as PostgreSQL gets them.

pub(super) const TEXTS: &[(&str, &str)] = &[
    (
        "select",
        r#"select "customers"."id", "customers"."email" from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" is null and ("customers"."id" = $2) and ("customers"."email" = $3)"#,
    ),
    (
        "count",
        r#"select count(*) from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" is null and ("customers"."id" = $2) and ("customers"."email" = $3)"#,
    ),
    (
        "count of a few",
        r#"select count(*) from (select 1 from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" is null limit 3) counted"#,
    ),
    (
        "exists",
        r#"select 1 from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" is null and ("customers"."id" = $2) and ("customers"."email" = $3) limit 1"#,
    ),
    (
        "exists in a join",
        r#"select 1 from "crm"."tasks" join "notes" on "notes"."tenant_id" = $1 and "notes"."id" = "crm"."tasks"."note_id" and "notes"."deleted_at" is null join "customers" on "customers"."tenant_id" = $2 and "customers"."id" = "notes"."customer_id" and "customers"."deleted_at" is null where "crm"."tasks"."tenant_id" = $3 and "crm"."tasks"."deleted_at" is null and ("customers"."email" = $4) limit 1"#,
    ),
    (
        "outer join",
        r#"select "notes"."id", "customers"."email" from "notes" left join "customers" on "customers"."tenant_id" = $1 and "customers"."id" = "notes"."customer_id" and "customers"."deleted_at" is null where "notes"."tenant_id" = $2 and "notes"."deleted_at" is null"#,
    ),
    (
        "insert",
        r#"insert into "customers" ("id", "email", "tenant_id", "version") values ($1, $2, $3, $4)"#,
    ),
    (
        "update",
        r#"update "customers" set "email" = $1, "version" = "customers"."version" + 1 where "customers"."tenant_id" = $2 and "customers"."deleted_at" is null and "customers"."id" = $3 and "customers"."version" = $4 returning "version""#,
    ),
    (
        "update_all",
        r#"update "customers" set "email" = $1, "version" = "customers"."version" + 1 where "customers"."tenant_id" = $2 and "customers"."deleted_at" is null and ("customers"."id" = $3)"#,
    ),
    (
        "delete",
        r#"delete from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" is null and "customers"."id" = $2"#,
    ),
    (
        "delete_all",
        r#"delete from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" is null and ("customers"."id" = $2)"#,
    ),
    (
        "upsert",
        r#"insert into "customers" ("id", "email", "tenant_id", "version") values ($1, $2, $3, $4) on conflict ("tenant_id", "id") do update set "email" = excluded."email", "version" = "customers"."version" + 1 where "customers"."tenant_id" = $5 and "customers"."deleted_at" is null returning "id", "version""#,
    ),
    (
        "upsert on",
        r#"insert into "customers" ("id", "email", "tenant_id", "version") values ($1, $2, $3, $4) on conflict ("tenant_id", "email") where "deleted_at" is null do update set "email" = excluded."email", "version" = "customers"."version" + 1 where "customers"."tenant_id" = $5 and "customers"."deleted_at" is null returning "id", "version""#,
    ),
    (
        "soft_delete",
        r#"update "customers" set "deleted_at" = $1, "deletion_id" = $2, "version" = "customers"."version" + 1 where "customers"."tenant_id" = $3 and "customers"."deleted_at" is null and "customers"."id" = $4"#,
    ),
    (
        "soft_delete_all",
        r#"update "customers" set "deleted_at" = $1, "deletion_id" = $2, "version" = "customers"."version" + 1 where "customers"."tenant_id" = $3 and "customers"."deleted_at" is null and ("customers"."email" = $4)"#,
    ),
    (
        "cascade of one",
        r#"update "notes" set "deleted_at" = $1, "deletion_id" = $2 where "notes"."tenant_id" = $3 and "notes"."deleted_at" is null and "notes"."customer_id" = $4"#,
    ),
    (
        "cascade of many",
        r#"update "notes" set "deleted_at" = $1, "deletion_id" = $2 where "notes"."tenant_id" = $3 and "notes"."deleted_at" is null and "notes"."customer_id" in (select "customers"."id" from "customers" where "customers"."tenant_id" = $4 and "customers"."deleted_at" is not null and "customers"."deletion_id" = $5)"#,
    ),
    (
        "cascade_if",
        r#"update "notes" set "deleted_at" = $1, "deletion_id" = $2 where "notes"."tenant_id" = $3 and "notes"."deleted_at" is null and "notes"."customer_id" = $4 and ("notes"."customer_id" <> $5)"#,
    ),
    (
        "then of one",
        r#"update "crm"."tasks" set "deleted_at" = $1, "deletion_id" = $2, "updated_at" = $3 where "crm"."tasks"."tenant_id" = $4 and "crm"."tasks"."deleted_at" is null and "crm"."tasks"."note_id" in (select "notes"."id" from "notes" where "notes"."tenant_id" = $5 and "notes"."deleted_at" is not null and "notes"."deletion_id" = $6 and "notes"."customer_id" = $7)"#,
    ),
    (
        "then of many",
        r#"update "crm"."tasks" set "deleted_at" = $1, "deletion_id" = $2, "updated_at" = $3 where "crm"."tasks"."tenant_id" = $4 and "crm"."tasks"."deleted_at" is null and "crm"."tasks"."note_id" in (select "notes"."id" from "notes" where "notes"."tenant_id" = $5 and "notes"."deleted_at" is not null and "notes"."deletion_id" = $6 and "notes"."customer_id" in (select "customers"."id" from "customers" where "customers"."tenant_id" = $7 and "customers"."deleted_at" is not null and "customers"."deletion_id" = $8))"#,
    ),
    (
        "found",
        r#"select "deletion_id" from "customers" where "customers"."tenant_id" = $1 and "customers"."id" = $2"#,
    ),
    (
        "restore",
        r#"update "notes" set "deleted_at" = null, "deletion_id" = null where "notes"."tenant_id" = $1 and "notes"."deleted_at" is not null and "notes"."deletion_id" = $2 and "notes"."customer_id" = $3"#,
    ),
    (
        "restore then",
        r#"update "crm"."tasks" set "deleted_at" = null, "deletion_id" = null, "updated_at" = $1 where "crm"."tasks"."tenant_id" = $2 and "crm"."tasks"."deleted_at" is not null and "crm"."tasks"."deletion_id" = $3 and "crm"."tasks"."note_id" in (select "notes"."id" from "notes" where "notes"."tenant_id" = $4 and "notes"."deleted_at" is null and "notes"."customer_id" = $5)"#,
    ),
    (
        "purge",
        r#"delete from "customers" where "customers"."tenant_id" = $1 and "customers"."deleted_at" < $2 and "customers"."id" in (select "customers"."id" from "customers" where "customers"."tenant_id" = $3 and "customers"."deleted_at" < $4 order by "customers"."deleted_at", "customers"."id" limit 7)"#,
    ),
    (
        "purge of children",
        r#"delete from "notes" where "notes"."tenant_id" = $1 and "notes"."deleted_at" is not null and "notes"."customer_id" in (select "customers"."id" from "customers" where "customers"."tenant_id" = $2 and "customers"."deleted_at" < $3 order by "customers"."deleted_at", "customers"."id" limit 7)"#,
    ),
    (
        "purge of grandchildren",
        r#"delete from "crm"."tasks" where "crm"."tasks"."tenant_id" = $1 and "crm"."tasks"."deleted_at" is not null and "crm"."tasks"."note_id" in (select "notes"."id" from "notes" where "notes"."tenant_id" = $2 and "notes"."deleted_at" is not null and "notes"."customer_id" in (select "customers"."id" from "customers" where "customers"."tenant_id" = $3 and "customers"."deleted_at" < $4 order by "customers"."deleted_at", "customers"."id" limit 7))"#,
    ),
];
