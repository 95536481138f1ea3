//! Creates the IAM policy that the blobstore needs, and checks existing policies.
//!
//! ```
//! use flynn_aws::policy::Policy;
//!
//! let policy = Policy::for_blobstore(&"acme-blobs".parse()?, &"eu-west-1".parse()?);
//! println!("{}", policy.to_json()); // aws iam put-user-policy --policy-document …
//!
//! let findings = policy.check(r#"{"Version": "2012-10-17", "Statement": [{
//!     "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::acme-blobs/*"}]}"#)?;
//! assert!(findings.iter().any(|finding| finding.code == "missing-action"));
//! # Ok::<(), flynn_aws::Error>(())
//! ```

mod check;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{BucketName, Region};

/// The seven actions that the blobstore's S3 backend needs, in the order of Flynn's documentation.
pub const BLOBSTORE_ACTIONS: [&str; 7] = [
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:ListMultipartUploadParts",
    "s3:AbortMultipartUpload",
    "s3:ListBucketMultipartUploads",
];

/// The additional action of the `minio` backend, which asks for the bucket's location.
const MINIO_ACTION: &str = "s3:GetBucketLocation";

/// An IAM policy document, as `aws iam put-user-policy --policy-document` accepts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Policy {
    /// The version of the policy language, always `2012-10-17`.
    pub version: String,
    /// The statements.
    pub statement: Vec<Statement>,
}

/// One statement of a [`Policy`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Statement {
    /// `Allow`.
    pub effect: String,
    /// The actions, such as `s3:GetObject`.
    pub action: Vec<String>,
    /// The ARNs that the actions may touch.
    pub resource: Vec<String>,
}

impl Statement {
    /// Allows actions on resources.
    pub(crate) fn allow<'a>(
        actions: impl IntoIterator<Item = &'a str>,
        resources: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            effect: "Allow".to_owned(),
            action: actions.into_iter().map(str::to_owned).collect(),
            resource: resources.into_iter().collect(),
        }
    }

    /// Adds the missing actions.
    pub(crate) fn add(&mut self, actions: &[&str]) {
        for action in actions {
            if !self.action.iter().any(|known| known == action) {
                self.action.push((*action).to_owned());
            }
        }
    }
}

impl Policy {
    /// Returns the policy of the guide: the [seven actions](BLOBSTORE_ACTIONS) on a bucket and its objects.
    pub fn for_blobstore(bucket: &BucketName, region: &Region) -> Self {
        let arn = format!("arn:{}:s3:::{bucket}", region.partition());
        let objects = format!("{arn}/*");
        Self::of(vec![Statement::allow(BLOBSTORE_ACTIONS, [arn, objects])])
    }

    /// Returns the policy for the `minio` backend against S3, which also needs `s3:GetBucketLocation`.
    pub fn for_minio_backend(bucket: &BucketName, region: &Region) -> Self {
        let mut policy = Self::for_blobstore(bucket, region);
        policy.statement.iter_mut().for_each(|statement| statement.add(&[MINIO_ACTION]));
        policy
    }

    pub(crate) fn of(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17".to_owned(), statement }
    }

    /// Returns the document as indented JSON.
    pub fn to_json(&self) -> String {
        crate::cli_json::pretty(self)
    }

    /// Returns the document as a JSON value.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_the_guides() {
        let policy = Policy::for_blobstore(
            &"flynnblobstore".parse().unwrap(),
            &"us-east-1".parse().unwrap(),
        );
        let expected = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": [
                    "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject",
                    "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload",
                    "s3:ListBucketMultipartUploads"
                ],
                "Resource": ["arn:aws:s3:::flynnblobstore", "arn:aws:s3:::flynnblobstore/*"]
            }]
        });
        let parsed: serde_json::Value = serde_json::from_str(&policy.to_json()).unwrap();
        assert_eq!(parsed, expected);
    }

    #[test]
    fn other_partitions_have_other_arns() {
        let arn = |region: &str| {
            Policy::for_blobstore(&"bucket".parse().unwrap(), &region.parse().unwrap()).statement[0]
                .resource[0]
                .clone()
        };
        assert_eq!(arn("cn-north-1"), "arn:aws-cn:s3:::bucket");
        assert_eq!(arn("us-gov-west-1"), "arn:aws-us-gov:s3:::bucket");
    }
}
