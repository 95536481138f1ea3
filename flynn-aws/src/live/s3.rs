//! Observes, changes, counts and probes the bucket.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, LifecycleRule, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, Tag, Tagging, VersioningConfiguration,
};
use aws_smithy_types::error::operation::BuildError;

use aws_sdk_s3::config::AsyncSleep as _;
pub use aws_sdk_s3::{self as sdk, Client};

use super::error::failed;
use super::{Error, ErrorKind, lifecycle, other_service};
use crate::blobstore::BucketCount;
use crate::plan::{
    Action, BucketState, Observed, PublicAccessBlock, S3Action, Step, location_constraint,
    region_of_location, versioning_status,
};
use crate::{BucketName, ClusterSpec, Finding};

/// Reads the state of the specification's bucket into [`Observed::bucket`]. Does nothing without a blobstore. Reads the
/// versioning only if the specification enables it.
///
/// # Errors
/// Returns the error of AWS, such as [`ErrorKind::Denied`] if a read is not allowed. A bucket that does not exist or
/// belongs to another account is not an error; the plan reports it.
pub async fn observe(
    client: &Client,
    spec: &ClusterSpec,
    observed: &mut Observed,
) -> Result<(), Error> {
    if let Some(blobstore) = &spec.blobstore {
        let mut state = state(client, &blobstore.bucket).await?;
        if blobstore.versioning && state.exists && !state.foreign {
            state.versioning = versioning(client, blobstore.bucket.as_str()).await?;
        }
        observed.bucket = Some(state);
    }
    Ok(())
}

async fn state(client: &Client, bucket: &BucketName) -> Result<BucketState, Error> {
    let name = bucket.as_str();
    let mut state = BucketState::absent();
    let head = client.head_bucket().bucket(name).send().await;
    match head.map_err(failed("s3:ListBucket", name)) {
        Ok(head) => state.region = head.bucket_region().map(str::to_owned),
        Err(error) if error.is_not_found() => return Ok(state),
        Err(error) if error.kind() == ErrorKind::Region || error.region().is_some() => {
            state.region = error.region().map(str::to_owned);
        }
        Err(error) if error.kind() == ErrorKind::Denied => {
            if is_own(client, name).await? {
                return Err(error);
            }
            state.foreign = true;
        }
        Err(error) => return Err(error),
    }
    state.exists = true;
    if !state.foreign {
        state.foreign = !is_own(client, name).await?;
    }
    if state.foreign {
        return Ok(state);
    }
    if state.region.is_none() {
        let location = client.get_bucket_location().bucket(name).send().await;
        let location = location.map_err(failed("s3:GetBucketLocation", name))?;
        let location = location.location_constraint().map(BucketLocationConstraint::as_str);
        state.region = Some(region_of_location(location));
    }
    settings(client, name, &mut state).await?;
    Ok(state)
}

async fn versioning(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let versioning = client.get_bucket_versioning().bucket(name).send().await;
    let versioning = versioning.map_err(failed("s3:GetBucketVersioning", name))?;
    Ok(versioning.status().map(|status| status.as_str().to_owned()))
}

/// Returns whether the account owns the bucket.
async fn is_own(client: &Client, name: &str) -> Result<bool, Error> {
    let listed = client.list_buckets().send().await;
    let listed = listed.map_err(failed("s3:ListAllMyBuckets", name))?;
    Ok(listed.buckets().iter().any(|bucket| bucket.name() == Some(name)))
}

