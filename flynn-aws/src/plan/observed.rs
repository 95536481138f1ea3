//! The observed state of AWS, from the output of the AWS CLI or from live calls.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{BucketState, HealthCheckState, HostedZone, KeyState, RoleState, UserState, ZoneState};
use crate::cli_json;
use crate::dns::Zone;
use crate::preflight::Inventory;
use crate::{ClusterSpec, Error, ErrorKind};

/// The observed state of AWS.
///
/// A field is `None` if its state is unknown. A plan then assumes that the resource does not exist, and reports that.
///
/// Fill it from outputs of the AWS CLI with [`read`](Self::read), or from the live functions of this crate.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Observed {
    /// The blobstore's bucket.
    pub bucket: Option<BucketState>,
    /// The blobstore's user.
    pub user: Option<UserState>,
    /// The blobstore's role and instance profile.
    pub role: Option<RoleState>,
    /// The hosted zone of the domain.
    pub zone: Option<ZoneState>,
    /// The health checks of the account.
    pub health_checks: Option<Vec<HealthCheckState>>,
    /// The instances, volumes, addresses and security groups.
    pub inventory: Option<Inventory>,
}

impl Observed {
    /// Returns the state in which only the hosted zone exists.
    pub(super) fn nothing(spec: &ClusterSpec) -> Self {
        let zones = match &spec.dns.zone_id {
            Some(_) => Vec::new(),
            None => vec![HostedZone::public("*", spec.domain.as_str())],
        };
        Self {
            bucket: Some(BucketState::absent()),
            user: Some(UserState::default()),
            role: Some(RoleState::default()),
            zone: Some(ZoneState { zones, records: Some(Zone::default()) }),
            health_checks: Some(Vec::new()),
            inventory: Some(Inventory::default()),
        }
    }

    /// Adds the JSON output of one command of the AWS CLI. The command is recognized by the document.
    ///
    /// | about | outputs |
    /// |---|---|
    /// | the bucket | `s3api list-buckets`, `head-bucket`, `get-bucket-location`, `get-bucket-tagging`, `get-public-access-block`, `get-bucket-ownership-controls`, `get-bucket-lifecycle-configuration`, `get-bucket-versioning`, `list-objects-v2` |
    /// | the user or role | `iam get-user`, `get-user-policy`, `list-access-keys`, `get-role`, `get-role-policy`, `get-instance-profile` |
    /// | the records | `route53 list-hosted-zones`, `list-resource-record-sets`, `list-health-checks` |
    /// | the hosts | `ec2 describe-instances`, `describe-volumes`, `describe-addresses`, `describe-security-groups` |
    ///
    /// Pass the outputs that concern the bucket, user and zone of the specification.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Document`] if the text is something else, is cut off, or is about another resource.
    pub fn read(&mut self, spec: &ClusterSpec, json: &str) -> Result<(), Error> {
        let (field, value) = cli_json::recognize(json)?;
        match field {
            "Reservations" | "Volumes" | "Addresses" | "SecurityGroups" => {
                self.inventory.get_or_insert_default().add(field, value)
            }
            "HostedZones" => {
                let zones: HostedZones = cli_json::decode(value, field)?;
                let zones = zones.hosted_zones.into_iter().map(HostedZone::from).collect();
                self.zone.get_or_insert_default().zones = zones;
                Ok(())
            }
            "ResourceRecordSets" => {
                self.zone.get_or_insert_default().records = Some(Zone::from_value(value)?);
                Ok(())
            }
            "HealthChecks" => {
                let checks: HealthChecks = cli_json::decode(value, field)?;
                let checks = checks.health_checks.into_iter().map(CliHealthCheck::state);
                self.health_checks = Some(checks.collect());
                Ok(())
            }
            "User" | "AccessKeyMetadata" | "PolicyDocument" | "Role" | "InstanceProfile" => {
                self.read_identity(spec, field, value)
            }
            _ => self.read_bucket(spec, field, value),
        }
    }

    fn read_identity(
        &mut self,
        spec: &ClusterSpec,
        field: &str,
        value: Value,
    ) -> Result<(), Error> {
        let wanted = spec.identity();
        let check = |name: &str| {
            if name == wanted.as_str() {
                return Ok(());
            }
            Err(Error::new(
                ErrorKind::Document,
                format!("the output is about {}, not about {wanted}", cli_json::shown(name)),
            ))
        };
        match field {
            "User" => {
                let user = cli_json::decode::<Users>(value, field)?.user;
                check(&user.user_name)?;
                let state = self.user.get_or_insert_default();
                (state.exists, state.path, state.tags) = (true, user.path, tags(user.tags));
            }
            "AccessKeyMetadata" => {
                let keys = cli_json::decode::<Keys>(value, field)?.access_key_metadata;
                keys.iter().try_for_each(|key| check(&key.user_name))?;
                let state = |key: CliKey| KeyState {
                    id: key.access_key_id,
                    active: key.status == "Active",
                    created: key.create_date,
                    last_used: None,
                };
                let user = self.user.get_or_insert_default();
                user.exists = true;
                user.keys = keys.into_iter().map(state).collect();
            }
            "Role" => {
                let role = cli_json::decode::<Roles>(value, field)?.role;
                check(&role.role_name)?;
                let state = self.role.get_or_insert_default();
                (state.exists, state.path, state.tags) = (true, role.path, tags(role.tags));
            }
            "InstanceProfile" => {
                let profile = cli_json::decode::<Profiles>(value, field)?.instance_profile;
                check(&profile.instance_profile_name)?;
                let state = self.role.get_or_insert_default();
                state.profile_exists = true;
                state.profile_roles =
                    profile.roles.into_iter().map(|role| role.role_name).collect();
            }
            _ => {
                let policy: CliPolicy = cli_json::decode(value, field)?;
                if let Some(name) = &policy.role_name {
                    check(name)?;
                    let state = self.role.get_or_insert_default();
                    state.exists = true;
                    state.policies.insert(policy.policy_name, policy.policy_document);
                } else {
                    check(policy.user_name.as_deref().unwrap_or_default())?;
                    let state = self.user.get_or_insert_default();
                    state.exists = true;
                    state.policies.insert(policy.policy_name, policy.policy_document);
                }
            }
        }
        Ok(())
    }

