//! Bodies: how long they may be, what they must be, and the answers to those that are not.

use saas_core::Problem;
use serde_json::Value;

use crate::head::Head;
use crate::{json, limits};

/// Judges a body by the head alone, before any of it is read.
pub fn expected(head: &Head<'_>) -> Result<(), Problem> {
    if !head.is_json() {
        return Err(Problem::new(415).detail("send application/json"));
    }
    if head.is_encoded() {
        return Err(Problem::new(415).detail("send it as it is, without a Content-Encoding"));
    }
    match head.content_length() {
        Some(length) if length > limits::BODY => Err(too_large()),
        _ => Ok(()),
    }
}

/// A whole body as JSON, of whatever members; those are judged by who reads them.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let malformed = |error| Problem::new(400).detail(format!("the body is no JSON: {error}"));
    json::read(bytes).map_err(malformed)
}

/// One that is longer than [`limits::BODY`].
pub fn too_large() -> Problem {
    Problem::new(413).detail("a body is at most 1 MiB")
}

/// One whose end never came.
pub fn broken_off() -> Problem {
    Problem::new(400).detail("the body broke off")
}
