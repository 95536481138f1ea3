//! The state and the changes of the blobstore's bucket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Plan;
use super::command::{aws, json as quoted};
use crate::{BucketName, ClusterSpec, Finding, Region};

/// The tag that names the cluster to which a resource belongs.
pub(crate) const OWNER_TAG: &str = "flynn-cluster";
/// The id of our lifecycle rule.
const RULE: &str = "flynn-abort-unfinished-uploads";
/// The days after which an unfinished multipart upload is aborted.
const ABORT_AFTER: u32 = 7;

/// The observed state of a bucket; [`BucketState::absent`] if it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BucketState {
    /// True if it exists.
    pub exists: bool,
    /// True if it belongs to another account.
    pub foreign: bool,
    /// Its region, if known.
    pub region: Option<String>,
    /// True if it holds objects.
    pub in_use: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its public access settings; `None` if there are none.
    pub public_access: Option<PublicAccessBlock>,
    /// Its object ownership, such as `BucketOwnerEnforced`.
    pub ownership: Option<String>,
    /// Its lifecycle rules, as the AWS CLI prints them.
    pub lifecycle: Vec<Value>,
    /// Its versioning: `Enabled`, `Suspended`, or `None` if it was never enabled.
    pub versioning: Option<String>,
}

impl BucketState {
    /// Returns the state of a bucket that does not exist.
    pub fn absent() -> Self {
        Self::default()
    }
}

/// The four settings that keep a bucket private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(clippy::struct_excessive_bools, reason = "they are AWS's")]
pub struct PublicAccessBlock {
    /// Refuses new public ACLs.
    #[serde(default)]
    pub block_public_acls: bool,
    /// Ignores public ACLs.
    #[serde(default)]
    pub ignore_public_acls: bool,
    /// Refuses new public policies.
    #[serde(default)]
    pub block_public_policy: bool,
    /// Ignores public policies.
    #[serde(default)]
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four settings.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// A change of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum S3Action {
    /// Creates the bucket.
    CreateBucket {
        /// Its name.
        bucket: BucketName,
        /// Its region.
        region: Region,
    },
    /// Deletes the bucket, which must be empty.
    DeleteBucket {
        /// Its name.
        bucket: BucketName,
        /// Its region.
        region: Region,
    },
    /// Replaces all tags.
    SetTags {
        /// The bucket.
        bucket: BucketName,
        /// The new tags; an empty map removes all tags.
        tags: BTreeMap<String, String>,
    },
    /// Replaces the public access settings.
    SetPublicAccess {
        /// The bucket.
        bucket: BucketName,
        /// The settings; `None` removes them.
        block: Option<PublicAccessBlock>,
    },
    /// Replaces the object ownership.
    SetOwnership {
        /// The bucket.
        bucket: BucketName,
        /// The ownership; `None` removes it.
        ownership: Option<String>,
    },
    /// Replaces all lifecycle rules.
    SetLifecycle {
        /// The bucket.
        bucket: BucketName,
        /// The new rules; an empty list removes all rules.
        rules: Vec<Value>,
    },
    /// Enables or suspends versioning.
    SetVersioning {
        /// The bucket.
        bucket: BucketName,
        /// True to enable it, false to suspend it.
        enabled: bool,
    },
}

impl S3Action {
    /// Returns the bucket.
    pub fn bucket(&self) -> &BucketName {
        match self {
            Self::CreateBucket { bucket, .. }
            | Self::DeleteBucket { bucket, .. }
            | Self::SetTags { bucket, .. }
            | Self::SetPublicAccess { bucket, .. }
            | Self::SetOwnership { bucket, .. }
            | Self::SetLifecycle { bucket, .. }
            | Self::SetVersioning { bucket, .. } => bucket,
        }
    }

    pub(super) fn sentence(&self) -> String {
        let bucket = self.bucket();
        match self {
            Self::CreateBucket { region, .. } => format!("create the bucket {bucket} in {region}"),
            Self::DeleteBucket { .. } => format!("delete the bucket {bucket}, which must be empty"),
            Self::SetTags { tags, .. } if tags.is_empty() => {
                format!("remove the tags of the bucket {bucket}")
            }
            Self::SetTags { tags, .. } => match tags.get(OWNER_TAG) {
                Some(cluster) => format!("tag the bucket {bucket} as that of {cluster}"),
                None => format!("restore the tags of the bucket {bucket}"),
            },
            Self::SetPublicAccess { block: Some(PublicAccessBlock::ALL), .. } => {
                format!("block public access to the bucket {bucket}")
            }
            Self::SetPublicAccess { .. } => {
                format!("restore the public access settings of the bucket {bucket}")
            }
            Self::SetOwnership { ownership: Some(ownership), .. } => {
                format!("set the object ownership of the bucket {bucket} to {ownership}")
            }
            Self::SetOwnership { .. } => {
                format!("remove the object ownership of the bucket {bucket}")
            }
            Self::SetLifecycle { rules, .. } if rules.iter().any(is_our_rule) => {
                format!("abort unfinished uploads to the bucket {bucket} after {ABORT_AFTER} days")
            }
            Self::SetLifecycle { .. } => {
                format!("restore the lifecycle rules of the bucket {bucket}")
            }
            Self::SetVersioning { enabled: true, .. } => {
                format!("keep old versions of objects in the bucket {bucket}")
            }
            Self::SetVersioning { .. } => {
                format!("stop keeping old versions of objects in the bucket {bucket}")
            }
        }
    }