    fn read_bucket(&mut self, spec: &ClusterSpec, field: &str, value: Value) -> Result<(), Error> {
        let Some(wanted) = &spec.blobstore else {
            return Err(Error::new(
                ErrorKind::Document,
                "the output is about a bucket, but the specification has no blobstore",
            ));
        };
        let state = self.bucket.get_or_insert_default();
        match field {
            "Buckets" => {
                let buckets: Buckets = cli_json::decode(value, field)?;
                state.exists =
                    buckets.buckets.iter().any(|bucket| bucket.name == wanted.bucket.as_str());
                return Ok(());
            }
            "BucketRegion" => state.region = cli_json::decode::<Head>(value, field)?.bucket_region,
            "LocationConstraint" => {
                let location = cli_json::decode::<Location>(value, field)?.location_constraint;
                state.region = Some(region_of_location(location.as_deref()));
            }
            "TagSet" => state.tags = tags(cli_json::decode::<TagSet>(value, field)?.tag_set),
            "PublicAccessBlockConfiguration" => {
                let block: PublicAccess = cli_json::decode(value, field)?;
                state.public_access = Some(block.public_access_block_configuration);
            }
            "OwnershipControls" => {
                let rules = cli_json::decode::<Ownership>(value, field)?.ownership_controls.rules;
                state.ownership = rules.into_iter().next().map(|rule| rule.object_ownership);
            }
            "Rules" => state.lifecycle = cli_json::decode::<Lifecycle>(value, field)?.rules,
            "Status" => {
                state.versioning = Some(cli_json::decode::<Versioning>(value, field)?.status);
            }
            "Contents" => state.in_use = true,
            "RequestCharged" => {}
            _ => {
                return Err(Error::new(
                    ErrorKind::Document,
                    "the output is not about anything that a plan compares",
                ));
            }
        }
        state.exists = true;
        Ok(())
    }
}

/// Returns the region for an answer of `GetBucketLocation`, which has some historical names.
pub(crate) fn region_of_location(location: Option<&str>) -> String {
    match location {
        None | Some("" | "US") => "us-east-1",
        Some("EU") => "eu-west-1",
        Some(region) => region,
    }
    .to_owned()
}

fn tags(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

macro_rules! documents {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),+ $(,)? })+) => {$(
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct $name { $($(#[$attribute])* $field: $type),+ }
    )+};
}

documents! {
    Tag { key: String, value: String }
    TagSet { tag_set: Vec<Tag> }
    Buckets { buckets: Vec<Bucket> }
    Bucket { name: String }
    Head { bucket_region: Option<String> }
    Location { location_constraint: Option<String> }
    PublicAccess { public_access_block_configuration: super::PublicAccessBlock }
    Ownership { ownership_controls: OwnershipRules }
    OwnershipRules { rules: Vec<OwnershipRule> }
    OwnershipRule { object_ownership: String }
    Lifecycle { rules: Vec<Value> }
    Versioning { status: String }
    Users { user: CliUser }
    CliUser { user_name: String, path: String, #[serde(default)] tags: Vec<Tag> }
    Roles { role: CliRole }
    CliRole { role_name: String, path: String, #[serde(default)] tags: Vec<Tag> }
    Profiles { instance_profile: CliProfile }
    CliProfile { instance_profile_name: String, roles: Vec<ProfileRole> }
    ProfileRole { role_name: String }
    CliPolicy {
        user_name: Option<String>,
        role_name: Option<String>,
        policy_name: String,
        policy_document: Value,
    }
    Keys { access_key_metadata: Vec<CliKey> }
    CliKey { user_name: String, access_key_id: String, status: String, create_date: Option<String> }
    HostedZones { hosted_zones: Vec<CliZone> }
    CliZone { id: String, name: String, config: Option<ZoneConfig> }
    ZoneConfig { #[serde(default)] private_zone: bool }
    HealthChecks { health_checks: Vec<CliHealthCheck> }
    CliHealthCheck { id: String, caller_reference: String, health_check_config: Value }
}

impl From<CliZone> for HostedZone {
    fn from(zone: CliZone) -> Self {
        let private = zone.config.is_some_and(|config| config.private_zone);
        Self { private, ..Self::public(&zone.id, &zone.name) }
    }
}

impl CliHealthCheck {
    fn state(self) -> HealthCheckState {
        let config = serde_json::from_value(self.health_check_config).ok();
        HealthCheckState { id: self.id, caller_reference: self.caller_reference, config }
    }
}