async fn settings(client: &Client, name: &str, state: &mut BucketState) -> Result<(), Error> {
    let tags = client.get_bucket_tagging().bucket(name).send().await;
    if let Some(tags) = found(tags.map_err(failed("s3:GetBucketTagging", name)))? {
        let pair = |tag: &Tag| (tag.key().to_owned(), tag.value().to_owned());
        state.tags = tags.tag_set().iter().map(pair).collect();
    }
    let block = client.get_public_access_block().bucket(name).send().await;
    let block = found(block.map_err(failed("s3:GetBucketPublicAccessBlock", name)))?;
    state.public_access =
        block.and_then(|block| block.public_access_block_configuration).map(|block| {
            PublicAccessBlock {
                block_public_acls: block.block_public_acls().unwrap_or_default(),
                ignore_public_acls: block.ignore_public_acls().unwrap_or_default(),
                block_public_policy: block.block_public_policy().unwrap_or_default(),
                restrict_public_buckets: block.restrict_public_buckets().unwrap_or_default(),
            }
        });
    let controls = client.get_bucket_ownership_controls().bucket(name).send().await;
    let controls = found(controls.map_err(failed("s3:GetBucketOwnershipControls", name)))?;
    let controls = controls.and_then(|controls| controls.ownership_controls);
    state.ownership = controls
        .and_then(|controls| controls.rules.into_iter().next())
        .map(|rule| rule.object_ownership.as_str().to_owned());
    let rules = client.get_bucket_lifecycle_configuration().bucket(name).send().await;
    if let Some(rules) = found(rules.map_err(failed("s3:GetLifecycleConfiguration", name)))? {
        state.lifecycle = rules.rules().iter().map(lifecycle::to_json).collect();
    }
    let objects = client.list_objects_v2().bucket(name).max_keys(1).send().await;
    let objects = objects.map_err(failed("s3:ListBucket", name))?;
    state.in_use = !objects.contents().is_empty();
    Ok(())
}

/// Turns a missing setting into `None`.
fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Applies one step. A step can be repeated.
///
/// # Errors
/// Returns the error of AWS, and [`ErrorKind::Other`] for a step of another service.
pub async fn apply(client: &Client, step: &Step) -> Result<(), Error> {
    let Action::S3(action) = &step.action else { return Err(other_service("s3", step)) };
    let name = action.bucket().as_str();
    match action {
        S3Action::CreateBucket { region, .. } => {
            let location = location_constraint(region).map(|location| {
                CreateBucketConfiguration::builder()
                    .location_constraint(BucketLocationConstraint::from(location))
                    .build()
            });
            let create = client.create_bucket().bucket(name);
            let created = create.set_create_bucket_configuration(location).send().await;
            match created.map_err(failed("s3:CreateBucket", name)) {
                Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
                other => other.map(drop),
            }
        }
        S3Action::DeleteBucket { .. } => {
            let deleted = client.delete_bucket().bucket(name).send().await;
            found(deleted.map_err(failed("s3:DeleteBucket", name))).map(drop)
        }
        S3Action::SetTags { tags, .. } if tags.is_empty() => {
            let call = client.delete_bucket_tagging().bucket(name);
            call.send().await.map(drop).map_err(failed("s3:PutBucketTagging", name))
        }
        S3Action::SetTags { tags, .. } => {
            let tag =
                |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
            let tags = tags.iter().map(tag).collect::<Result<Vec<Tag>, _>>();
            let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
            let tagging = tagging.map_err(incomplete("s3:PutBucketTagging", name))?;
            let call = client.put_bucket_tagging().bucket(name).tagging(tagging);
            call.send().await.map(drop).map_err(failed("s3:PutBucketTagging", name))
        }
        S3Action::SetPublicAccess { block: None, .. } => {
            let call = client.delete_public_access_block().bucket(name);
            call.send().await.map(drop).map_err(failed("s3:PutBucketPublicAccessBlock", name))
        }
        S3Action::SetPublicAccess { block: Some(block), .. } => {
            let block = PublicAccessBlockConfiguration::builder()
                .block_public_acls(block.block_public_acls)
                .ignore_public_acls(block.ignore_public_acls)
                .block_public_policy(block.block_public_policy)
                .restrict_public_buckets(block.restrict_public_buckets)
                .build();
            let call = client.put_public_access_block().bucket(name);
            let put = call.public_access_block_configuration(block).send().await;
            put.map(drop).map_err(failed("s3:PutBucketPublicAccessBlock", name))
        }
        S3Action::SetOwnership { ownership: None, .. } => {
            let call = client.delete_bucket_ownership_controls().bucket(name);
            call.send().await.map(drop).map_err(failed("s3:PutBucketOwnershipControls", name))
        }
        S3Action::SetOwnership { ownership: Some(ownership), .. } => {
            let rule = OwnershipControlsRule::builder()
                .object_ownership(ObjectOwnership::from(ownership.as_str()))
                .build();
            let controls = rule.and_then(|rule| OwnershipControls::builder().rules(rule).build());
            let controls = controls.map_err(incomplete("s3:PutBucketOwnershipControls", name))?;
            let call = client.put_bucket_ownership_controls().bucket(name);
            let put = call.ownership_controls(controls).send().await;
            put.map(drop).map_err(failed("s3:PutBucketOwnershipControls", name))
        }
        S3Action::SetLifecycle { rules, .. } if rules.is_empty() => {
            let call = client.delete_bucket_lifecycle().bucket(name);
            call.send().await.map(drop).map_err(failed("s3:PutLifecycleConfiguration", name))
        }
        S3Action::SetLifecycle { rules, .. } => {
            let call = "s3:PutLifecycleConfiguration";
            let Some(rules) =
                rules.iter().map(lifecycle::from_json).collect::<Option<Vec<LifecycleRule>>>()
            else {
                return Err(Error::new(
                    ErrorKind::Other,
                    call,
                    name,
                    "a lifecycle rule has no Status",
                ));
            };
            let configuration =
                BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
            let configuration = configuration.map_err(incomplete(call, name))?;
            let put = client.put_bucket_lifecycle_configuration().bucket(name);
            let put = put.lifecycle_configuration(configuration).send().await;
            put.map(drop).map_err(failed(call, name))
        }
        S3Action::SetVersioning { enabled, .. } => {
            let status = BucketVersioningStatus::from(versioning_status(*enabled));
            let configuration = VersioningConfiguration::builder().status(status).build();
            let put = client.put_bucket_versioning().bucket(name);
            let put = put.versioning_configuration(configuration).send().await;
            put.map(drop).map_err(failed("s3:PutBucketVersioning", name))
        }
    }
}