    pub(super) fn command(&self) -> String {
        let name = self.bucket().as_str();
        let call = |call: &str| aws(["s3api", call, "--bucket", name]);
        match self {
            Self::CreateBucket { region, .. } => {
                let create = format!("{} --region {region}", call("create-bucket"));
                match location_constraint(region) {
                    Some(location) => format!(
                        "{create} --create-bucket-configuration LocationConstraint={location}"
                    ),
                    None => create,
                }
            }
            Self::DeleteBucket { region, .. } => {
                format!("{} --region {region}", call("delete-bucket"))
            }
            Self::SetTags { tags, .. } if tags.is_empty() => call("delete-bucket-tagging"),
            Self::SetTags { tags, .. } => {
                let set: Vec<Value> =
                    tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
                let tagging = quoted(&json!({ "TagSet": set }));
                format!("{} --tagging {tagging}", call("put-bucket-tagging"))
            }
            Self::SetPublicAccess { block: Some(block), .. } => format!(
                "{} --public-access-block-configuration {}",
                call("put-public-access-block"),
                quoted(block)
            ),
            Self::SetPublicAccess { block: None, .. } => call("delete-public-access-block"),
            Self::SetOwnership { ownership: Some(ownership), .. } => {
                let controls = quoted(&json!({"Rules": [{"ObjectOwnership": ownership}]}));
                format!("{} --ownership-controls {controls}", call("put-bucket-ownership-controls"))
            }
            Self::SetOwnership { ownership: None, .. } => call("delete-bucket-ownership-controls"),
            Self::SetLifecycle { rules, .. } if rules.is_empty() => call("delete-bucket-lifecycle"),
            Self::SetLifecycle { rules, .. } => format!(
                "{} --lifecycle-configuration {}",
                call("put-bucket-lifecycle-configuration"),
                quoted(&json!({ "Rules": rules }))
            ),
            Self::SetVersioning { enabled, .. } => format!(
                "{} --versioning-configuration Status={}",
                call("put-bucket-versioning"),
                versioning_status(*enabled)
            ),
        }
    }

    pub(super) fn permissions(&self, partition: &str) -> (&'static [&'static str], String) {
        let names: &[&str] = match self {
            Self::CreateBucket { .. } => &["s3:CreateBucket"],
            Self::DeleteBucket { .. } => &["s3:DeleteBucket"],
            Self::SetTags { .. } => &["s3:PutBucketTagging"],
            Self::SetPublicAccess { .. } => &["s3:PutBucketPublicAccessBlock"],
            Self::SetOwnership { .. } => &["s3:PutBucketOwnershipControls"],
            Self::SetLifecycle { .. } => &["s3:PutLifecycleConfiguration"],
            Self::SetVersioning { .. } => &["s3:PutBucketVersioning"],
        };
        (names, format!("arn:{partition}:s3:::{}", self.bucket()))
    }
}

/// Returns the location constraint of a region; `us-east-1` must have none.
pub(crate) fn location_constraint(region: &Region) -> Option<&str> {
    (region.as_str() != "us-east-1").then_some(region.as_str())
}

/// Returns the value of `Status`.
pub(crate) fn versioning_status(enabled: bool) -> &'static str {
    if enabled { "Enabled" } else { "Suspended" }
}

fn our_rule() -> Value {
    json!({
        "ID": RULE,
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_AFTER},
    })
}

fn is_our_rule(rule: &Value) -> bool {
    rule.get("ID").and_then(Value::as_str) == Some(RULE)
}

/// Returns whether a rule aborts every unfinished upload in time.
fn aborts_uploads(rule: &Value) -> bool {
    let days = rule.pointer("/AbortIncompleteMultipartUpload/DaysAfterInitiation");
    let days = days.and_then(Value::as_u64).is_some_and(|days| days <= u64::from(ABORT_AFTER));
    let prefix = rule.pointer("/Filter/Prefix").or(rule.get("Prefix")).and_then(Value::as_str);
    let other_filters = rule.get("Filter").and_then(Value::as_object);
    let other_filters =
        other_filters.is_some_and(|filter| filter.keys().any(|key| key != "Prefix"));
    let whole = prefix.unwrap_or("").is_empty() && !other_filters;
    let enabled = rule.get("Status").and_then(Value::as_str) == Some("Enabled");
    days && whole && enabled
}

