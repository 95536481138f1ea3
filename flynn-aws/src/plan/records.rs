//! The state and the changes of records and health checks in Route53.

use serde::{Deserialize, Serialize};

use super::bucket::not_observed;
use super::command::{aws, quote};
use super::{Observed, Plan};
use crate::dns::{
    ChangeAction, ChangeBatch, DnsPlan, Domain, HealthCheck, HealthCheckConfig, Zone,
};
use crate::spec::ZoneId;
use crate::{ClusterSpec, Finding};

/// An observed hosted zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostedZone {
    /// The id, without `/hostedzone/`.
    pub id: String,
    /// The name, with or without a final dot.
    pub name: String,
    /// True if it is visible only in a VPC.
    #[serde(default)]
    pub private: bool,
}

impl HostedZone {
    /// Describes a public hosted zone.
    pub fn public(id: &str, name: &str) -> Self {
        let id = id.strip_prefix("/hostedzone/").unwrap_or(id).to_owned();
        Self { id, name: name.to_owned(), private: false }
    }

    /// Returns the public zones whose name is the domain or one of its parents, longest name first.
    pub(crate) fn candidates<'a>(zones: &'a [Self], domain: &Domain) -> Vec<&'a Self> {
        let holds = |zone: &Self| {
            let name = zone.name.trim_end_matches('.').to_ascii_lowercase();
            let rest = domain.as_str().strip_suffix(&name);
            !name.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let mut found: Vec<&Self> =
            zones.iter().filter(|zone| !zone.private && holds(zone)).collect();
        found.sort_by_key(|zone| std::cmp::Reverse(zone.name.trim_end_matches('.').len()));
        found
    }
}

/// The observed hosted zone of the domain, with its records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ZoneState {
    /// The hosted zones of the account, or the one that holds the domain.
    pub zones: Vec<HostedZone>,
    /// The records of the zone that holds the domain; `None` if they were not read.
    pub records: Option<Zone>,
}

/// An observed health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HealthCheckState {
    /// The id.
    pub id: String,
    /// The caller reference that it was created with.
    pub caller_reference: String,
    /// The settings; `None` for a kind of check that this crate does not create.
    pub config: Option<HealthCheckConfig>,
}

impl HealthCheckState {
    /// Creates the state of a health check.
    pub fn new(id: &str, caller_reference: &str, config: Option<HealthCheckConfig>) -> Self {
        Self { id: id.to_owned(), caller_reference: caller_reference.to_owned(), config }
    }
}

/// A change of records or health checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Route53Action {
    /// Creates a health check.
    CreateHealthCheck {
        /// The check.
        check: HealthCheck,
    },
    /// Deletes the health check with this caller reference.
    DeleteHealthCheck {
        /// The reference.
        caller_reference: String,
    },
    /// Changes records atomically.
    ///
    /// A health check that does not exist yet has the id `caller-reference:<reference>`. Replace it before you send
    /// the batch ([`Route53Action::references`]).
    ChangeRecords {
        /// The hosted zone, if known.
        zone: Option<ZoneId>,
        /// The changes.
        batch: ChangeBatch,
    },
}

/// The zone in a command if the zone is not known. The shell asks for the variable.
const UNKNOWN_ZONE: &str = "\"${ZONE_ID:?set it to the id of the hosted zone}\"";
/// The prefix of a placeholder for the id of a health check that does not exist yet.
const REFERENCE: &str = "caller-reference:";

impl Route53Action {
    /// Returns the caller references that stand for health checks in a batch.
    pub fn references(batch: &ChangeBatch) -> impl Iterator<Item = &str> {
        let sets = batch.changes.iter().map(|change| &change.resource_record_set);
        sets.filter_map(|set| set.health_check_id.as_deref()?.strip_prefix(REFERENCE))
    }

    /// Returns the batch with ids instead of caller references. A deletion whose reference has no id is left out, since
    /// such a record cannot exist.
    ///
    /// # Errors
    /// Returns the reference for which `id_of` has no id.
    pub fn resolve(
        batch: ChangeBatch,
        id_of: impl Fn(&str) -> Option<String>,
    ) -> Result<ChangeBatch, String> {
        let mut changes = Vec::new();
        for mut change in batch.changes {
            let id = &mut change.resource_record_set.health_check_id;
            if let Some(reference) = id.as_deref().and_then(|id| id.strip_prefix(REFERENCE)) {
                match id_of(reference) {
                    Some(found) => *id = Some(found),
                    None if change.action == ChangeAction::Delete => continue,
                    None => return Err(reference.to_owned()),
                }
            }
            changes.push(change);
        }
        Ok(ChangeBatch { changes, ..batch })
    }

