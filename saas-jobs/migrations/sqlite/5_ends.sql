-- For lists of dead letters, and for clearing what is old.
create index saas_jobs_dead_died on saas_jobs_dead (died_at, id);
create index saas_jobs_done_finished on saas_jobs_done (finished_at);