pub(super) fn plan(spec: &ClusterSpec, observed: Option<&BucketState>, plan: &mut Plan) {
    let Some(wanted) = &spec.blobstore else { return };
    let (bucket, region) = (wanted.bucket.clone(), wanted.region.clone());
    let unknown = BucketState::absent();
    let state = observed.unwrap_or(&unknown);
    if observed.is_none() {
        plan.findings.push(not_observed(bucket.as_str(), "aws s3api list-buckets"));
    }
    if let Some(finding) = refused(spec, state) {
        plan.findings.push(finding);
        return;
    }
    if !state.exists {
        plan.push(
            S3Action::CreateBucket { bucket: bucket.clone(), region: region.clone() },
            S3Action::DeleteBucket { bucket: bucket.clone(), region },
        );
    }
    let owner = spec.domain.as_str();
    if state.tags.get(OWNER_TAG).map(String::as_str) != Some(owner) {
        let mut tags = state.tags.clone();
        tags.insert(OWNER_TAG.to_owned(), owner.to_owned());
        plan.push(
            S3Action::SetTags { bucket: bucket.clone(), tags },
            S3Action::SetTags { bucket: bucket.clone(), tags: state.tags.clone() },
        );
    }
    if state.public_access != Some(PublicAccessBlock::ALL) {
        plan.push(
            S3Action::SetPublicAccess {
                bucket: bucket.clone(),
                block: Some(PublicAccessBlock::ALL),
            },
            S3Action::SetPublicAccess { bucket: bucket.clone(), block: state.public_access },
        );
    }
    let enforced = Some("BucketOwnerEnforced".to_owned());
    if state.ownership != enforced {
        plan.push(
            S3Action::SetOwnership { bucket: bucket.clone(), ownership: enforced },
            S3Action::SetOwnership { bucket: bucket.clone(), ownership: state.ownership.clone() },
        );
    }
    if !state.lifecycle.iter().any(aborts_uploads) {
        let mut rules: Vec<Value> = state.lifecycle.clone();
        rules.retain(|rule| !is_our_rule(rule));
        rules.push(our_rule());
        plan.push(
            S3Action::SetLifecycle { bucket: bucket.clone(), rules },
            S3Action::SetLifecycle { bucket: bucket.clone(), rules: state.lifecycle.clone() },
        );
    }
    // Versioning that is already enabled stays enabled, since it protects blobs.
    if wanted.versioning && state.versioning.as_deref() != Some("Enabled") {
        plan.push(
            S3Action::SetVersioning { bucket: bucket.clone(), enabled: true },
            S3Action::SetVersioning { bucket, enabled: false },
        );
    }
}

/// Returns why an existing bucket must not be changed.
fn refused(spec: &ClusterSpec, state: &BucketState) -> Option<Finding> {
    let wanted = spec.blobstore.as_ref()?;
    let bucket = wanted.bucket.as_str();
    if !state.exists {
        return None;
    }
    if state.foreign {
        return Some(Finding::error(
            "bucket-not-ours",
            bucket,
            "the bucket belongs to another account; nothing is changed",
            "choose another name: names of buckets are global",
        ));
    }
    if let Some(region) = state.region.as_deref().filter(|region| *region != wanted.region.as_str())
    {
        return Some(Finding::error(
            "bucket-elsewhere",
            bucket,
            format!("the bucket is in {region}, not in {}; nothing is changed", wanted.region),
            "correct the region, or choose another bucket",
        ));
    }
    let owner = state.tags.get(OWNER_TAG);
    if let Some(other) = owner.filter(|owner| *owner != spec.domain.as_str()) {
        return Some(Finding::error(
            "bucket-of-another-cluster",
            bucket,
            format!("the bucket is tagged as that of {}; nothing is changed", other.escape_debug()),
            "choose another bucket: clusters must not share one",
        ));
    }
    (state.in_use && owner.is_none()).then(|| {
        Finding::error(
            "bucket-in-use",
            bucket,
            "the bucket holds objects and is not tagged as this cluster's; nothing is changed",
            format!(
                "choose another bucket, or set the tag {OWNER_TAG}={} if it is yours",
                spec.domain
            ),
        )
    })
}

/// Reports that the state of a resource is unknown, so the plan assumes that it does not exist.
pub(super) fn not_observed(subject: &str, command: &str) -> Finding {
    Finding::notice(
        "not-observed",
        subject,
        "its state is not known, so the plan is made as if it did not exist",
        format!("save the output of {command} and pass it"),
    )
}