    pub(super) fn sentence(&self) -> String {
        match self {
            Self::CreateHealthCheck { check } => {
                format!("create the health check of {}", check.health_check_config.ip_address)
            }
            Self::DeleteHealthCheck { caller_reference } => {
                format!("delete the health check {caller_reference}")
            }
            Self::ChangeRecords { batch, .. } => {
                let sets: Vec<String> = batch
                    .changes
                    .iter()
                    .map(|change| {
                        let action = match change.action {
                            ChangeAction::Create => "create",
                            ChangeAction::Delete => "delete",
                            ChangeAction::Upsert => "set",
                        };
                        format!("{action} {}", crate::dns::describe(&change.resource_record_set))
                    })
                    .collect();
                format!("change the records together: {}", sets.join("; "))
            }
        }
    }

    pub(super) fn command(&self) -> String {
        match self {
            Self::CreateHealthCheck { check } => check.to_command(),
            Self::DeleteHealthCheck { caller_reference } => format!(
                "aws route53 delete-health-check --health-check-id {}",
                id_of_reference(caller_reference)
            ),
            Self::ChangeRecords { zone, batch } => {
                let zone = zone.as_ref().map_or(UNKNOWN_ZONE, ZoneId::as_str);
                // The ids come from commands that are substituted inside the document's quotes.
                let document = serde_json::to_string(batch).unwrap_or_default();
                let mut argument = quote(&document);
                for reference in Self::references(batch) {
                    let id = format!("'{}'", id_of_reference(reference));
                    argument = argument.replace(&format!("{REFERENCE}{reference}"), &id);
                }
                format!(
                    "aws route53 wait resource-record-sets-changed --id \"$(aws route53 \
                     change-resource-record-sets --hosted-zone-id {zone} --change-batch {argument} --query \
                     ChangeInfo.Id --output text)\""
                )
            }
        }
    }

    pub(super) fn permissions(&self, partition: &str) -> (&'static [&'static str], String) {
        match self {
            Self::CreateHealthCheck { .. } => (&["route53:CreateHealthCheck"], "*".to_owned()),
            Self::DeleteHealthCheck { .. } => (&["route53:DeleteHealthCheck"], "*".to_owned()),
            Self::ChangeRecords { zone, .. } => (
                &["route53:ChangeResourceRecordSets"],
                format!(
                    "arn:{partition}:route53:::hostedzone/{}",
                    zone.as_ref().map_or("*", ZoneId::as_str)
                ),
            ),
        }
    }
}

/// Returns a shell expression for the id of a health check.
fn id_of_reference(reference: &str) -> String {
    let query = format!("HealthChecks[?CallerReference=='{reference}'].Id | [0]");
    let list = aws(["route53", "list-health-checks", "--query", &query, "--output", "text"]);
    format!("\"$({list})\"")
}

pub(super) fn plan(spec: &ClusterSpec, observed: &Observed, plan: &mut Plan) {
    let mut dns = spec.dns_plan();
    plan.findings.extend(dns.findings());
    let zone = match zone_of(spec, observed) {
        Ok(zone) => zone,
        Err(finding) => {
            plan.findings.push(finding);
            return;
        }
    };
    let records = observed.zone.as_ref().and_then(|zone| zone.records.clone());
    if zone.is_none() || records.is_none() {
        let command =
            "aws route53 list-hosted-zones, and of list-resource-record-sets for its zone";
        plan.findings.push(not_observed(spec.domain.as_str(), command));
    }
    let checks = observed.health_checks.as_deref();
    if checks.is_none() && !dns.health_checks().is_empty() {
        plan.findings.push(not_observed("health checks", "aws route53 list-health-checks"));
    }
    let checks = checks.unwrap_or_default();
    let used = wanted_checks(&mut dns, &spec.dns.reference_salt, checks, plan);
    let records = records.unwrap_or_default();
    let diff = records.diff(&dns, spec.dns.replace);
    let refused = diff.findings.iter().any(Finding::is_error) && diff.is_empty();
    plan.findings.extend(diff.findings);
    if refused {
        // Without the records, health checks would be useless.
        plan.steps.retain(|step| step.service() != super::Service::Route53);
        return;
    }
    let stale: Vec<(&HealthCheckState, HealthCheck)> = checks
        .iter()
        .filter(|check| !used.contains(&check.id))
        .filter_map(|check| Some((check, again(check, &spec.domain, checks)?)))
        .collect();
    if !diff.batch.changes.is_empty() {
        let mut inverse = diff.inverse;
        for change in &mut inverse.changes {
            // When the deletion is undone, the check gets another id.
            let id = &mut change.resource_record_set.health_check_id;
            if let Some((_, check)) = stale.iter().find(|(old, _)| id.as_ref() == Some(&old.id)) {
                *id = Some(format!("{REFERENCE}{}", check.caller_reference));
            }
        }
        plan.push(
            Route53Action::ChangeRecords { zone: zone.clone(), batch: diff.batch },
            Route53Action::ChangeRecords { zone, batch: inverse },
        );
    }
    for (old, check) in stale {
        let caller_reference = old.caller_reference.clone();
        plan.push(
            Route53Action::DeleteHealthCheck { caller_reference },
            Route53Action::CreateHealthCheck { check },
        );
    }
}

