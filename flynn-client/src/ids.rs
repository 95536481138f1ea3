//! Ids: newtypes over the strings that the controller uses.

/// Declares newtypes over a string, each an id of one kind of object.
macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes any text; what cannot be part of a path is refused when a call is made with it.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether there is no id at all, as in fields that the server left out.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
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

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&String> for $name {
            fn from(id: &String) -> Self {
                Self(id.clone())
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
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

string_ids! {
    /// Id of an app, a UUID. Calls take the app's name as well.
    AppId;
    /// Id of a release, a UUID.
    ReleaseId;
    /// Id of an artifact, a UUID.
    ArtifactId;
    /// Id of a deployment, a UUID.
    DeploymentId;
    /// Id of a job, `host-uuid`, or the bare UUID while the job is pending.
    JobId;
    /// Id of a route with its kind, `http/UUID` or `tcp/UUID`, as the original CLI writes it.
    RouteId;
    /// Id of a provider, a UUID. Calls take the provider's name as well.
    ProviderId;
    /// Id of a resource, a UUID.
    ResourceId;
    /// Id of a volume, a UUID.
    VolumeId;
    /// Id of a log sink, a UUID.
    SinkId;
    /// Id of a scale request, a UUID.
    ScaleRequestId;
    /// Id of a domain migration, a UUID.
    MigrationId;
    /// Id of a backup's record, a UUID.
    BackupId;
    /// Id of a host of the cluster.
    HostId;
    /// Id of a managed certificate, of the fork.
    ManagedCertificateId;
}
impl AppId {
    /// Whether this has the form of the server's ids, and so is no name.
    pub(crate) fn is_uuid(&self) -> bool {
        self.0.len() == 36
            && self.0.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_in_json() {
        let id: ReleaseId = serde_json::from_str("\"86ac0602\"").unwrap();
        assert_eq!(id, "86ac0602");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"86ac0602\"");
    }
    #[test]
    fn a_name_is_no_uuid() {
        assert!(AppId::from("11111111-0000-4000-8000-00000000000a").is_uuid());
        for name in
            ["www", "11111111-0000-4000-8000-00000000000g", "111111111000014000180001000000000001"]
        {
            assert!(!AppId::from(name).is_uuid(), "{name}");
        }
    }
}
