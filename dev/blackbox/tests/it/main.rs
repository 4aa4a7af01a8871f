//! The contract, rule by rule, for each service on each database.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]

mod auth;
mod bodies;
mod crowd;
mod customers;
mod errors;
mod filters;
mod guide;
mod health;
mod idempotency;
mod invoices;
mod kills;
mod openapi;
mod pagination;
mod pooler;
mod roles;
mod rollback;
mod rolling;
mod sending;
mod soft_delete;
mod startup;
mod tenants;
mod traces;
mod watched;

#[test]
fn handlers_are_the_same_whatever_the_framework() {
    let axum = include_str!("../../../../examples/axum/src/handlers.rs");
    assert_eq!(axum, include_str!("../../../../examples/actix/src/handlers.rs"));
}

/// One module of tests per target: `axum_sqlite::auth::…`.
macro_rules! targets {
    ([$($target:ident: $service:literal on $database:ident,)*] $tests:tt) => {
        $(targets! { @$target $service $database $tests })*
    };
    (@$target:ident $service:literal $database:ident { $($module:ident { $($test:ident,)* })* }) => {
        mod $target {
            const TARGET: saas_blackbox::Target = saas_blackbox::Target {
                service: $service,
                database: saas_blackbox::Database::$database,
            };
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    // Boxed, so that each test's state machine is compiled and moved as a pointer.
                    Box::pin(crate::$module::$test(super::TARGET)).await;
                })*
            })*
        }
    };
}

targets! {
    [
        axum_sqlite: "invoicing-axum" on Sqlite,
        axum_postgres: "invoicing-axum" on Postgres,
        actix_sqlite: "invoicing-actix" on Sqlite,
        actix_postgres: "invoicing-actix" on Postgres,
    ]
    {
        health {
            a_service_that_runs_is_alive_and_ready,
            metrics_are_prometheus_text,
            requests_are_measured_by_route,
            logs_are_json_when_asked,
        }
        tenants {
            a_tenant_is_made_with_the_operators_token,
            tenants_need_the_operators_token,
            a_taken_slug_is_a_conflict,
            a_slug_that_does_not_match_is_invalid,
            a_tenants_name_has_1_to_200_characters,
        }
        auth {
            a_missing_or_wrong_key_is_401_everywhere,
            a_tenant_header_that_is_not_the_keys_is_403,
            a_subdomain_that_is_not_the_keys_is_403,
            another_tenants_row_is_like_a_missing_one,
            a_list_holds_the_tenants_own_rows,
            too_many_failed_logins_are_429_and_nobody_else_suffers,
            a_trusted_proxy_says_who_the_client_is,
        }
        customers {
            a_customer_is_made_with_location_and_etag,
            a_taken_email_is_a_conflict_whatever_its_case,
            a_customers_name_has_1_to_200_characters,
            a_customers_email_must_be_one,
            a_patch_changes_what_it_names_and_the_etag,
            a_patch_needs_if_match,
            a_deletion_minds_if_match,
            a_missing_customer_is_404_before_if_match,
            a_patch_is_checked_like_a_new_customer,
        }
        soft_delete {
            a_deleted_customer_is_gone,
            a_customers_drafts_go_with_it_and_come_back,
            a_draft_deleted_by_itself_stays_deleted,
            a_customer_with_a_sent_invoice_stays,
            a_restore_into_a_taken_email_is_a_conflict,
            restoring_a_live_customer_changes_nothing,
            restoring_what_never_was_is_404,
        }
        invoices {
            an_invoice_is_made_with_total_location_and_etag,
            an_invalid_invoice_names_the_field,
            only_the_tenants_live_customers_can_be_invoiced,
            a_total_may_be_as_large_as_i64_and_no_larger,
            currencies_are_those_of_iso_4217,
            a_draft_can_be_deleted_and_nothing_else,
        }
        sending {
            a_sent_invoice_is_mailed_once_by_its_job,
            a_mail_that_is_refused_for_good_leaves_a_draft,
            anything_but_a_draft_cannot_be_sent,
            many_invoices_are_mailed_once_each,
        }
        idempotency {
            a_missing_or_malformed_key_is_400,
            a_retry_replays_the_answer,
            a_quoted_key_is_the_bare_one,
            a_key_for_another_request_is_422,
            equal_keys_of_two_tenants_are_strangers,
            what_the_handler_decided_is_kept,
            what_was_answered_before_the_handler_is_not_kept,
            simultaneous_duplicates_make_one_row,
            a_replay_outlives_a_restart,
        }
        pagination {
            a_limit_is_25_by_default_and_100_at_most,
            a_bad_limit_is_400,
            customers_walk_forward_and_back_under_every_sort,
            invoices_walk_forward_and_back_under_every_sort,
            an_empty_list_is_a_page,
            links_lead_to_the_neighbours_and_keep_the_parameters,
            unknown_and_repeated_parameters_are_400,
            a_cursor_belongs_to_one_list_sort_filter_and_tenant,
            a_forged_cursor_is_400,
            a_page_follows_a_row_that_is_gone,
        }
        filters {
            customers_are_filtered,
            invoices_are_filtered,
            a_filtered_list_walks,
            a_bad_filter_is_400,
        }
        errors {
            an_unknown_path_or_version_is_404,
            a_malformed_id_is_404,
            a_wrong_method_is_405_with_allow,
            head_answers_like_get_and_shows_nothing,
            every_answer_has_its_own_request_id,
        }
        bodies {
            a_wrong_or_missing_media_type_is_415,
            a_body_over_one_mebibyte_is_413,
            malformed_json_is_400,
            a_body_that_is_no_object_is_422,
            hostile_json_is_the_clients_error,
            an_unknown_member_is_422,
            a_nul_in_a_text_is_422,
        }
        rollback {
            a_refused_send_leaves_no_job,
            a_refused_body_leaves_no_row,
            a_refused_change_leaves_the_row_as_it_was,
        }
        startup {
            a_bad_value_names_its_variable,
            the_printed_lines_work_as_printed,
            the_generated_operator_token_outlives_a_restart,
            an_unknown_subcommand_is_an_error,
            api_answers_and_work_works,
            sigterm_lets_a_request_finish,
            slow_a_head_that_does_not_end_is_not_waited_for,
            sigterm_loses_no_job,
        }
    }
}

