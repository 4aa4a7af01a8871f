-- Differs: a zero takes no room here, so there is nothing to save.
select 1;
