-- What steps of a job came to, each written in the transaction that took it.
create table saas_jobs_step (
    id blob not null,
    name text not null,
    taken_at integer not null,
    result text not null,
    primary key (id, name)
) without rowid;
