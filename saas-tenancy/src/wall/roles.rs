use saas_core::schema::quoted;

/// The roles on the two sides of the wall.
///
/// ```
/// use saas_tenancy::wall::Roles;
/// let roles = Roles::new("invoicing_app").owner("invoicing_owner").across("invoicing_across");
/// assert!(roles.create().contains(r#"grant "invoicing_across" to "invoicing_app";"#));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    app: String,
    owner: Option<String>,
    across: Option<String>,
}

impl Roles {
    /// The role that the application connects as; it owns nothing.
    pub fn new(app: impl Into<String>) -> Self {
        Self { app: app.into(), owner: None, across: None }
    }

    /// The role that owns the tables and migrates them.
    #[must_use]
    pub fn owner(mut self, name: impl Into<String>) -> Self {
        self.owner = Some(name.into());
        self
    }

    /// The role that the application steps into to read across tenants.
    #[must_use]
    pub fn across(mut self, name: impl Into<String>) -> Self {
        self.across = Some(name.into());
        self
    }

    pub(crate) fn app_role(&self) -> &str {
        &self.app
    }

    pub(crate) fn across_role(&self) -> Option<&str> {
        self.across.as_deref()
    }

    /// Makes those that are missing, for a role that may make roles to run. Passwords are set apart.
    ///
    /// None of them gets around row-level security, and none inherits: what the application may do
    /// as the crossing role it may do only after stepping into it.
    pub fn create(&self) -> String {
        let logins = self.owner.iter().chain([&self.app]).map(|name| role(name, "login"));
        let across = self.across.iter().map(|name| {
            let (across, app) = (quoted(name), quoted(&self.app));
            format!("{}grant {across} to {app};\n", role(name, "nologin"))
        });
        logins.chain(across).collect()
    }
}

/// The application's role alone.
impl From<&str> for Roles {
    fn from(app: &str) -> Self {
        Self::new(app)
    }
}

impl From<&String> for Roles {
    fn from(app: &String) -> Self {
        Self::new(app)
    }
}

fn role(name: &str, login: &str) -> String {
    let (identifier, literal) = (quoted(name), name.replace('\'', "''"));
    // A tag of its own, so that a name with dollar signs in it does not end the block.
    format!(
        "do $make_role$ begin\n    \
             if not exists (select from pg_roles where rolname = '{literal}') then\n        \
                 create role {identifier} {login} nosuperuser nobypassrls nocreaterole noinherit;\n    \
             end if;\n\
         end $make_role$;\n"
    )
}
