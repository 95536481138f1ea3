//! Checks a cluster's hosts as EC2 describes them against its specification.

use std::collections::BTreeSet;

use super::firewall::{Protocol, Rule, Source, check_firewall};
use super::hosts::{Host, check_hosts};
use super::inventory::{Instance, Inventory, Permission, is_world};
use crate::spec::{Access, NodeSpec};
use crate::{ClusterSpec, Finding, Severity};

/// Checks whether the hosts of a cluster match its specification and are fit for Flynn. Reports everything at once.
///
/// Skips checks for which the inventory lacks the data. A [`Severity::Critical`] finding says that internal ports can
/// be reached from outside.
pub fn preflight(spec: &ClusterSpec, inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut members = Vec::new();
    for node in &spec.nodes {
        if let Some(instance) = find(node, inventory, &mut findings) {
            members.push((node, instance));
        }
    }
    let hosts: Vec<Host> = if inventory.instances.is_some() {
        members.iter().map(|(node, instance)| host(node, instance, inventory)).collect()
    } else {
        spec.nodes.iter().map(|node| Host::new(&node.name)).collect()
    };
    findings.extend(check_hosts(&hosts));
    for (node, instance) in &members {
        check_instance(spec, node, instance, &mut findings);
    }
    let vpcs: BTreeSet<&str> =
        members.iter().filter_map(|(_, instance)| instance.vpc_id.as_deref()).collect();
    if vpcs.len() > 1 {
        findings.push(Finding::error(
            "vpcs-differ",
            "hosts",
            format!("they are in {}", vpcs.into_iter().collect::<Vec<_>>().join(" and ")),
            "put all hosts into one VPC: nodes talk by their private addresses",
        ));
    }
    if inventory.knows_groups() && !members.is_empty() {
        check_groups(spec, &members, inventory, &mut findings);
    }
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.to_string()));
    findings
}

/// Finds the instance of a node by its public address.
fn find<'a>(
    node: &NodeSpec,
    inventory: &'a Inventory,
    findings: &mut Vec<Finding>,
) -> Option<&'a Instance> {
    let instances = inventory.instances.as_ref()?;
    let wanted = node.public_ip.ip();
    let mut running = instances.iter().filter(|instance| !instance.is_gone());
    if let Some(found) = running.clone().find(|instance| instance.public_ips().contains(&wanted)) {
        return Some(found);
    }
    let named = running.find(|instance| {
        instance.name() == node.name
            || node.private_ip.is_some_and(|ip| instance.private_ips().contains(&ip))
    });
    let explanation = match named {
        Some(other) => {
            let ips: Vec<String> = other.public_ips().iter().map(ToString::to_string).collect();
            let has = if ips.is_empty() { "no public address".to_owned() } else { ips.join(", ") };
            format!("no instance has the address {wanted}; {} has {has}", other.instance_id)
        }
        None => format!("no instance has the address {wanted}"),
    };
    findings.push(Finding::error(
        "node-not-found",
        &node.name,
        explanation,
        "correct public_ip, or associate the elastic IP with the instance",
    ));
    named
}

fn host(node: &NodeSpec, instance: &Instance, inventory: &Inventory) -> Host {
    let mut host = Host::new(&node.name);
    if let Some(zone) = instance.placement.as_ref().and_then(|p| p.availability_zone.as_deref()) {
        host = host.zone(zone);
    }
    if let Some(instance_type) = &instance.instance_type {
        host = host.instance_type(instance_type);
    }
    if instance
        .architecture
        .as_deref()
        .is_some_and(|architecture| architecture.starts_with("arm64"))
    {
        host = host.arm(true);
    }
    if let Some(volumes) = &inventory.volumes {
        // Flynn's storage pool is on the largest disk: a separate disk, or the root disk.
        let of_instance = instance.block_device_mappings.iter().filter_map(|m| m.ebs.as_ref());
        let sizes = of_instance.filter_map(|ebs| {
            volumes
                .iter()
                .find(|volume| volume.volume_id == ebs.volume_id)
                .map(|volume| volume.size)
        });
        if let Some(size) = sizes.max() {
            host = host.disk(size << 30);
        }
    }
    if let Some(addresses) = &inventory.addresses {
        let ip = Some(node.public_ip.ip());
        host = host.elastic_ip(addresses.iter().any(|address| address.public_ip == ip));
    }
    host
}

