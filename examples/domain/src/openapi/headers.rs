//! Headers of answers.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{Components, Object, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

/// Each by its name: whether it is always there, what type it is of, and what it says.
const HEADERS: [(&str, bool, Type, &str); 7] = [
    ("ETag", true, Type::String, "The version, for `If-Match`."),
    ("Idempotency-Replayed", false, Type::Boolean, "This answers an earlier attempt."),
    ("Link", false, Type::String, "The `next`, `prev` and `first` page, as far as there are any."),
    ("Location", true, Type::String, "Where it is."),
    ("Retry-After", false, Type::Integer, "After how many seconds to try again."),
    ("WWW-Authenticate", true, Type::String, "What to log in with."),
    ("X-Request-Id", true, Type::String, "Names this answer in the logs."),
];

/// A reference to the one with this name.
pub(super) fn header(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// Adds all of them.
pub(super) fn describe(components: &mut Components) {
    for (name, always, kind, says) in HEADERS {
        let schema: Schema = Object::with_type(kind).into();
        let mut header = HeaderBuilder::new().schema(Some(schema)).description(Some(says)).build();
        // utoipa's headers have no word for it.
        header.extensions = always.then(|| Extensions::from_iter([("required", true)]));
        components.headers.insert(name.to_owned(), header.into());
    }
}
