//! The stored form of a record, and what scripts take and answer.

use chrono::{DateTime, TimeDelta, Utc};
use redis::Value;

use crate::store::{Attempt, Claimed, Outcome, Record};
use crate::{Error, Fingerprint, Reply};

/// The version of the hash, its field `v`.
pub(super) const VERSION: u8 = 1;

/// How much longer than it counts Redis keeps a record, for processes whose clock is behind.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// As long as Redis keeps anything: a moment further off it refuses.
const LONGEST: TimeDelta = TimeDelta::days(36_500);

/// Microseconds since 1970, which a script's numbers hold exactly until the year 2255.
pub(super) fn moment(moment: DateTime<Utc>) -> Vec<u8> {
    moment.timestamp_micros().to_string().into_bytes()
}

/// How long Redis keeps the record from now on. A span, since its clock is not the caller's.
pub(super) fn keep_ms(attempt: &Attempt) -> Vec<u8> {
    let counts = attempt.expires_at.max(attempt.lease_until) - attempt.now;
    let keep = counts.clamp(TimeDelta::zero(), LONGEST) + MARGIN;
    keep.num_milliseconds().to_string().into_bytes()
}

/// An outcome in fields; an empty one is absent, for no status and no stored reply is empty.
pub(super) struct Kept {
    pub(super) status: Vec<u8>,
    pub(super) reply: Vec<u8>,
}

impl Kept {
    pub(super) fn of(outcome: Option<&Outcome>) -> Self {
        let reply = match outcome {
            Some(Outcome::Reply(reply)) => reply.encode(),
            Some(Outcome::NotKept { .. }) | None => Vec::new(),
        };
        let status = outcome.map(|outcome| outcome.status().to_string()).unwrap_or_default();
        Self { status: status.into_bytes(), reply }
    }
}

/// What `put.lua` answers.
pub(super) fn claimed(answer: Value) -> Result<Claimed, Error> {
    let Value::Array(fields) = answer else { return Err(Error::Unreadable) };
    match <[Value; 4]>::try_from(fields) {
        Ok([Value::Int(0), Value::BulkString(fingerprint), status, reply]) => {
            let fingerprint = Fingerprint::from_bytes(&fingerprint).ok_or(Error::Unreadable)?;
            Ok(Claimed::Found(Record { fingerprint, outcome: outcome(status, reply)? }))
        }
        Ok(_) => Err(Error::Unreadable),
        Err(fields) => match fields.as_slice() {
            [Value::Int(1), Value::Int(attempt)] => u32::try_from(*attempt)
                .map(|attempt| Claimed::Won { attempt })
                .map_err(|_| Error::Unreadable),
            _ => Err(Error::Unreadable),
        },
    }
}

fn outcome(status: Value, reply: Value) -> Result<Option<Outcome>, Error> {
    let Value::BulkString(status) = status else { return Ok(None) };
    let status = std::str::from_utf8(&status).ok().and_then(|status| status.parse().ok());
    let status = status.ok_or(Error::Unreadable)?;
    Ok(Some(match reply {
        Value::BulkString(reply) => Outcome::Reply(Reply::decode(status, reply)?),
        _ => Outcome::NotKept { status },
    }))
}

/// What the other scripts answer: whether the token was the record's.
pub(super) fn held(answer: &Value) -> Result<bool, Error> {
    match answer {
        Value::Int(1) => Ok(true),
        Value::Int(0) => Ok(false),
        _ => Err(Error::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn an_answer_that_no_script_gives_wins_nothing() {
        let fingerprint = || Value::BulkString(vec![1; 33]);
        for answer in [
            Value::Nil,
            Value::Okay,
            Value::Int(1),
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Int(1), Value::Int(-1)]),
            Value::Array(vec![Value::Int(-1)]),
            Value::Array(vec![Value::Int(0), text("short"), Value::Nil, Value::Nil]),
            Value::Array(vec![Value::Int(0), fingerprint(), text("2o1"), Value::Nil]),
            Value::Array(vec![Value::Int(0), fingerprint(), text("201"), text("")]),
            Value::Array(vec![Value::Int(0), fingerprint(), text("201"), text("\u{63}")]),
        ] {
            let shown = format!("{answer:?}");
            assert!(matches!(claimed(answer), Err(Error::Unreadable)), "{shown}");
        }
        assert!(matches!(held(&Value::Int(-1)), Err(Error::Unreadable)));
        assert!(matches!(held(&Value::Nil), Err(Error::Unreadable)));
    }
}