/// Returns the zone that holds the domain; `Ok(None)` if the zones are not known.
fn zone_of(spec: &ClusterSpec, observed: &Observed) -> Result<Option<ZoneId>, Finding> {
    if let Some(id) = &spec.dns.zone_id {
        return Ok(Some(id.clone()));
    }
    let Some(state) = &observed.zone else { return Ok(None) };
    let domain = spec.domain.as_str();
    let candidates = HostedZone::candidates(&state.zones, &spec.domain);
    let Some(first) = candidates.first() else {
        return Err(Finding::error(
            "no-hosted-zone",
            domain,
            "no public hosted zone of this account holds the domain",
            format!(
                "create one (aws route53 create-hosted-zone --name {domain} --caller-reference {domain}) and have the \
                 domain delegated to its name servers, or use the zone lines with your DNS provider"
            ),
        ));
    };
    let same_name = |zone: &&&HostedZone| {
        zone.name.trim_end_matches('.').eq_ignore_ascii_case(first.name.trim_end_matches('.'))
    };
    let same: Vec<&str> =
        candidates.iter().filter(same_name).map(|zone| zone.id.as_str()).collect();
    if same.len() > 1 {
        return Err(Finding::error(
            "several-hosted-zones",
            domain,
            format!("the public zones {} have the same name", same.join(" and ")),
            "set dns.zone_id to the one that the domain is delegated to",
        ));
    }
    Ok(first.id.parse().ok())
}

/// Finds or plans the health check of each node, attaches it to the node's record, and returns the ids found.
fn wanted_checks(
    dns: &mut DnsPlan,
    salt: &str,
    checks: &[HealthCheckState],
    plan: &mut Plan,
) -> Vec<String> {
    let mut used = Vec::new();
    for wanted in dns.health_checks() {
        let node = wanted.health_check_config.ip_address;
        let same = |check: &&HealthCheckState| {
            check
                .config
                .as_ref()
                .is_some_and(|config| config.checks_alike(&wanted.health_check_config))
        };
        if let Some(found) = checks.iter().find(same) {
            dns.mark_health_check(node, found.id.clone());
            used.push(found.id.clone());
        } else {
            let check = unused_reference(&wanted.health_check_config, salt, checks);
            dns.mark_health_check(node, format!("{REFERENCE}{}", check.caller_reference));
            let caller_reference = check.caller_reference.clone();
            plan.push(
                Route53Action::CreateHealthCheck { check },
                Route53Action::DeleteHealthCheck { caller_reference },
            );
        }
    }
    used
}

/// Returns a check that restores a deleted one; `None` if the check is not this cluster's.
fn again(
    check: &HealthCheckState,
    domain: &Domain,
    checks: &[HealthCheckState],
) -> Option<HealthCheck> {
    let config = check.config.as_ref()?;
    let ours = HealthCheck::is_ours(&check.caller_reference)
        && config.fully_qualified_domain_name == format!("controller.{domain}");
    ours.then(|| unused_reference(config, "again", checks))
}

/// Returns a check with an unused reference. Route53 refuses a known reference with other settings.
fn unused_reference(
    config: &HealthCheckConfig,
    salt: &str,
    checks: &[HealthCheckState],
) -> HealthCheck {
    let taken = |check: &HealthCheck| {
        checks.iter().any(|known| known.caller_reference == check.caller_reference)
    };
    let mut check = HealthCheck::with_salt(config.clone(), salt);
    for round in 0..=checks.len() {
        if !taken(&check) {
            break;
        }
        check = HealthCheck::with_salt(config.clone(), &format!("{salt}{round}"));
    }
    check
}