fn check_instance(
    spec: &ClusterSpec,
    node: &NodeSpec,
    instance: &Instance,
    findings: &mut Vec<Finding>,
) {
    let name = &node.name;
    let state = instance.state.as_ref().map_or("running", |state| state.name.as_str());
    if state != "running" {
        findings.push(Finding::error(
            "not-running",
            name,
            format!("the instance {} is {}", instance.instance_id, state.escape_debug()),
            "start it",
        ));
    }
    let private = instance.private_ips();
    if let Some(ip) = node.private_ip.filter(|ip| !private.is_empty() && !private.contains(ip)) {
        let has: Vec<String> = private.iter().map(ToString::to_string).collect();
        findings.push(Finding::error(
            "private-ip-differs",
            name,
            format!("the specification says {ip}, the instance has {}", has.join(", ")),
            "correct private_ip: nodes find each other by it",
        ));
    }
    let role = spec.blobstore.as_ref().is_some_and(|blobstore| blobstore.access == Access::Ec2Role);
    if !role {
        return;
    }
    let options = instance.metadata_options.as_ref();
    let required = options.is_some_and(|o| o.http_tokens.as_deref() == Some("required"));
    let disabled = options.is_some_and(|o| o.http_endpoint.as_deref() == Some("disabled"));
    if required || disabled {
        let why = if disabled { "HttpEndpoint=disabled" } else { "HttpTokens=required" };
        findings.push(Finding::error(
            "imdsv2-required",
            name,
            format!(
                "the instance has {why}, but Flynn's S3 client gets the role's credentials through IMDSv1 only"
            ),
            format!(
                "run aws ec2 modify-instance-metadata-options --instance-id {} --http-endpoint enabled --http-tokens \
                 optional, or use an access key",
                instance.instance_id
            ),
        ));
    }
    let identity = spec.identity();
    let profile = instance.iam_instance_profile.as_ref();
    let profile = profile.and_then(|profile| profile.arn.rsplit_once('/')).map(|(_, name)| name);
    if profile != Some(identity.as_str()) {
        let has = profile.map_or("no instance profile".to_owned(), |name| {
            format!("the instance profile {}", name.escape_debug())
        });
        findings.push(Finding::error(
            "instance-profile",
            name,
            format!("the instance has {has}, so the blobstore gets no credentials for the bucket"),
            format!(
                "run aws ec2 associate-iam-instance-profile --instance-id {} --iam-instance-profile Name={identity}",
                instance.instance_id
            ),
        ));
    }
}

/// Checks what can reach each node, by the groups of its instance.
fn check_groups(
    spec: &ClusterSpec,
    members: &[(&NodeSpec, &Instance)],
    inventory: &Inventory,
    findings: &mut Vec<Finding>,
) {
    let mut common: BTreeSet<&str> = members
        .first()
        .map(|(_, instance)| instance.group_ids().into_iter().collect())
        .unwrap_or_default();
    for (_, instance) in members {
        let own: BTreeSet<&str> = instance.group_ids().into_iter().collect();
        common = &common & &own;
    }
    let services = spec.network.as_ref().map(|network| network.services.as_slice());
    let services = services.unwrap_or_default();
    let is_service = |id: &str| {
        let name = inventory.group_by_id(id).map(|group| group.group_name.as_str());
        services.iter().any(|service| Some(service.as_str()) == name)
    };
    for (node, instance) in members {
        let mut rules = Vec::new();
        for id in instance.group_ids() {
            let Some(group) = inventory.group_by_id(id) else {
                findings.push(Finding::warning(
                    "unknown-group",
                    &node.name,
                    format!("its security group {id} is not in the documents, so its rules are not checked"),
                    "pass the output of aws ec2 describe-security-groups for all groups",
                ));
                continue;
            };
            for permission in &group.ip_permissions {
                if !permission.prefix_list_ids.is_empty() {
                    findings.push(Finding::warning(
                        "prefix-list",
                        &node.name,
                        format!(
                            "a rule of {} names a prefix list, which is not checked",
                            group.group_name
                        ),
                        "check whether its ranges may reach the ports",
                    ));
                }
                rules.extend(rules_of(permission, |source| {
                    if common.contains(source) {
                        Source::Cluster
                    } else if is_service(source) {
                        // The guide's way to reach an external service is one group for both.
                        Source::Service
                    } else {
                        Source::Other(source.to_owned())
                    }
                }));
            }
        }
        findings.extend(check_firewall(&rules).into_iter().map(|finding| Finding {
            subject: format!("{}: {}", node.name, finding.subject),
            ..finding
        }));
    }
    strangers(members, &common, inventory, findings);
}

/// Reports other instances in a group that allows all traffic from itself.
fn strangers(
    members: &[(&NodeSpec, &Instance)],
    common: &BTreeSet<&str>,
    inventory: &Inventory,
    findings: &mut Vec<Finding>,
) {
    let trusting = |id: &&&str| {
        inventory.group_by_id(id).is_some_and(|group| {
            let from_itself = |permission: &&Permission| {
                permission
                    .user_id_group_pairs
                    .iter()
                    .any(|pair| pair.group_id.as_deref() == Some(**id))
            };
            group.ip_permissions.iter().any(|permission| from_itself(&permission))
        })
    };
    let trusting: Vec<&&str> = common.iter().filter(trusting).collect();
    let others = inventory.instances.iter().flatten().filter(|instance| {
        !instance.is_gone()
            && !members.iter().any(|(_, member)| member.instance_id == instance.instance_id)
    });
    for other in others {
        let ids = other.group_ids();
        if let Some(group) = trusting.iter().find(|group| ids.contains(**group)) {
            findings.push(Finding::new(
                Severity::Critical,
                "stranger-in-group",
                other.name(),
                format!(
                    "the instance is not a node, but it is in {group}, so it reaches the internal ports of every \
                     node, which are not authenticated"
                ),
                "take it out of the group, or add it to the nodes of the specification",
            ));
        }
    }
}

/// Returns the rules of one permission, one per source.
fn rules_of(permission: &Permission, source_of: impl Fn(&str) -> Source) -> Vec<Rule> {
    // A protocol without ports counts as all traffic, since a cluster does not open one.
    let protocol = permission.protocol().unwrap_or(Protocol::All);
    let ports = permission.ports().unwrap_or(0..=u16::MAX);
    let ranges = permission
        .ranges()
        .map(|range| if is_world(range) { Source::World } else { Source::Other(range.to_owned()) });
    let groups = permission.user_id_group_pairs.iter();
    let groups = groups.map(|pair| source_of(pair.group_id.as_deref().unwrap_or_default()));
    ranges.chain(groups).map(|source| Rule::new(source, protocol, ports.clone())).collect()
}
