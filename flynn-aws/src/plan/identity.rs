//! The state and the changes of the blobstore's IAM user or role.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bucket::{OWNER_TAG, not_observed};
use super::command::{json as quoted, quote};
use super::{Observed, Plan, PlanOptions};
use crate::policy::Policy;
use crate::spec::{Access, IamName};
use crate::{ClusterSpec, Finding};

/// The IAM path of all created resources.
pub(crate) const PATH: &str = "/flynn/";
/// The name of the inline policy.
pub(crate) const POLICY: &str = "flynn-blobstore";
/// AWS's limit of keys per user.
const MOST_KEYS: usize = 2;

/// The observed state of an IAM user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UserState {
    /// True if it exists.
    pub exists: bool,
    /// Its path.
    pub path: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its inline policies by name.
    pub policies: BTreeMap<String, Value>,
    /// Its access keys.
    pub keys: Vec<KeyState>,
}

/// The observed state of an access key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KeyState {
    /// The id.
    pub id: String,
    /// True if it can be used.
    pub active: bool,
    /// The creation time, in AWS's format.
    pub created: Option<String>,
    /// The time of the last use, in AWS's format; `None` if never or unknown.
    pub last_used: Option<String>,
}

/// The observed state of an IAM role and the instance profile of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoleState {
    /// True if the role exists.
    pub exists: bool,
    /// The role's path.
    pub path: String,
    /// The role's tags.
    pub tags: BTreeMap<String, String>,
    /// The role's inline policies by name.
    pub policies: BTreeMap<String, Value>,
    /// True if the instance profile exists.
    pub profile_exists: bool,
    /// The roles in the instance profile.
    pub profile_roles: Vec<String>,
}

/// The owner of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Identity {
    /// An IAM user.
    User(IamName),
    /// A role.
    Role(IamName),
}

impl Identity {
    /// Returns the word for it in commands, and the name.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(name) => ("user", name.as_str()),
            Self::Role(name) => ("role", name.as_str()),
        }
    }
}

/// A change of a user, a role or an instance profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IamAction {
    /// Creates a user in the path `/flynn/`.
    CreateUser {
        /// Its name.
        user: IamName,
        /// The cluster that it belongs to, for its tag.
        cluster: String,
    },
    /// Deletes a user, which must have neither policies nor keys.
    DeleteUser {
        /// Its name.
        user: IamName,
    },
    /// Creates a role in the path `/flynn/` that EC2 instances can assume.
    CreateRole {
        /// Its name.
        role: IamName,
        /// The cluster that it belongs to, for its tag.
        cluster: String,
        /// The trust policy: who may assume the role.
        trust: Value,
    },
    /// Deletes a role, which must have no policies and be in no instance profile.
    DeleteRole {
        /// Its name.
        role: IamName,
    },
    /// Creates or replaces an inline policy.
    PutPolicy {
        /// The user or role that gets it.
        identity: Identity,
        /// Its name.
        policy: String,
        /// The policy.
        document: Value,
    },
    /// Deletes an inline policy.
    DeletePolicy {
        /// The user or role that has it.
        identity: Identity,
        /// Its name.
        policy: String,
    },
    /// Creates an access key. Its secret is shown once.
    CreateAccessKey {
        /// The user.
        user: IamName,
    },
    /// Deletes the access keys that are not in `keep`.
    DeleteNewAccessKeys {
        /// The user.
        user: IamName,
        /// The ids of the keys that existed before.
        keep: Vec<String>,
    },
    /// Creates an instance profile in the path `/flynn/`.
    CreateInstanceProfile {
        /// Its name.
        profile: IamName,
    },
    /// Deletes an instance profile, which must be empty.
    DeleteInstanceProfile {
        /// Its name.
        profile: IamName,
    },
    /// Adds the role to the instance profile of the same name.
    AddRoleToInstanceProfile {
        /// The name of both.
        profile: IamName,
    },
    /// Removes the role from the instance profile of the same name.
    RemoveRoleFromInstanceProfile {
        /// The name of both.
        profile: IamName,
    },
}

