use std::time::Duration;

use saas_core::Problem;

use super::Error;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let plain = Problem::new(error.status());
        match error {
            Error::MissingKey => plain
                .with_type("urn:problem-type:idempotency-key-missing")
                .with_title("Idempotency-Key is missing")
                .detail("this operation requires an Idempotency-Key header"),
            Error::SeveralKeys | Error::MalformedKey => plain
                .with_type("urn:problem-type:idempotency-key-malformed")
                .with_title("Idempotency-Key is malformed")
                .detail("send one key of 1 to 255 visible ASCII characters, without comma, semicolon, quote or backslash"),
            Error::TooLarge { cap } => plain
                .with_type("urn:problem-type:request-body-too-large")
                .with_title("The request body is too large")
                .detail(format!("the body may have at most {cap} bytes")),
            Error::BrokenBody => plain
                .with_type("urn:problem-type:request-body-incomplete")
                .with_title("The request body is incomplete")
                .detail("the body ended early"),
            Error::Reused => plain
                .with_type("urn:problem-type:idempotency-key-reused")
                .with_title("Idempotency-Key is already used")
                .detail("this key was used for another request; use a new key"),
            Error::InProgress { retry_after } => plain
                .with_type("urn:problem-type:idempotency-in-progress")
                .with_title("A request is outstanding for this Idempotency-Key")
                .detail("another attempt of this request is in progress; try again")
                .header("retry-after", whole_seconds(*retry_after).to_string()),
            Error::NotKept { status } => plain
                .with_type("urn:problem-type:idempotency-response-not-kept")
                .with_title("The request was executed and its response was not kept")
                .detail("do not repeat this request; fetch what it made")
                .with("executed_status", *status),
            Error::Contended | Error::Store(_) => plain
                .with_type("urn:problem-type:idempotency-store-unavailable")
                .with_title("The request was not executed")
                .detail("try again with the same Idempotency-Key")
                .header("retry-after", "1"),
            Error::Unreadable | Error::Sealed(_) => plain
                .with_type("urn:problem-type:idempotency-record-unreadable")
                .with_title("The record of this Idempotency-Key cannot be read")
                .detail("the request was sent before; do not repeat it under another key"),
            Error::MissingScope | Error::Policy(_) | Error::Serialize(_) | Error::Misuse(_) => {
                plain
            }
        }
    }
}

/// Rounded up, at least one.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{ErrorKind, SealError};

    /// One of each.
    fn all() -> Vec<(Error, u16, ErrorKind, &'static str)> {
        use ErrorKind::{Bug, Conflict, Invalid, Unavailable};
        let serde = serde_json::from_str::<u8>("x").unwrap_err();
        let retry_after = Duration::from_millis(2500);
        vec![
            (Error::MissingKey, 400, Invalid, "idempotency-key-missing"),
            (Error::SeveralKeys, 400, Invalid, "idempotency-key-malformed"),
            (Error::MalformedKey, 400, Invalid, "idempotency-key-malformed"),
            (Error::BrokenBody, 400, Invalid, "request-body-incomplete"),
            (Error::TooLarge { cap: 9 }, 413, Invalid, "request-body-too-large"),
            (Error::Reused, 422, Invalid, "idempotency-key-reused"),
            (Error::InProgress { retry_after }, 409, Conflict, "idempotency-in-progress"),
            (Error::NotKept { status: 201 }, 409, Conflict, "idempotency-response-not-kept"),
            (Error::Contended, 503, Unavailable, "idempotency-store-unavailable"),
            (Error::Store("secret".into()), 503, Unavailable, "idempotency-store-unavailable"),
            (Error::Unreadable, 500, Bug, "idempotency-record-unreadable"),
            (Error::Sealed(SealError::Forged), 500, Bug, "idempotency-record-unreadable"),
            (Error::MissingScope, 500, Bug, ""),
            (Error::Policy("secret"), 500, Bug, ""),
            (Error::Serialize(serde), 500, Bug, ""),
            (Error::Misuse("secret"), 500, Bug, ""),
        ]
    }

    fn document(error: &Error) -> Value {
        serde_json::to_value(Problem::from(error)).unwrap()
    }

    #[test]
    fn every_error_has_the_status_kind_and_type_of_the_table() {
        for (error, status, kind, name) in all() {
            assert_eq!((error.status(), error.kind()), (status, kind), "{error}");
            let name = match name {
                "" => "about:blank".to_owned(),
                name => format!("urn:problem-type:{name}"),
            };
            let document = document(&error);
            assert_eq!((&document["type"], &document["status"]), (&name.into(), &status.into()));
        }
    }

    #[test]
    fn no_problem_tells_what_went_wrong_inside() {
        for (error, ..) in all() {
            assert!(!document(&error).to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn who_shall_come_back_is_told_when() {
        let told = |error: &Error| {
            let problem = Problem::from(error);
            let mut headers = problem.headers().iter().filter(|(name, _)| *name == "retry-after");
            headers.next().map(|(_, value)| value.clone())
        };
        for (error, status, ..) in all() {
            let expected = match error {
                Error::InProgress { .. } => Some("3"),
                _ => (status == 503).then_some("1"),
            };
            assert_eq!(told(&error).as_deref(), expected, "{error}");
        }
    }

    #[test]
    fn a_response_that_was_not_kept_is_told_by_its_status() {
        assert_eq!(document(&Error::NotKept { status: 201 })["executed_status"], 201);
    }
}