fn incomplete(call: &'static str, name: &str) -> impl FnOnce(BuildError) -> Error {
    move |error| Error::new(ErrorKind::Other, call, name, error.to_string())
}

/// Counts the objects in a bucket, for [`Migration::verify`](crate::blobstore::Migration::verify). One request per
/// 1,000 objects.
///
/// # Errors
/// Returns the error of AWS.
pub async fn count(client: &Client, bucket: &BucketName) -> Result<BucketCount, Error> {
    let mut count = BucketCount::default();
    let mut pages = client.list_objects_v2().bucket(bucket.as_str()).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("s3:ListBucket", bucket.as_str()))?;
        for object in page.contents() {
            count.objects += 1;
            count.bytes += object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        }
    }
    Ok(count)
}

/// The pause while a new key is still refused.
const PAUSE: Duration = Duration::from_secs(2);
/// The content of the probe's object.
const PROBE: &[u8] = b"flynn-aws probe";

/// Tries the blobstore's calls with the client's key, and reports the actions that are not allowed.
///
/// The probe writes, reads, copies, lists and deletes objects under `flynn-aws-probe/` and begins and aborts a
/// multipart upload there. It deletes them afterwards. AWS takes some seconds until a new key and its policy work:
/// while the key is refused, the probe retries for at most `patience`, using the client's own sleep.
///
/// The findings are `missing-action` for each missing action, and `not-cleaned-up` if an object could not be deleted.
///
/// # Errors
/// Returns every error except a refusal, such as [`ErrorKind::NotFound`] for a missing bucket or
/// [`ErrorKind::Credentials`] for a wrong key.
pub async fn probe(
    client: &Client,
    bucket: &BucketName,
    patience: Duration,
) -> Result<Vec<Finding>, Error> {
    let name = bucket.as_str();
    wait_for_key(client, name, patience).await?;
    let mut probe = Probe { bucket: name, missing: Vec::new() };
    let (key, copy) = (object_key("object"), object_key("copy"));
    let list = client.list_objects_v2().bucket(name).prefix(&key).max_keys(1).send().await;
    probe.note(list.map_err(failed("s3:ListBucket", name)))?;
    let put = client.put_object().bucket(name).key(&key);
    let put = put.body(ByteStream::from_static(PROBE)).send().await;
    let written = probe.note(put.map_err(failed("s3:PutObject", name)))?.is_some();
    if written {
        let get = client.get_object().bucket(name).key(&key).send().await;
        probe.note(get.map_err(failed("s3:GetObject", name)))?;
        // The blobstore renames an object by copying and deleting it.
        let source = format!("{name}/{key}");
        let copied = client.copy_object().bucket(name).key(&copy).copy_source(source).send().await;
        probe.note(copied.map_err(failed("s3:GetObject", name)))?;
    }
    let upload = client.create_multipart_upload().bucket(name).key(&key).send().await;
    let upload = probe.note(upload.map_err(failed("s3:PutObject", name)))?;
    let uploads = client.list_multipart_uploads().bucket(name).prefix(&key).send().await;
    probe.note(uploads.map_err(failed("s3:ListBucketMultipartUploads", name)))?;
    let id = upload.and_then(|upload| upload.upload_id);
    if let Some(id) = &id {
        let part = client.upload_part().bucket(name).key(&key).upload_id(id).part_number(1);
        let part = part.body(ByteStream::from_static(PROBE)).send().await;
        probe.note(part.map_err(failed("s3:PutObject", name)))?;
        let parts = client.list_parts().bucket(name).key(&key).upload_id(id).send().await;
        probe.note(parts.map_err(failed("s3:ListMultipartUploadParts", name)))?;
        let abort = client.abort_multipart_upload().bucket(name).key(&key).upload_id(id);
        probe.note(abort.send().await.map_err(failed("s3:AbortMultipartUpload", name)))?;
    }
    for key in [&copy, &key] {
        let delete = client.delete_object().bucket(name).key(key).send().await;
        probe.note(delete.map_err(failed("s3:DeleteObject", name)))?;
    }
    Ok(probe.findings(written, id.is_some(), &key))
}