impl IamAction {
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::CreateUser { user, .. } => format!("create the IAM user {user}"),
            Self::DeleteUser { user } => format!("delete the IAM user {user}"),
            Self::CreateRole { role, .. } => format!("create the role {role} for EC2 instances"),
            Self::DeleteRole { role } => format!("delete the role {role}"),
            Self::PutPolicy { identity, policy, .. } => {
                let (word, name) = identity.parts();
                format!("set the policy {policy} of the {word} {name}")
            }
            Self::DeletePolicy { identity, policy } => {
                let (word, name) = identity.parts();
                format!("delete the policy {policy} of the {word} {name}")
            }
            Self::CreateAccessKey { user } => {
                format!("create an access key for the user {user}; its secret is shown once")
            }
            Self::DeleteNewAccessKeys { user, keep } if keep.is_empty() => {
                format!("delete the access keys of the user {user}")
            }
            Self::DeleteNewAccessKeys { user, keep } => {
                format!("delete the access keys of the user {user} except {}", keep.join(", "))
            }
            Self::CreateInstanceProfile { profile } => {
                format!("create the instance profile {profile}")
            }
            Self::DeleteInstanceProfile { profile } => {
                format!("delete the instance profile {profile}")
            }
            Self::AddRoleToInstanceProfile { profile } => {
                format!("add the role {profile} to the instance profile of the same name")
            }
            Self::RemoveRoleFromInstanceProfile { profile } => {
                format!("remove the role {profile} from the instance profile of the same name")
            }
        }
    }

    /// Names need no quotes: [`IamName`] allows no character that a shell acts on.
    pub(super) fn command(&self) -> String {
        let tag = |cluster: &str| quote(&format!("Key={OWNER_TAG},Value={cluster}"));
        match self {
            Self::CreateUser { user, cluster } => format!(
                "aws iam create-user --path {PATH} --user-name {user} --tags {}",
                tag(cluster)
            ),
            Self::DeleteUser { user } => format!("aws iam delete-user --user-name {user}"),
            Self::CreateRole { role, cluster, trust } => format!(
                "aws iam create-role --path {PATH} --role-name {role} --assume-role-policy-document {} --tags {}",
                quoted(trust),
                tag(cluster)
            ),
            Self::DeleteRole { role } => format!("aws iam delete-role --role-name {role}"),
            Self::PutPolicy { identity, policy, document } => {
                let (word, name) = identity.parts();
                format!(
                    "aws iam put-{word}-policy --{word}-name {name} --policy-name {} --policy-document {}",
                    quote(policy),
                    quoted(document)
                )
            }
            Self::DeletePolicy { identity, policy } => {
                let (word, name) = identity.parts();
                let policy = quote(policy);
                format!("aws iam delete-{word}-policy --{word}-name {name} --policy-name {policy}")
            }
            Self::CreateAccessKey { user } => {
                format!("aws iam create-access-key --user-name {user}")
            }
            Self::DeleteNewAccessKeys { user, keep } => {
                let mut known = String::new();
                for id in keep {
                    known.push_str(" -e ");
                    known.push_str(&quote(id));
                }
                format!(
                    "aws iam list-access-keys --user-name {user} --query 'AccessKeyMetadata[].AccessKeyId' --output text \
                     | tr '\\t' '\\n' | grep -vxF -e '' -e None{known} | while read -r id; do aws iam \
                     delete-access-key --user-name {user} --access-key-id \"$id\"; done"
                )
            }
            Self::CreateInstanceProfile { profile } => format!(
                "aws iam create-instance-profile --path {PATH} --instance-profile-name {profile}"
            ),
            Self::DeleteInstanceProfile { profile } => {
                format!("aws iam delete-instance-profile --instance-profile-name {profile}")
            }
            Self::AddRoleToInstanceProfile { profile } => format!(
                "aws iam add-role-to-instance-profile --instance-profile-name {profile} --role-name {profile}"
            ),
            Self::RemoveRoleFromInstanceProfile { profile } => format!(
                "aws iam remove-role-from-instance-profile --instance-profile-name {profile} --role-name {profile}"
            ),
        }
    }

    pub(super) fn permissions(&self, partition: &str) -> (&'static [&'static str], String) {
        let arn = |kind: &str, name: &IamName| format!("arn:{partition}:iam::*:{kind}{PATH}{name}");
        let of = |identity: &Identity| match identity {
            Identity::User(user) => arn("user", user),
            Identity::Role(role) => arn("role", role),
        };
        match self {
            Self::CreateUser { user, .. } => {
                (&["iam:CreateUser", "iam:TagUser"], arn("user", user))
            }
            Self::DeleteUser { user } => (&["iam:DeleteUser"], arn("user", user)),
            Self::CreateRole { role, .. } => {
                (&["iam:CreateRole", "iam:TagRole"], arn("role", role))
            }
            Self::DeleteRole { role } => (&["iam:DeleteRole"], arn("role", role)),
            Self::PutPolicy { identity: identity @ Identity::User(_), .. } => {
                (&["iam:PutUserPolicy"], of(identity))
            }
            Self::PutPolicy { identity, .. } => (&["iam:PutRolePolicy"], of(identity)),
            Self::DeletePolicy { identity: identity @ Identity::User(_), .. } => {
                (&["iam:DeleteUserPolicy"], of(identity))
            }
            Self::DeletePolicy { identity, .. } => (&["iam:DeleteRolePolicy"], of(identity)),
            Self::CreateAccessKey { user } => (&["iam:CreateAccessKey"], arn("user", user)),
            Self::DeleteNewAccessKeys { user, .. } => (&["iam:DeleteAccessKey"], arn("user", user)),
            Self::CreateInstanceProfile { profile } => {
                (&["iam:CreateInstanceProfile"], arn("instance-profile", profile))
            }
            Self::DeleteInstanceProfile { profile } => {
                (&["iam:DeleteInstanceProfile"], arn("instance-profile", profile))
            }
            Self::AddRoleToInstanceProfile { profile } => {
                (&["iam:AddRoleToInstanceProfile"], arn("instance-profile", profile))
            }
            Self::RemoveRoleFromInstanceProfile { profile } => {
                (&["iam:RemoveRoleFromInstanceProfile"], arn("instance-profile", profile))
            }
        }
    }
}

