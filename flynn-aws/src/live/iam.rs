//! Observes and changes the IAM user or role.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{StatusType, Tag};
use percent_encoding::percent_decode_str;
use serde_json::Value;

pub use aws_sdk_iam::{self as sdk, Client};

use super::error::failed;
use super::{Error, ErrorKind, other_service};
use crate::ClusterSpec;
use crate::blobstore::AccessKey;
use crate::plan::{
    Action, IDENTITY_PATH, IamAction, Identity, KeyState, OWNER_TAG, Observed, POLICY, RoleState,
    Step, UserState,
};
use crate::spec::Access;

/// Reads the state of the specification's user into [`Observed::user`], or of its role and instance profile into
/// [`Observed::role`]. Does nothing without a blobstore.
///
/// # Errors
/// Returns the error of AWS. A user or role that does not exist is not an error.
pub async fn observe(
    client: &Client,
    spec: &ClusterSpec,
    observed: &mut Observed,
) -> Result<(), Error> {
    let Some(blobstore) = &spec.blobstore else { return Ok(()) };
    let name = spec.identity();
    match blobstore.access {
        Access::Key => observed.user = Some(user(client, name.as_str()).await?),
        Access::Ec2Role => observed.role = Some(role(client, name.as_str()).await?),
    }
    Ok(())
}

async fn user(client: &Client, name: &str) -> Result<UserState, Error> {
    let mut state = UserState::default();
    let user = client.get_user().user_name(name).send().await;
    let Some(user) = found(user.map_err(failed("iam:GetUser", name)))?.and_then(|user| user.user)
    else {
        return Ok(state);
    };
    state.exists = true;
    user.path().clone_into(&mut state.path);
    state.tags = tags(user.tags());
    let policy = client.get_user_policy().user_name(name).policy_name(POLICY).send().await;
    if let Some(policy) = found(policy.map_err(failed("iam:GetUserPolicy", name)))? {
        state.policies.insert(POLICY.to_owned(), document(policy.policy_document()));
    }
    state.keys = keys(client, name).await?;
    Ok(state)
}

/// Returns the access keys with their last use, so that you know which one to delete.
async fn keys(client: &Client, name: &str) -> Result<Vec<KeyState>, Error> {
    let listed = client.list_access_keys().user_name(name).send().await;
    let listed = listed.map_err(failed("iam:ListAccessKeys", name))?;
    let mut keys = Vec::new();
    for key in listed.access_key_metadata() {
        let id = key.access_key_id().unwrap_or_default();
        let used = client.get_access_key_last_used().access_key_id(id).send().await;
        let used = found(used.map_err(failed("iam:GetAccessKeyLastUsed", id)))?;
        let used = used.and_then(|used| used.access_key_last_used);
        let mut state = KeyState::new(id, key.status() == Some(&StatusType::Active));
        state.created = key.create_date().map(ToString::to_string);
        state.last_used = used.and_then(|used| used.last_used_date).map(|date| date.to_string());
        keys.push(state);
    }
    Ok(keys)
}

