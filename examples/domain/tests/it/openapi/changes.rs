//! What changed between two OpenAPI documents, and what of it breaks clients.
//!
//! A request may come to take more and an answer may come to say more; less of either breaks someone,
//! and so does an answer with values that there were not.

mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use schema::{Bound, bounds, flat, listed, resolved, several};

#[derive(Debug)]
pub(super) struct Change {
    pub(super) breaks: bool,
    pub(super) what: String,
}

/// Every call of a document, as in `GET /customers`.
pub(super) fn operations(document: &Value) -> Named<'_> {
    let mut found = Named::new();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            found.insert(format!("{} {path}", method.to_uppercase()), operation);
        }
    }
    found
}

/// What is different in the newer one.
pub(super) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison { old, new, changes: Vec::new() };
    comparison.document();
    comparison.changes
}

struct Comparison<'d> {
    old: &'d Value,
    new: &'d Value,
    changes: Vec<Change>,
}

/// Who has to understand a value.
#[derive(Clone, Copy)]
enum Reader {
    Service,
    Client,
}

impl Comparison<'_> {
    fn say(&mut self, breaks: bool, place: &str, what: &str) {
        self.changes.push(Change { breaks, what: format!("{place}: {what}") });
    }

    fn document(&mut self) {
        let (old, new) = (self.old, self.new);
        if old["servers"] != new["servers"] && old["servers"].is_array() {
            self.say(true, "servers", "the API moved");
        }
        for (call, pair) in paired(operations(old), operations(new)) {
            match pair {
                Pair::Gone => self.say(true, &call, "was removed"),
                Pair::Came(_) => self.say(false, &call, "is new"),
                Pair::Both(old, new) => self.operation(&call, old, new),
            }
        }
    }

    fn operation(&mut self, call: &str, old: &Value, new: &Value) {
        if old["operationId"] != new["operationId"] {
            self.say(true, call, &format!("{} became {}", old["operationId"], new["operationId"]));
        }
        let needs = |document: &Value, operation: &Value| {
            operation.get("security").unwrap_or(&document["security"]).clone()
        };
        if needs(self.old, old) != needs(self.new, new) {
            self.say(true, call, "needs another token");
        }
        for (name, pair) in paired(parameters(self.old, old), parameters(self.new, new)) {
            self.parameter(call, &name, pair);
        }
        self.body(call, &old["requestBody"], &new["requestBody"]);
        for (status, pair) in paired(members(&old["responses"]), members(&new["responses"])) {
            let place = format!("{call}: response {status}");
            match pair {
                Pair::Gone => self.say(true, &place, "was removed"),
                Pair::Came(_) => self.say(false, &place, "is new"),
                Pair::Both(old, new) => self.response(&place, old, new),
            }
        }
    }

    fn parameter(&mut self, call: &str, name: &str, pair: Pair<'_>) {
        let place = format!("{call}: {name}");
        match pair {
            Pair::Gone => self.say(true, &place, "was removed"),
            Pair::Came(new) if is_required(new) => self.say(true, &place, "is new and required"),
            Pair::Came(_) => self.say(false, &place, "is new"),
            Pair::Both(old, new) => {
                if is_required(old) != is_required(new) {
                    let now = if is_required(new) { "became required" } else { "became optional" };
                    self.say(is_required(new), &place, now);
                }
                self.schema(Reader::Service, &place, "", &old["schema"], &new["schema"]);
            }
        }
    }

    fn body(&mut self, call: &str, old: &Value, new: &Value) {
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        let place = format!("{call}: body");
        if !is_required(old) && is_required(new) {
            self.say(true, &place, "became required");
        }
        self.content(Reader::Service, &place, old, new);
    }

    fn response(&mut self, place: &str, old: &Value, new: &Value) {
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        for (name, pair) in paired(members(&old["headers"]), members(&new["headers"])) {
            let place = format!("{place}: header {name}");
            match pair {
                Pair::Gone => self.say(true, &place, "was removed"),
                Pair::Came(_) => self.say(false, &place, "is new"),
                Pair::Both(old, new) => {
                    let (old, new) = (resolved(self.old, old), resolved(self.new, new));
                    if is_required(old) && !is_required(new) {
                        self.say(true, &place, "may be absent");
                    }
                    self.schema(Reader::Client, &place, "", &old["schema"], &new["schema"]);
                }
            }
        }
        self.content(Reader::Client, place, old, new);
    }

    fn content(&mut self, reader: Reader, place: &str, old: &Value, new: &Value) {
        for (kind, pair) in paired(members(&old["content"]), members(&new["content"])) {
            match pair {
                Pair::Gone => self.say(true, place, &format!("{kind} was removed")),
                Pair::Came(_) => self.say(false, place, &format!("{kind} is new")),
                Pair::Both(old, new) => {
                    self.schema(reader, place, "", &old["schema"], &new["schema"]);
                }
            }
        }
    }

    fn schema(&mut self, reader: Reader, place: &str, path: &str, old: &Value, new: &Value) {
        // A schema that holds itself ends somewhere.
        if path.matches(['.', '[']).count() > 16 {
            return;
        }
        let (old, new) = (flat(self.old, old), flat(self.new, new));
        for Bound { narrower, wider, what } in bounds(&old, &new) {
            let breaks = match reader {
                Reader::Service => narrower,
                Reader::Client => wider,
            };
            let of = if path.is_empty() { String::new() } else { format!("property `{path}` ") };
            self.say(breaks, place, &format!("{of}{what}"));
        }
        for (name, pair) in paired(members(&old["properties"]), members(&new["properties"])) {
            let is_needed = |schema: &Value| listed(schema, "required").contains(&name);
            let (before, now) = (is_needed(&old), is_needed(&new));
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match (reader, pair) {
                (_, Pair::Gone) => self.say(true, place, &format!("property `{path}` was removed")),
                (Reader::Service, Pair::Came(_)) if now => {
                    self.say(true, place, &format!("new required property `{path}`"));
                }
                (_, Pair::Came(_)) => self.say(false, place, &format!("new property `{path}`")),
                (_, Pair::Both(old, new)) => {
                    if before != now {
                        let breaks = matches!(reader, Reader::Service) == now;
                        let how = if now { "became required" } else { "may be absent" };
                        self.say(breaks, place, &format!("property `{path}` {how}"));
                    }
                    self.schema(reader, place, &path, old, new);
                }
            }
        }
        for (inner, suffix) in [("items", "[]"), ("oneOf", ""), ("anyOf", "")] {
            let (old, new) = (several(&old[inner]), several(&new[inner]));
            for (old, new) in old.iter().zip(new) {
                self.schema(reader, place, &format!("{path}{suffix}"), old, new);
            }
        }
    }
}

/// One name in two documents.
enum Pair<'v> {
    Gone,
    Came(&'v Value),
    Both(&'v Value, &'v Value),
}

type Named<'v> = BTreeMap<String, &'v Value>;

fn paired<'v>(old: Named<'v>, mut new: Named<'v>) -> Vec<(String, Pair<'v>)> {
    let mut pairs = Vec::new();
    for (name, old) in old {
        let pair = new.remove(&name).map_or(Pair::Gone, |new| Pair::Both(old, new));
        pairs.push((name, pair));
    }
    pairs.extend(new.into_iter().map(|(name, new)| (name, Pair::Came(new))));
    pairs
}

fn members(object: &Value) -> Named<'_> {
    object.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value)).collect()
}

fn parameters<'v>(document: &'v Value, operation: &'v Value) -> Named<'v> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let all = all.map(|parameter| resolved(document, parameter));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |one: &Value| format!("{} parameter `{}`", word(&one["in"]), word(&one["name"]));
    all.map(|one| (name(one), one)).collect()
}

fn is_required(value: &Value) -> bool {
    value["required"] == true
}
