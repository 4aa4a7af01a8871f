-- What steps of a job came to, each written in the transaction that took it.
create table saas.jobs_step (
    id uuid not null,
    name text not null,
    taken_at timestamptz not null,
    result json not null,
    primary key (id, name)
);
