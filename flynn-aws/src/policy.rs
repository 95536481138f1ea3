//! The IAM policy of the blobstore's user.

use serde::{Deserialize, Serialize};

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

/// An IAM policy document, as `aws iam put-user-policy --policy-document` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Policy {
    /// The version of the policy language, always `2012-10-17`.
    pub version: String,
    /// What is allowed.
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

impl Policy {
    /// The policy of the guide: the [seven actions](BLOBSTORE_ACTIONS) on a bucket and its objects, nothing else.
    pub fn for_blobstore(bucket: &BucketName, region: &Region) -> Self {
        let arn = format!("arn:{}:s3:::{bucket}", region.partition());
        let objects = format!("{arn}/*");
        Self {
            version: "2012-10-17".to_owned(),
            statement: vec![Statement {
                effect: "Allow".to_owned(),
                action: BLOBSTORE_ACTIONS.map(str::to_owned).to_vec(),
                resource: vec![arn, objects],
            }],
        }
    }

    /// The document as indented JSON.
    pub fn to_json(&self) -> String {
        crate::json::pretty(self)
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
