-- For lists of dead letters, and for clearing what is old.
create index jobs_dead_died on saas.jobs_dead (died_at, id);
create index jobs_done_finished on saas.jobs_done using brin (finished_at);
