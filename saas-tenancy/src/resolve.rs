//! Whose request is it? Found out once, at the edge, and handed on as a value.
//!
//! A [`Resolver`] asks its sources in the order they were added; the first that names a tenant
//! counts, and a [`Directory`] says whether there is such a tenant and in which standing.
//!
//! ```
//! use saas_tenancy::resolve::{Cached, Directory, Resolver};
//!
//! # fn example(directory: impl Directory + 'static) {
//! let resolver = Resolver::new(Cached::new(directory))
//!     .claim()                              // what authentication found out
//!     .subdomain_of("example.com")          // acme.example.com
//!     .custom_domain()                      // billing.acme.com
//!     .path("/t/")                          // /t/acme/invoices
//!     .trust_proxies(["10.0.0.0/8".parse().unwrap()])
//!     .header("x-tenant")                   // from one of those proxies only
//!     .own_hosts(["www.example.com", "api.example.com"]);
//! # }
//! ```
//!
//! | what a request comes to | answer |
//! |---|---|
//! | no source names a tenant | 400 |
//! | the named tenant is unknown, or not the one the client is authenticated for | 404 |
//! | the tenant is suspended | 403 |
//! | the directory does not answer | 503 |
//!
//! All of them are `application/problem+json`. With the feature `axum` there is a tower layer and an
//! extractor, with `actix` a middleware and an extractor; the engine itself knows neither.

mod cache;
mod directory;
mod host;
mod key;
mod resolver;
mod seen;
mod source;
mod unresolved;

pub use cache::Cached;
pub use directory::{Directory, DirectoryError, Entry, Standing};
pub use key::Key;
pub use resolver::{Named, Resolver};
pub use seen::{Claim, CurrentTenant, Seen};
pub use unresolved::Unresolved;
