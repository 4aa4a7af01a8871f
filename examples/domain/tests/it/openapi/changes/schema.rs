//! Two schemas of one value: what the newer one leaves out, and what it adds.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// One keyword by which they differ.
pub(super) struct Bound {
    /// Values of before are no longer among it.
    pub(super) narrower: bool,
    /// There are values among it that there were not.
    pub(super) wider: bool,
    pub(super) what: String,
}

/// Larger is narrower.
const LOWER: [&str; 4] = ["minimum", "exclusiveMinimum", "minLength", "minItems"];

/// Smaller is narrower.
const UPPER: [&str; 4] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems"];

/// Another one is another set of values.
const OTHER: [&str; 6] =
    ["pattern", "format", "const", "multipleOf", "uniqueItems", "additionalProperties"];

pub(super) fn bounds(old: &Value, new: &Value) -> Vec<Bound> {
    let sets = ["type", "enum"].into_iter().filter_map(|keyword| set(keyword, old, new));
    let lengths = ["oneOf", "anyOf"].into_iter();
    let lengths =
        lengths.filter(|keyword| several(&old[keyword]).len() != several(&new[keyword]).len());
    let choices = lengths.map(|keyword| differs(keyword, true, true, old, new));
    let single = LOWER.into_iter().chain(UPPER).chain(OTHER).filter_map(|keyword| {
        let (before, now) = (&old[keyword], &new[keyword]);
        let (narrower, wider) = match (before.is_null(), now.is_null()) {
            _ if before == now => return None,
            (true, _) => (true, false),
            (_, true) => (false, true),
            _ => match before.as_f64().partial_cmp(&now.as_f64()) {
                Some(Ordering::Less) => (LOWER.contains(&keyword), UPPER.contains(&keyword)),
                Some(Ordering::Greater) => (UPPER.contains(&keyword), LOWER.contains(&keyword)),
                _ => (true, true),
            },
        };
        Some(differs(keyword, narrower, wider, old, new))
    });
    sets.chain(choices).chain(single).collect()
}

fn differs(keyword: &str, narrower: bool, wider: bool, old: &Value, new: &Value) -> Bound {
    let shown = |schema: &Value| match &schema[keyword] {
        Value::Null => "none".to_owned(),
        value => value.to_string(),
    };
    let what = format!("changed its {keyword} from {} to {}", shown(old), shown(new));
    Bound { narrower, wider, what }
}

/// A keyword that lists what may be; without it, everything may.
fn set(keyword: &str, old: &Value, new: &Value) -> Option<Bound> {
    let [before, now] = [old, new].map(|schema| listed(schema, keyword));
    if before.is_empty() || now.is_empty() {
        let (narrower, wider) = (before.is_empty(), now.is_empty());
        return (narrower != wider).then(|| differs(keyword, narrower, wider, old, new));
    }
    let gone = before.difference(&now).map(|value| format!("lost {value}"));
    let came = now.difference(&before).map(|value| format!("gained {value}"));
    let changes: Vec<_> = gone.chain(came).collect();
    let (narrower, wider) = (!before.is_subset(&now), !now.is_subset(&before));
    let what = format!("{keyword} {}", changes.join(", "));
    (narrower || wider).then_some(Bound { narrower, wider, what })
}

/// What a keyword lists, or the one thing that it says.
pub(super) fn listed(schema: &Value, keyword: &str) -> BTreeSet<String> {
    several(&schema[keyword])
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect()
}

/// The values of a list, or the one value.
pub(super) fn several(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

/// What a reference refers to.
pub(super) fn resolved<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// A schema as one object: without a reference, and with what it is made of.
pub(super) fn flat(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    for part in several(&whole.remove("allOf").unwrap_or_default()) {
        let Value::Object(part) = flat(document, part) else { continue };
        for (keyword, value) in part {
            merge(&mut whole, keyword, value);
        }
    }
    Value::Object(whole)
}

fn merge(whole: &mut Map<String, Value>, keyword: String, value: Value) {
    match (whole.entry(keyword).or_insert(Value::Null), value) {
        (Value::Array(all), Value::Array(more)) => all.extend(more),
        (Value::Object(all), Value::Object(more)) => all.extend(more),
        (slot, value) => *slot = value,
    }
}
