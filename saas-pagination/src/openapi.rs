//! What a list takes, as parameters of an OpenAPI document.

use saas_core::Kind;
use utoipa::openapi::path::{Parameter, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{Array, Object, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, Required};

use crate::cursor::MAX_CHARS;
use crate::filter::{Filter, MAX_BYTES, MAX_VALUES};
use crate::{List, Operator};

impl<R> List<R> {
    /// The query parameters of this list: `limit`, `after`, `before`, `sort` with the names on
    /// offer, and every filter with its type.
    ///
    /// For `#[utoipa::path]`, give them to a type of the handler's own:
    ///
    /// ```
    /// # struct Post { id: i64, title: String }
    /// # static POSTS: std::sync::LazyLock<saas_pagination::List<Post>> = std::sync::LazyLock::new(|| {
    /// #     saas_pagination::List::new("posts", "id", |p: &Post| p.id)
    /// # });
    /// use utoipa::IntoParams;
    /// use utoipa::openapi::path::{Parameter, ParameterIn};
    ///
    /// struct ListPosts;
    ///
    /// impl IntoParams for ListPosts {
    ///     fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
    ///         POSTS.openapi_parameters()
    ///     }
    /// }
    ///
    /// #[utoipa::path(get, path = "/posts", params(ListPosts))]
    /// async fn list_posts() {}
    /// ```
    pub fn openapi_parameters(&self) -> Vec<Parameter> {
        let (default, max) = (self.default_limit, self.max_limit);
        let limit = format!("How many items: 0 stands for {default}, more than {max} for {max}.");
        self.parameters([count("limit", &limit, Some(default))])
    }

    /// The query parameters of [`List::connection`]: as [`List::openapi_parameters`], with `first`
    /// and `last` in place of `limit`.
    pub fn openapi_connection_parameters(&self) -> Vec<Parameter> {
        let (default, max) = (self.default_limit, self.max_limit);
        let first =
            format!("How many items from the start, {max} at most; {default} without `last`.");
        let last = format!("How many items from the end, {max} at most.");
        self.parameters([count("first", &first, None), count("last", &last, None)])
    }

    fn parameters<const N: usize>(&self, counts: [Parameter; N]) -> Vec<Parameter> {
        let cursors = [
            cursor("after", "A page's `end_cursor`: the items behind it."),
            cursor("before", "A page's `start_cursor`: the items in front of it."),
        ];
        let sort = (!self.sorts.is_empty()).then(|| self.sort_parameter());
        let filters = self.filters.iter().flat_map(|filter| {
            filter.parameters().map(move |(name, operator)| of_filter(filter, &name, operator))
        });
        counts.into_iter().chain(cursors).chain(sort).chain(filters).collect()
    }

    fn sort_parameter(&self) -> Parameter {
        let names =
            self.sorts.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
        let schema = text().enum_values(Some(names)).default(self.default_sort.map(Into::into));
        parameter("sort", "The order; with `-` the reverse.", schema.build().into()).build()
    }
}

type ParameterBuilder = utoipa::openapi::path::ParameterBuilder;
type ObjectBuilder = utoipa::openapi::schema::ObjectBuilder;

fn parameter(name: &str, description: &str, schema: Schema) -> ParameterBuilder {
    Parameter::builder()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

fn text() -> ObjectBuilder {
    Object::builder().schema_type(Type::String)
}

fn count(name: &str, description: &str, default: Option<u32>) -> Parameter {
    let schema = Object::builder().schema_type(Type::Integer).minimum(Some(0));
    let schema = schema.default(default.map(Into::into)).build();
    parameter(name, description, schema.into()).build()
}

fn cursor(name: &str, description: &str) -> Parameter {
    let schema = text().max_length(Some(MAX_CHARS));
    parameter(name, description, schema.build().into()).build()
}

fn of_filter(filter: &Filter, name: &str, operator: Operator) -> Parameter {
    let value = || value(filter.kind).description(Some(filter.expected)).build();
    let only = |compared: &str| format!("Only where `{}` {compared}.", filter.name);
    match operator {
        Operator::Is => {
            let schema = text().enum_values(Some(["null", "not_null"]));
            parameter(name, &only("is or is not null"), schema.build().into()).build()
        }
        Operator::In => {
            let schema = Array::builder().items(value()).max_items(Some(MAX_VALUES));
            parameter(name, &only("is one of these"), schema.build().into())
                .style(Some(ParameterStyle::Form))
                .explode(Some(false))
                .build()
        }
        _ => parameter(name, &only(compared(operator)), value().into()).build(),
    }
}

fn compared(operator: Operator) -> &'static str {
    match operator {
        Operator::Ne => "is not this",
        Operator::Lt => "is less than this",
        Operator::Lte => "is this or less",
        Operator::Gt => "is greater than this",
        Operator::Gte => "is this or greater",
        Operator::Eq | Operator::In | Operator::Is => "is this",
    }
}

fn value(kind: Kind) -> ObjectBuilder {
    let known = |format| Some(SchemaFormat::KnownFormat(format));
    let custom = |format: &str| Some(SchemaFormat::Custom(format.to_owned()));
    let (type_, format) = match kind {
        Kind::Bool => (Type::Boolean, None),
        Kind::SmallInt | Kind::Int => (Type::Integer, known(KnownFormat::Int32)),
        Kind::BigInt => (Type::Integer, known(KnownFormat::Int64)),
        Kind::Float => (Type::Number, known(KnownFormat::Double)),
        Kind::Uuid => (Type::String, custom("uuid")),
        Kind::Timestamp => (Type::String, known(KnownFormat::DateTime)),
        Kind::Date => (Type::String, known(KnownFormat::Date)),
        Kind::Bytes => (Type::String, custom("base64url")),
        _ => (Type::String, None),
    };
    let text = type_ == Type::String && format.is_none();
    let value = Object::builder().schema_type(type_).format(format);
    // No database takes a NUL.
    value.max_length(text.then_some(MAX_BYTES)).pattern(text.then_some(r"^[^\x00]*$"))
}
