//! Any query string: a request, or an error that names the parameter; never a panic.

#![no_main]

mod list;

use libfuzzer_sys::fuzz_target;
use list::{CURSORS, LIST, Row};
use saas_core::Problem;
use saas_core::sql::{Fragment, Raw};
use saas_pagination::{Error, Page};
use sqlx::{Execute, Postgres, QueryBuilder};

fuzz_target!(|text: &str| {
    match LIST.request(text, &CURSORS, ()) {
        Err(error) => named(error),
        Ok(request) => {
            assert!((1..=100).contains(&request.limit()));
            let cursor = request.cursor(&Row::default()).unwrap();
            // What was written is told apart again: the cursor is of this list under these filters.
            let next = format!("{text}&after={cursor}");
            assert!(is_understood(text, &next), "{next}");
            let mut statement = QueryBuilder::<Postgres>::new("");
            Fragment::<Postgres>::push_to(&request.plan(Raw("select 1")), &mut statement);
            let sql = statement.build().sql();
            assert!(sql.as_str().is_ascii(), "nothing of the client's stands in it: {sql:?}");
        }
    }
    if let Err(error) = LIST.connection(text, &CURSORS, ()) {
        named(error);
    }
    reference_holds_nothing_else(text);
});

fn named(error: Error) {
    let is_long = matches!(error, Error::QueryTooLong { .. });
    assert!(error.field().is_some() || is_long, "{error:?}");
    let problem = Problem::from(error);
    assert_eq!((problem.status(), problem.errors().len()), (400, usize::from(!is_long)));
}

/// A request that has a cursor already takes no second one.
fn is_understood(text: &str, next: &str) -> bool {
    let has_cursor = form_urlencoded::parse(text.as_bytes())
        .any(|(name, _)| name == "after" || name == "before");
    has_cursor || LIST.request(next, &CURSORS, ()).is_ok()
}

/// The header is one reference for each relation, whatever the client wrote.
fn reference_holds_nothing_else(text: &str) {
    let page = r#"{"items":[],"page":{"has_next":true,"has_prev":true,"start_cursor":"s","end_cursor":"e"}}"#;
    let page: Page<u8> = serde_json::from_str(page).unwrap();
    let Some(links) = page.links(text) else {
        // Too long for a header: three references, each no more than three times what was written.
        assert!(3 * 3 * text.len() + 200 > 8 * 1024, "no links for {text:?}");
        return;
    };
    assert!(links.len() <= 8 * 1024);
    assert!(links.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{links}");
    let count = |char| links.matches(char).count();
    assert_eq!((count('<'), count('>'), count('"'), count(',')), (3, 3, 6, 2), "{links}");
}
