//! Ids: newtypes over the strings that the controller uses.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Declares newtypes over a string.
macro_rules! string_types {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps any text. A call refuses an id that cannot be part of a path.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns whether the text is empty, as in a field that the server left out.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(Self::new(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    )+};
}

/// Implements `From` for text, so that calls accept it.
macro_rules! from_text {
    ($($name:ident)+) => {$(
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(text.clone())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+};
}

string_types! {
    /// The id of an app, a UUID. It has no `From` for text, since a name is not an id; see [`AppRef`].
    AppId;
    /// The id or name of an app, for [`Client::app`](crate::Client::app).
    AppRef;
    /// The id of a release, a UUID.
    ReleaseId;
    /// The id of an artifact, a UUID.
    ArtifactId;
    /// The id of a deployment, a UUID.
    DeploymentId;
    /// The id of a job: `host-uuid`, or only the UUID while the job is pending.
    JobId;
    /// The id of a route with its kind, `http/UUID` or `tcp/UUID`, as the original CLI writes it.
    RouteId;
    /// The id of a provider, a UUID. It has no `From` for text, since a name is not an id; see [`ProviderRef`].
    ProviderId;
    /// The id or name of a provider, for [`Client::provider`](crate::Client::provider).
    ProviderRef;
    /// The id of a resource, a UUID.
    ResourceId;
    /// The id of a volume, a UUID.
    VolumeId;
    /// The id of a log sink, a UUID.
    SinkId;
    /// The id of a scale request, a UUID.
    ScaleRequestId;
    /// The id of a domain migration, a UUID.
    MigrationId;
    /// The id of a backup, a UUID.
    BackupId;
    /// The id of a host of the cluster.
    HostId;
    /// The id of a managed certificate (the fork).
    ManagedCertificateId;
    /// The id of a user, a UUID (the fork).
    UserId;
    /// The id of a personal token, a UUID (the fork).
    TokenId;
    /// The id of a schedule, any text (the fork).
    ScheduleId;
    /// The id of a reported run of a scheduled command, a UUID (the fork).
    SchedulerEventId;
    /// The id of an account, which owns apps: `user:UUID` or `org:UUID` (the fork).
    AccountId;
}

from_text! {
    AppRef ReleaseId ArtifactId DeploymentId JobId RouteId ProviderRef ResourceId VolumeId SinkId ScaleRequestId
    MigrationId BackupId HostId ManagedCertificateId UserId TokenId ScheduleId SchedulerEventId AccountId
}

impl AppRef {
    /// Returns the id if this has the form of one. An app's name never looks like a UUID.
    pub fn id(&self) -> Option<AppId> {
        let is_uuid = self.0.len() == 36
            && self.0.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        is_uuid.then(|| AppId(self.0.clone()))
    }
}

impl From<&UserId> for AccountId {
    /// Returns the user's own account.
    fn from(user: &UserId) -> Self {
        Self(format!("user:{}", user.0))
    }
}

impl From<AppId> for AppRef {
    fn from(id: AppId) -> Self {
        Self(id.0)
    }
}

impl From<&AppId> for AppRef {
    fn from(id: &AppId) -> Self {
        Self(id.0.clone())
    }
}

impl From<ProviderId> for ProviderRef {
    fn from(id: ProviderId) -> Self {
        Self(id.0)
    }
}

impl From<&ProviderId> for ProviderRef {
    fn from(id: &ProviderId) -> Self {
        Self(id.0.clone())
    }
}

/// Returns a random UUID (version 4), for objects whose ids the client chooses.
pub(crate) fn random_uuid() -> Result<String, Error> {
    let random = || {
        getrandom::u64().map_err(|source| {
            Error::new(ErrorKind::Io, "the system has no random numbers").caused_by(source)
        })
    };
    let (high, low) = (random()?, random()?);
    Ok(format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_in_json() {
        let id: ReleaseId = serde_json::from_str("\"86ac0602\"").unwrap();
        assert_eq!(id, "86ac0602");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"86ac0602\"");
        assert_eq!("86ac0602".parse(), Ok(id));
    }

    #[test]
    fn a_name_is_not_an_id() {
        let id = AppRef::from("11111111-0000-4000-8000-00000000000a").id().unwrap();
        assert_eq!(AppRef::from(&id).as_str(), id.as_str());
        for name in
            ["www", "11111111-0000-4000-8000-00000000000g", "111111111000014000180001000000000001"]
        {
            assert_eq!(AppRef::from(name).id(), None, "{name}");
        }
    }
}
