use saas_core::schema::identifier;

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
    ///
    /// It also takes the right to make temporary tables in the current database away from the
    /// application, since such a table stands in front of a tenant's of the same name. Everybody has
    /// that right, so it is taken from everybody: give it back to those other roles that need it. Run
    /// this in each database that the application uses, as its owner or a superuser.
    pub fn create(&self) -> String {
        let logins = self.owner.iter().chain([&self.app]).map(|name| role(name, "login"));
        let across = self.across.iter().map(|name| {
            let (across, app) = (identifier(name), identifier(&self.app));
            let (role, apart) = (role(name, "nologin"), not_inherited(name, &self.app));
            format!("{role}grant {across} to {app};\n{apart}")
        });
        let temporary = [no_temporary_tables(&self.app)];
        logins.chain(across).chain(temporary).collect()
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
    let (quoted, literal) = (identifier(name), name.replace('\'', "''"));
    // A tag of its own, so that a name with dollar signs in it does not end the block.
    format!(
        "do $make_role$ begin\n    \
             if not exists (select from pg_roles where rolname = '{literal}') then\n        \
                 create role {quoted} {login} nosuperuser nobypassrls nocreaterole noinherit;\n    \
             end if;\n\
         end $make_role$;\n"
    )
}

/// From PostgreSQL 16 on it is the membership that inherits or not, and one that is granted to a role
/// which was there before, and inherits, would. Older servers do not know the words.
fn not_inherited(across: &str, app: &str) -> String {
    let literal = |name: &str| name.replace('\'', "''");
    let (across, app) = (literal(across), literal(app));
    format!(
        "do $apart$ begin\n    \
             if current_setting('server_version_num')::integer >= 160000 then\n        \
                 execute format('grant %I to %I with inherit false', '{across}', '{app}');\n    \
             end if;\n\
         end $apart$;\n"
    )
}

/// Only where there is something to take, since two that change a database at the same time fail.
fn no_temporary_tables(app: &str) -> String {
    let app = app.replace('\'', "''");
    format!(
        "do $revoke_temporary$ begin\n    \
             if has_database_privilege('{app}', current_database(), 'temporary') then\n        \
                 execute format('revoke temporary on database %I from public, %I', current_database(), '{app}');\n    \
             end if;\n\
         end $revoke_temporary$;\n"
    )
}