async fn role(client: &Client, name: &str) -> Result<RoleState, Error> {
    let mut state = RoleState::default();
    let role = client.get_role().role_name(name).send().await;
    if let Some(role) = found(role.map_err(failed("iam:GetRole", name)))?.and_then(|role| role.role)
    {
        state.exists = true;
        role.path().clone_into(&mut state.path);
        state.tags = tags(role.tags());
        let policy = client.get_role_policy().role_name(name).policy_name(POLICY).send().await;
        if let Some(policy) = found(policy.map_err(failed("iam:GetRolePolicy", name)))? {
            state.policies.insert(POLICY.to_owned(), document(policy.policy_document()));
        }
    }
    let profile = client.get_instance_profile().instance_profile_name(name).send().await;
    let profile = found(profile.map_err(failed("iam:GetInstanceProfile", name)))?;
    if let Some(profile) = profile.and_then(|profile| profile.instance_profile) {
        state.profile_exists = true;
        state.profile_roles =
            profile.roles().iter().map(|role| role.role_name().to_owned()).collect();
    }
    Ok(state)
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// Decodes a policy document, which the API percent-encodes. A plan replaces one that cannot be read.
fn document(text: &str) -> Value {
    let text = percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Turns "not found" into `None`.
fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Turns "already exists" into success.
fn existing<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("EntityAlreadyExists") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Applies one step. [`IamAction::CreateAccessKey`] returns the new key, whose secret cannot be read again. Every other
/// step can be repeated.
///
/// # Errors
/// Returns the error of AWS. [`ErrorKind::Limit`] for a third key lists the two keys with their age and last use. Fails
/// with [`ErrorKind::Other`] for a step of another service.
pub async fn apply(client: &Client, step: &Step) -> Result<Option<AccessKey>, Error> {
    let Action::Iam(action) = &step.action else { return Err(other_service("iam", step)) };
    match action {
        IamAction::CreateAccessKey { user } => {
            return create_key(client, user.as_str()).await.map(Some);
        }
        IamAction::CreateUser { user, cluster } => {
            let create = client.create_user().user_name(user.as_str()).path(IDENTITY_PATH);
            let created = create.tags(owner("iam:CreateUser", cluster)?).send().await;
            existing(created.map_err(failed("iam:CreateUser", user.as_str())))?;
        }
        IamAction::DeleteUser { user } => {
            let deleted = client.delete_user().user_name(user.as_str()).send().await;
            found(deleted.map_err(failed("iam:DeleteUser", user.as_str())))?;
        }
        IamAction::CreateRole { role, cluster, trust } => {
            let create = client.create_role().role_name(role.as_str()).path(IDENTITY_PATH);
            let create = create.assume_role_policy_document(trust.to_string());
            let created = create.tags(owner("iam:CreateRole", cluster)?).send().await;
            existing(created.map_err(failed("iam:CreateRole", role.as_str())))?;
        }
        IamAction::DeleteRole { role } => {
            let deleted = client.delete_role().role_name(role.as_str()).send().await;
            found(deleted.map_err(failed("iam:DeleteRole", role.as_str())))?;
        }
        IamAction::PutPolicy { identity: Identity::User(user), policy, document } => {
            let put = client.put_user_policy().user_name(user.as_str()).policy_name(policy);
            let put = put.policy_document(document.to_string()).send().await;
            put.map_err(failed("iam:PutUserPolicy", user.as_str()))?;
        }
        IamAction::PutPolicy { identity: Identity::Role(role), policy, document } => {
            let put = client.put_role_policy().role_name(role.as_str()).policy_name(policy);
            let put = put.policy_document(document.to_string()).send().await;
            put.map_err(failed("iam:PutRolePolicy", role.as_str()))?;
        }
        IamAction::DeletePolicy { identity: Identity::User(user), policy } => {
            let delete = client.delete_user_policy().user_name(user.as_str()).policy_name(policy);
            found(delete.send().await.map_err(failed("iam:DeleteUserPolicy", user.as_str())))?;
        }
        IamAction::DeletePolicy { identity: Identity::Role(role), policy } => {
            let delete = client.delete_role_policy().role_name(role.as_str()).policy_name(policy);
            found(delete.send().await.map_err(failed("iam:DeleteRolePolicy", role.as_str())))?;
        }
        IamAction::DeleteNewAccessKeys { user, keep } => {
            delete_keys(client, user.as_str(), keep).await?;
        }
        IamAction::CreateInstanceProfile { profile } => {
            let create = client.create_instance_profile().instance_profile_name(profile.as_str());
            let created = create.path(IDENTITY_PATH).send().await;
            existing(created.map_err(failed("iam:CreateInstanceProfile", profile.as_str())))?;
        }
        IamAction::DeleteInstanceProfile { profile } => {
            let delete = client.delete_instance_profile().instance_profile_name(profile.as_str());
            found(
                delete.send().await.map_err(failed("iam:DeleteInstanceProfile", profile.as_str())),
            )?;
        }
        IamAction::AddRoleToInstanceProfile { profile } => {
            let name = profile.as_str();
            let add = client.add_role_to_instance_profile().instance_profile_name(name);
            let added = add.role_name(name).send().await;
            added.map_err(failed("iam:AddRoleToInstanceProfile", name))?;
        }
        IamAction::RemoveRoleFromInstanceProfile { profile } => {
            let name = profile.as_str();
            let remove = client.remove_role_from_instance_profile().instance_profile_name(name);
            let removed = remove.role_name(name).send().await;
            found(removed.map_err(failed("iam:RemoveRoleFromInstanceProfile", name)))?;
        }
    }
    Ok(None)
}

/// Returns the tag that marks resources of a cluster.
fn owner(call: &'static str, cluster: &str) -> Result<Tag, Error> {
    let tag = Tag::builder().key(OWNER_TAG).value(cluster).build();
    tag.map_err(|error| Error::new(ErrorKind::Other, call, cluster, error.to_string()))
}

async fn create_key(client: &Client, user: &str) -> Result<AccessKey, Error> {
    let call = "iam:CreateAccessKey";
    let created = client.create_access_key().user_name(user).send().await;
    match created.map_err(failed(call, user)) {
        Ok(created) => {
            let key = created
                .access_key
                .ok_or_else(|| Error::new(ErrorKind::Other, call, user, "the answer has no key"))?;
            Ok(AccessKey { id: key.access_key_id, secret: key.secret_access_key.into() })
        }
        Err(error) if error.kind() == ErrorKind::Limit => {
            let keys = keys(client, user).await?;
            let keys: Vec<String> = keys.iter().map(KeyState::describe).collect();
            Err(error.remedy(format!("delete one of its keys: {}", keys.join("; "))))
        }
        Err(error) => Err(error),
    }
}

async fn delete_keys(client: &Client, user: &str, keep: &[String]) -> Result<(), Error> {
    let listed = client.list_access_keys().user_name(user).send().await;
    let Some(listed) = found(listed.map_err(failed("iam:ListAccessKeys", user)))? else {
        return Ok(());
    };
    let ids = listed.access_key_metadata().iter().filter_map(|key| key.access_key_id());
    for id in ids.filter(|id| !keep.iter().any(|kept| kept == id)) {
        let delete = client.delete_access_key().user_name(user).access_key_id(id);
        found(delete.send().await.map_err(failed("iam:DeleteAccessKey", id)))?;
    }
    Ok(())
}