pub(super) fn plan(spec: &ClusterSpec, observed: &Observed, options: PlanOptions, plan: &mut Plan) {
    let (Some(blobstore), Some(policy)) = (&spec.blobstore, spec.policy()) else { return };
    match blobstore.access {
        Access::Key => user(spec, &policy, observed.user.as_ref(), options, plan),
        Access::Ec2Role => role(spec, &policy, observed.role.as_ref(), plan),
    }
}

fn user(
    spec: &ClusterSpec,
    policy: &Policy,
    observed: Option<&UserState>,
    options: PlanOptions,
    plan: &mut Plan,
) {
    let (user, cluster) = (spec.identity(), spec.domain.to_string());
    let unknown = UserState::default();
    let state = observed.unwrap_or(&unknown);
    if observed.is_none() {
        let command = format!("aws iam get-user --user-name {user}");
        plan.findings.push(not_observed(user.as_str(), &command));
    }
    if state.exists {
        if let Some(finding) = refused(spec, "user", &user, &state.path, &state.tags) {
            plan.findings.push(finding);
            return;
        }
    } else {
        plan.push(
            IamAction::CreateUser { user: user.clone(), cluster },
            IamAction::DeleteUser { user: user.clone() },
        );
    }
    put_policy(&Identity::User(user.clone()), policy, &state.policies, plan);
    if state.keys.is_empty() || options.new_key {
        if state.keys.len() >= MOST_KEYS {
            plan.findings.push(two_keys(&user, &state.keys));
            return;
        }
        let keep = state.keys.iter().map(|key| key.id.clone()).collect();
        plan.push(
            IamAction::CreateAccessKey { user: user.clone() },
            IamAction::DeleteNewAccessKeys { user, keep },
        );
    }
}

