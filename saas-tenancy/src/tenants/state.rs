use std::fmt;

use chrono::{DateTime, Utc};

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is being set up, and unknown to requests.
    Provisioning,
    /// It is served.
    Active,
    /// It is not served now; its rows stay as they are.
    Suspended,
    /// It is to go, and not served any more. Until this moment it can be taken back.
    Deleting {
        /// When the grace ends.
        purge_after: DateTime<Utc>,
    },
    /// Its rows are being removed: there is no way back.
    Purging,
    /// Nothing of it is left but its id.
    Purged,
}

/// What happens to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// All steps of its provisioning are done.
    Provisioned,
    /// It is not to be served for a while.
    Suspend,
    /// It is to be served again.
    Resume,
    /// It is to go.
    Delete {
        /// Not before this moment.
        purge_after: DateTime<Utc>,
    },
    /// It is not to go after all; it stays suspended.
    TakeBack,
    /// Its rows are to be removed now.
    Purge {
        /// The moment.
        now: DateTime<Utc>,
    },
    /// All steps of its purge are done.
    Purged,
}

/// What cannot happen to a tenant where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant that is {from} cannot be {event}{}", until(*.from, *.event))]
pub struct Refused {
    /// Where it stands.
    pub from: State,
    /// What was to happen.
    pub event: Event,
}

impl State {
    /// Where a tenant stands after this.
    ///
    /// ```
    /// use saas_tenancy::tenants::{Event, State};
    ///
    /// let suspended = State::Active.after(Event::Suspend)?;
    /// assert_eq!(suspended.after(Event::Resume)?, State::Active);
    /// let error = State::Purged.after(Event::Resume).unwrap_err();
    /// assert_eq!(error.to_string(), "a tenant that is purged cannot be resumed");
    /// # Ok::<(), saas_tenancy::tenants::Refused>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused`] if it cannot happen there: what is wrong, or too early.
    pub fn after(self, event: Event) -> Result<Self, Refused> {
        match (self, event) {
            (Self::Provisioning, Event::Provisioned) | (Self::Suspended, Event::Resume) => {
                Ok(Self::Active)
            }
            (Self::Active, Event::Suspend) | (Self::Deleting { .. }, Event::TakeBack) => {
                Ok(Self::Suspended)
            }
            (Self::Active | Self::Suspended, Event::Delete { purge_after }) => {
                Ok(Self::Deleting { purge_after })
            }
            // What was never served holds nothing that somebody would want back.
            (Self::Provisioning, Event::Purge { .. }) => Ok(Self::Purging),
            (Self::Deleting { purge_after }, Event::Purge { now }) if now >= purge_after => {
                Ok(Self::Purging)
            }
            (Self::Purging, Event::Purged) => Ok(Self::Purged),
            _ => Err(Refused { from: self, event }),
        }
    }

    /// Whether its rows stay as they are, so that an export can go on later as if nothing had happened.
    pub fn is_still(self) -> bool {
        matches!(self, Self::Suspended | Self::Deleting { .. })
    }

    /// As the table holds it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting { .. } => "deleting",
            Self::Purging => "purging",
            Self::Purged => "purged",
        }
    }

    pub(super) fn purge_after(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Deleting { purge_after } => Some(purge_after),
            _ => None,
        }
    }

    pub(super) fn read(name: &str, purge_after: Option<DateTime<Utc>>) -> Option<Self> {
        Some(match (name, purge_after) {
            ("provisioning", None) => Self::Provisioning,
            ("active", None) => Self::Active,
            ("suspended", None) => Self::Suspended,
            ("deleting", Some(purge_after)) => Self::Deleting { purge_after },
            ("purging", None) => Self::Purging,
            ("purged", None) => Self::Purged,
            _ => return None,
        })
    }
}

impl Event {
    /// As the audit table holds it.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Provisioned => "tenant.provisioned",
            Self::Suspend => "tenant.suspended",
            Self::Resume => "tenant.resumed",
            Self::Delete { .. } => "tenant.deleted",
            Self::TakeBack => "tenant.taken_back",
            Self::Purge { .. } => "tenant.purging",
            Self::Purged => "tenant.purged",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provisioned => "provisioned",
            Self::Suspend => "suspended",
            Self::Resume => "resumed",
            Self::Delete { .. } => "deleted",
            Self::TakeBack => "taken back",
            Self::Purge { .. } | Self::Purged => "purged",
        })
    }
}

fn until(from: State, event: Event) -> String {
    match (from, event) {
        (State::Deleting { purge_after }, Event::Purge { .. }) => format!(" before {purge_after}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_picture_shows_can_happen() {
        let day = |day| format!("2026-01-{day:02}T00:00:00Z").parse::<DateTime<Utc>>().unwrap();
        let deleting = State::Deleting { purge_after: day(10) };
        let states = [
            State::Provisioning,
            State::Active,
            State::Suspended,
            deleting,
            State::Purging,
            State::Purged,
        ];
        let events = [
            Event::Provisioned,
            Event::Suspend,
            Event::Resume,
            Event::Delete { purge_after: day(10) },
            Event::TakeBack,
            Event::Purge { now: day(10) },
            Event::Purged,
        ];
        let mut possible = Vec::new();
        for from in states {
            for event in events {
                if let Ok(to) = from.after(event) {
                    possible.push((from.name(), event.to_string(), to.name()));
                }
            }
        }
        let expected = [
            ("provisioning", "provisioned", "active"),
            ("provisioning", "purged", "purging"),
            ("active", "suspended", "suspended"),
            ("active", "deleted", "deleting"),
            ("suspended", "resumed", "active"),
            ("suspended", "deleted", "deleting"),
            ("deleting", "taken back", "suspended"),
            ("deleting", "purged", "purging"),
            ("purging", "purged", "purged"),
        ];
        assert_eq!(possible, expected.map(|(from, event, to)| (from, event.to_owned(), to)));
        for state in states {
            assert_eq!(State::read(state.name(), state.purge_after()), Some(state));
        }
    }

    #[test]
    fn the_grace_is_kept_and_named() {
        let moment: DateTime<Utc> = "2026-01-10T00:00:00Z".parse().unwrap();
        let deleting = State::Deleting { purge_after: moment };
        let early = moment - chrono::TimeDelta::microseconds(1);
        let error = deleting.after(Event::Purge { now: early }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a tenant that is deleting cannot be purged before 2026-01-10 00:00:00 UTC"
        );
    }
}
