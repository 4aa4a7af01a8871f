//! Every kind of break is planted once.

use serde_json::{Value, json};

use super::changes;

fn document() -> Value {
    json!({
        "servers": [{"url": "/api"}],
        "security": [{"key": []}],
        "paths": {
            "/things": {
                "get": {
                    "operationId": "list_things",
                    "parameters": [
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    ],
                    "responses": {
                        "200": {
                            "headers": {"ETag": {"required": true, "schema": {"type": "string"}}},
                            "content": {"application/json": {"schema": {
                                "type": "array", "items": {"$ref": "#/components/schemas/Thing"},
                            }}},
                        },
                        "404": {"$ref": "#/components/responses/NotFound"},
                    },
                },
                "post": {
                    "operationId": "make_thing",
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {
                        "type": "object", "required": ["name"], "additionalProperties": false,
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "colour": {"type": ["string", "null"], "enum": ["red", "blue", null]},
                        },
                    }}}},
                    "responses": {},
                },
            },
        },
        "components": {
            "responses": {"NotFound": {"content": {"application/json": {}}}},
            "schemas": {
                "Thing": {"allOf": [
                    {"$ref": "#/components/schemas/Named"},
                    {"type": "object", "required": ["state"], "properties": {
                        "state": {"type": "string", "enum": ["new", "old"]},
                        "note": {"type": "string"},
                    }},
                ]},
                "Named": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"},
                }},
            },
        },
    })
}

const GET: &str = "/paths/~1things/get";
const BODY: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";
const THING: &str = "/components/schemas/Thing/allOf/1";

/// What is said of the document with another value at `pointer`; null removes what is there.
fn told(pointer: &str, value: Value) -> Vec<(bool, String)> {
    let (old, mut new) = (document(), document());
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/");
    let parent = new.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(parent), Value::Null) => drop(parent.remove(&name)),
        (parent, value) => parent[&name] = value,
    }
    changes(&old, &new).into_iter().map(|change| (change.breaks, change.what)).collect()
}

#[track_caller]
fn assert_told(pointer: &str, value: Value, breaks: bool, what: &str) {
    assert_eq!(told(pointer, value), [(breaks, what.to_owned())]);
}

fn get(rest: &str) -> String {
    format!("{GET}{rest}")
}

fn body(rest: &str) -> String {
    format!("{BODY}{rest}")
}

fn thing(rest: &str) -> String {
    format!("{THING}{rest}")
}

#[test]
fn the_same_is_no_change() {
    assert!(changes(&document(), &document()).is_empty());
    assert!(told(&get("/summary"), json!("Lists things.")).is_empty());
}

#[test]
fn less_breaks_clients() {
    for (pointer, value, what) in [
        (GET.to_owned(), json!(null), "GET /things: was removed"),
        (get("/operationId"), json!("things"), "GET /things: \"list_things\" became \"things\""),
        (get("/security"), json!([{"other": []}]), "GET /things: needs another token"),
        (get("/parameters"), json!([]), "GET /things: query parameter `limit`: was removed"),
        (get("/responses/404"), json!(null), "GET /things: response 404: was removed"),
        (
            get("/responses/200/headers"),
            json!({}),
            "GET /things: response 200: header ETag: was removed",
        ),
        (
            get("/responses/200/headers/ETag/required"),
            json!(false),
            "GET /things: response 200: header ETag: may be absent",
        ),
        (
            get("/responses/200/content"),
            json!({}),
            "GET /things: response 200: application/json was removed",
        ),
        (
            "/components/schemas/Named/properties/name".to_owned(),
            json!(null),
            "GET /things: response 200: property `[].name` was removed",
        ),
        (
            thing("/properties/note/type"),
            json!("integer"),
            "GET /things: response 200: property `[].note` type lost string, gained integer",
        ),
        (
            thing("/required"),
            json!([]),
            "GET /things: response 200: property `[].state` may be absent",
        ),
        (
            thing("/properties/state/enum"),
            json!(["new", "old", "gone"]),
            "GET /things: response 200: property `[].state` enum gained gone",
        ),
        ("/servers".to_owned(), json!([]), "servers: the API moved"),
    ] {
        assert_told(&pointer, value, true, what);
    }
}

#[test]
fn more_that_is_demanded_breaks_clients() {
    for (pointer, value, what) in [
        (
            get("/parameters/0/required"),
            json!(true),
            "GET /things: query parameter `limit`: became required",
        ),
        (
            get("/parameters/0/schema/maximum"),
            json!(50),
            "GET /things: query parameter `limit`: changed its maximum from 100 to 50",
        ),
        (
            body("/properties/name/minLength"),
            json!(2),
            "POST /things: body: property `name` changed its minLength from 1 to 2",
        ),
        (
            body("/properties/name/pattern"),
            json!("^a"),
            "POST /things: body: property `name` changed its pattern from none to \"^a\"",
        ),
        (
            body("/properties/colour/enum"),
            json!(["red", null]),
            "POST /things: body: property `colour` enum lost blue",
        ),
        (
            body("/properties/colour/type"),
            json!("string"),
            "POST /things: body: property `colour` type lost null",
        ),
        (
            body("/properties/colour"),
            json!(null),
            "POST /things: body: property `colour` was removed",
        ),
        (
            body("/required"),
            json!(["name", "colour"]),
            "POST /things: body: property `colour` became required",
        ),
    ] {
        assert_told(&pointer, value, true, what);
    }
    let properties = json!({"name": {"type": "string", "minLength": 1}, "phone": {"type": "string"},
        "colour": {"type": ["string", "null"], "enum": ["red", "blue", null]}});
    let schema = json!({"type": "object", "required": ["name", "phone"],
        "additionalProperties": false, "properties": properties});
    assert_told(BODY, schema, true, "POST /things: body: new required property `phone`");
    let parameters = json!([
        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
        {"name": "tenant", "in": "header", "required": true, "schema": {"type": "string"}},
    ]);
    let what = "GET /things: header parameter `tenant`: is new and required";
    assert_told(&get("/parameters"), parameters, true, what);
}

#[test]
fn what_nobody_has_to_know_breaks_nobody() {
    for (pointer, value, what) in [
        ("/paths/~1others".to_owned(), json!({"get": {}}), "GET /others: is new"),
        (get("/responses/429"), json!({}), "GET /things: response 429: is new"),
        (
            get("/parameters/0/schema/maximum"),
            json!(200),
            "GET /things: query parameter `limit`: changed its maximum from 100 to 200",
        ),
        (
            thing("/properties/size"),
            json!({"type": "integer"}),
            "GET /things: response 200: new property `[].size`",
        ),
        (
            thing("/properties/state/enum"),
            json!(["new"]),
            "GET /things: response 200: property `[].state` enum lost old",
        ),
        (
            body("/properties/size"),
            json!({"type": "integer"}),
            "POST /things: body: new property `size`",
        ),
        (body("/required"), json!([]), "POST /things: body: property `name` may be absent"),
        (
            body("/properties/colour/enum"),
            json!(["red", "blue", "green", null]),
            "POST /things: body: property `colour` enum gained green",
        ),
    ] {
        assert_told(&pointer, value, false, what);
    }
}