fn role(spec: &ClusterSpec, policy: &Policy, observed: Option<&RoleState>, plan: &mut Plan) {
    let (role, cluster) = (spec.identity(), spec.domain.to_string());
    let unknown = RoleState::default();
    let state = observed.unwrap_or(&unknown);
    if observed.is_none() {
        let command = format!("aws iam get-role --role-name {role}");
        plan.findings.push(not_observed(role.as_str(), &command));
    }
    if state.exists {
        if let Some(finding) = refused(spec, "role", &role, &state.path, &state.tags) {
            plan.findings.push(finding);
            return;
        }
    } else {
        let china = spec.blobstore.as_ref().is_some_and(|b| b.region.partition() == "aws-cn");
        let service = if china { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" };
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
        plan.push(
            IamAction::CreateRole { role: role.clone(), cluster, trust },
            IamAction::DeleteRole { role: role.clone() },
        );
    }
    put_policy(&Identity::Role(role.clone()), policy, &state.policies, plan);
    if !state.profile_exists {
        plan.push(
            IamAction::CreateInstanceProfile { profile: role.clone() },
            IamAction::DeleteInstanceProfile { profile: role.clone() },
        );
    }
    match state.profile_roles.first() {
        None => plan.push(
            IamAction::AddRoleToInstanceProfile { profile: role.clone() },
            IamAction::RemoveRoleFromInstanceProfile { profile: role },
        ),
        Some(other) if other != role.as_str() => plan.findings.push(Finding::error(
            "profile-in-use",
            role.as_str(),
            format!("the instance profile holds another role, {}", other.escape_debug()),
            "set another identity in the specification",
        )),
        Some(_) => {}
    }
}

fn put_policy(
    identity: &Identity,
    policy: &Policy,
    present: &BTreeMap<String, Value>,
    plan: &mut Plan,
) {
    let old = present.get(POLICY);
    if old.is_some_and(|old| policy.is_equivalent(old)) {
        return;
    }
    let put = |document: Value| IamAction::PutPolicy {
        identity: identity.clone(),
        policy: POLICY.to_owned(),
        document,
    };
    let undo = match old {
        Some(old) => put(old.clone()),
        None => IamAction::DeletePolicy { identity: identity.clone(), policy: POLICY.to_owned() },
    };
    plan.push(put(policy.to_value()), undo);
}

/// Returns why an existing user or role must not be changed.
fn refused(
    spec: &ClusterSpec,
    word: &str,
    name: &IamName,
    path: &str,
    tags: &BTreeMap<String, String>,
) -> Option<Finding> {
    let ours = match tags.get(OWNER_TAG) {
        Some(cluster) => cluster == spec.domain.as_str(),
        None => path == PATH,
    };
    (!ours).then(|| {
        Finding::error(
            "identity-not-ours",
            name.as_str(),
            format!("the {word} exists and does not belong to this cluster; nothing is changed"),
            format!(
                "set another identity, or tag it with {OWNER_TAG}={} if it is yours",
                spec.domain
            ),
        )
    })
}

fn two_keys(user: &IamName, keys: &[KeyState]) -> Finding {
    let keys: Vec<String> = keys.iter().map(KeyState::describe).collect();
    Finding::error(
        "two-keys",
        user.as_str(),
        format!("the user has two access keys, which is AWS's limit: {}", keys.join("; ")),
        "delete the one that is not used: aws iam delete-access-key",
    )
}

impl KeyState {
    /// Describes a key. Set the times afterwards.
    pub fn new(id: &str, active: bool) -> Self {
        Self { id: id.to_owned(), active, created: None, last_used: None }
    }

    /// Returns the id, the age and the last use.
    pub(crate) fn describe(&self) -> String {
        let created = self.created.as_deref().unwrap_or("at an unknown time");
        let used = match &self.last_used {
            Some(when) => format!("last used {when}"),
            None => "never seen in use".to_owned(),
        };
        let inactive = if self.active { "" } else { ", inactive" };
        format!("{} (created {created}, {used}{inactive})", self.id)
    }
}