/// Returns an object key that only this process uses.
fn object_key(what: &str) -> String {
    format!("flynn-aws-probe/{}-{what}", std::process::id())
}

async fn wait_for_key(client: &Client, name: &str, patience: Duration) -> Result<(), Error> {
    let mut waited = Duration::ZERO;
    loop {
        let list = client.list_objects_v2().bucket(name).max_keys(1).send().await;
        let Err(error) = list.map_err(failed("s3:ListBucket", name)) else { return Ok(()) };
        let fresh = error.kind() == ErrorKind::Denied || error.code() == Some("InvalidAccessKeyId");
        if !fresh {
            return Err(error);
        }
        let sleep = client.config().sleep_impl().filter(|_| waited < patience);
        match sleep {
            Some(sleep) => sleep.sleep(PAUSE).await,
            // The probe reports a refusal that lasts.
            None if error.kind() == ErrorKind::Denied => return Ok(()),
            None => return Err(error),
        }
        waited += PAUSE;
    }
}

struct Probe<'a> {
    bucket: &'a str,
    missing: Vec<&'static str>,
}

impl Probe<'_> {
    /// Records a refusal. Any other error ends the probe.
    fn note<T>(&mut self, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == ErrorKind::Denied => {
                if !self.missing.contains(&error.call()) {
                    self.missing.push(error.call());
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn findings(self, written: bool, uploaded: bool, key: &str) -> Vec<Finding> {
        let lacks = |action: &str| self.missing.contains(&action);
        let stayed =
            (written && lacks("s3:DeleteObject")) || (uploaded && lacks("s3:AbortMultipartUpload"));
        let mut findings: Vec<Finding> = self
            .missing
            .iter()
            .map(|action| {
                Finding::error(
                    "missing-action",
                    *action,
                    format!("the key is not allowed to do this on the bucket {}", self.bucket),
                    format!("allow {action} in the policy of the key's user"),
                )
            })
            .collect();
        if stayed {
            findings.push(Finding::warning(
                "not-cleaned-up",
                self.bucket,
                format!("the probe could not delete its objects or its upload at {key}"),
                "delete what is under flynn-aws-probe/",
            ));
        }
        findings
    }
}
