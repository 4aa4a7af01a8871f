use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A setting that each tenant may have otherwise: its name in the table, and its default.
///
/// ```
/// use saas_tenancy::{Flag, Setting};
///
/// const SEATS: Setting<u32> = Setting::new("seats", || 5);
/// const BETA: Flag = Flag::new("beta", false);
/// # let _ = (SEATS, BETA);
/// ```
pub struct Setting<T> {
    name: &'static str,
    default: fn() -> T,
}

impl<T> Setting<T> {
    /// With this name of 1 to 100 characters, which stays while the program changes, and this value
    /// where a tenant has none of its own. A name that is none is told when it is set.
    pub const fn new(name: &'static str, default: fn() -> T) -> Self {
        Self { name, default }
    }
}

/// A setting that is on or off.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    name: &'static str,
    default: bool,
}

impl Flag {
    /// With this name, on or off where a tenant does not say.
    pub const fn new(name: &'static str, default: bool) -> Self {
        Self { name, default }
    }
}

/// A [`Setting`] or a [`Flag`]. Sealed.
pub trait Typed: sealed::Sealed + Sync {
    /// What it holds.
    type Value: Serialize + DeserializeOwned + Send;

    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// What it is where a tenant does not say.
    fn default(&self) -> Self::Value;
}

impl<T: Serialize + DeserializeOwned + Send> Typed for Setting<T> {
    type Value = T;

    fn name(&self) -> &'static str {
        self.name
    }

    fn default(&self) -> T {
        (self.default)()
    }
}

impl Typed for Flag {
    type Value = bool;

    fn name(&self) -> &'static str {
        self.name
    }

    fn default(&self) -> bool {
        self.default
    }
}

// Written by hand, since a derive would demand the same of `T`.
impl<T> Copy for Setting<T> {}
impl<T> Clone for Setting<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.name)
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Setting<T> {}
    impl Sealed for super::Flag {}
}