targets! {
    [
        axum_sqlite_only: "invoicing-axum" on Sqlite,
        actix_sqlite_only: "invoicing-actix" on Sqlite,
    ]
    {
        roles {
            the_database_is_a_file_here_unless_told_otherwise,
        }
    }
}

targets! {
    [
        axum_postgres_only: "invoicing-axum" on Postgres,
        actix_postgres_only: "invoicing-actix" on Postgres,
    ]
    {
        roles {
            a_role_that_bypasses_row_level_security_is_refused,
            the_applications_role_suffices_once_migrated,
            the_applications_role_is_created_when_missing,
            it_is_not_ready_while_the_database_is_away,
            work_whose_client_has_left_is_finished_before_the_end,
        }
        pooler {
            the_story_is_the_same_behind_a_pooler,
        }
        rolling {
            a_rolling_restart_loses_no_request_and_doubles_none,
        }
    }
}

// What operators see: once for each framework and each database.
targets! {
    [
        operated_axum_sqlite: "invoicing-axum" on Sqlite,
        operated_actix_postgres: "invoicing-actix" on Postgres,
    ]
    {
        traces {
            a_job_continues_the_trace_of_its_request,
            requests_have_a_trace_without_a_collector,
            nobody_waits_for_a_collector,
        }
        watched {
            a_process_that_only_works_is_watched,
            what_the_alerts_ask_for_is_shown,
        }
    }
}

// What takes long is about what the services share: once for each framework and each database.
targets! {
    [
        slow_axum_sqlite: "invoicing-axum" on Sqlite,
        slow_actix_postgres: "invoicing-actix" on Postgres,
    ]
    {
        crowd {
            ten_thousand_requests_in_flight_over_a_hundred_keys_make_a_hundred_customers_slow,
            nobody_waits_for_another_tenants_bodies,
        }
        kills {
            slow_a_kill_at_any_point_of_making_a_customer_makes_one,
            slow_a_kill_at_any_point_of_making_an_invoice_makes_one,
            slow_a_kill_at_any_point_of_sending_sends_once,
            slow_a_kill_at_any_point_of_the_job_mails_once,
            slow_a_kill_after_smtp_repeats_the_mail_under_one_message_id,
        }
    }
}
