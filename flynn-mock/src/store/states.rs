//! The states of jobs, deployments, scale requests, volumes and backups.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) enum $name {
            /// The body does not contain it.
            #[default]
            Unset,
            $($variant,)+
            /// The body contains an unknown value.
            Unknown,
        }

        impl $name {
            /// The known names.
            #[allow(dead_code, reason = "a client sends only some of the states")]
            pub(crate) const NAMES: &'static [&'static str] = &[$($text),+];

            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    Self::Unset => "",
                    $(Self::$variant => $text,)+
                    Self::Unknown => "unknown",
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(match String::deserialize(deserializer)?.as_str() {
                    "" => Self::Unset,
                    $($text => Self::$variant,)+
                    _ => Self::Unknown,
                })
            }
        }
    )+};
}

states! {
    /// The state of a job.
    JobState {
        Pending = "pending",
        Starting = "starting",
        Up = "up",
        Stopping = "stopping",
        Down = "down",
        Crashed = "crashed",
        Failed = "failed",
    }

    /// The status of a deployment.
    DeploymentStatus {
        Queued = "queued",
        Pending = "pending",
        Running = "running",
        Complete = "complete",
        Failed = "failed",
    }

    /// The state of a scale request.
    ScaleState {
        Pending = "pending",
        Cancelled = "cancelled",
        Complete = "complete",
    }

    /// The state of a volume.
    VolumeState {
        Pending = "pending",
        Created = "created",
        Destroyed = "destroyed",
    }

    /// The status of a backup.
    BackupStatus {
        Running = "running",
        Complete = "complete",
        Error = "error",
    }

    /// The status of a managed certificate.
    CertificateStatus {
        Pending = "pending",
        Issued = "issued",
        Failed = "failed",
        Renewing = "renewing",
    }
}
