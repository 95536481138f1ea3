//! Observes and changes records and health checks.

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_route53::types::{self, ChangeStatus};
use serde_json::{Map, Value, json};

use aws_sdk_route53::config::AsyncSleep as _;
pub use aws_sdk_route53::{self as sdk, Client};

use super::error::failed;
use super::{Error, ErrorKind, other_service};
use crate::ClusterSpec;
use crate::dns::{
    ChangeAction, ChangeBatch, HealthCheckConfig, ResourceRecord, ResourceRecordSet, Zone,
};
use crate::plan::{Action, HealthCheckState, HostedZone, Observed, Route53Action, Step, ZoneState};

/// Reads the hosted zone of the domain with its records into [`Observed::zone`], and the account's health checks into
/// [`Observed::health_checks`].
///
/// # Errors
/// Returns the error of AWS, such as [`ErrorKind::NotFound`] for a `dns.zone_id` that does not exist. A domain without
/// a hosted zone is not an error; the plan reports it.
pub async fn observe(
    client: &Client,
    spec: &ClusterSpec,
    observed: &mut Observed,
) -> Result<(), Error> {
    let mut state = ZoneState::default();
    let id = if let Some(id) = &spec.dns.zone_id {
        Some(id.to_string())
    } else {
        state.zones = zones(client).await?;
        let candidates = HostedZone::candidates(&state.zones, &spec.domain);
        candidates.first().map(|zone| zone.id.clone())
    };
    if let Some(id) = &id {
        state.records = Some(records(client, id).await?);
    }
    observed.zone = Some(state);
    observed.health_checks = Some(health_checks(client).await?);
    Ok(())
}

async fn zones(client: &Client) -> Result<Vec<HostedZone>, Error> {
    let mut zones = Vec::new();
    let mut marker = None;
    loop {
        let page = client.list_hosted_zones().set_marker(marker).send().await;
        let page = page.map_err(failed("route53:ListHostedZones", "the account"))?;
        for zone in page.hosted_zones() {
            let mut found = HostedZone::public(zone.id(), zone.name());
            found.private = zone.config().is_some_and(types::HostedZoneConfig::private_zone);
            zones.push(found);
        }
        marker = page.next_marker().filter(|_| page.is_truncated()).map(str::to_owned);
        if marker.is_none() {
            return Ok(zones);
        }
    }
}

async fn records(client: &Client, zone: &str) -> Result<Zone, Error> {
    let mut sets = Vec::new();
    let mut next = client.list_resource_record_sets().hosted_zone_id(zone);
    loop {
        let page = next.send().await.map_err(failed("route53:ListResourceRecordSets", zone))?;
        sets.extend(page.resource_record_sets().iter().map(record_set));
        if !page.is_truncated() {
            return Ok(Zone::from_sets(sets));
        }
        next = client
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

async fn health_checks(client: &Client) -> Result<Vec<HealthCheckState>, Error> {
    let mut checks = Vec::new();
    let mut marker = None;
    loop {
        let page = client.list_health_checks().set_marker(marker).send().await;
        let page = page.map_err(failed("route53:ListHealthChecks", "the account"))?;
        for check in page.health_checks() {
            let config = check.health_check_config().and_then(health_check_config);
            checks.push(HealthCheckState::new(check.id(), check.caller_reference(), config));
        }
        marker = page.next_marker().filter(|_| page.is_truncated()).map(str::to_owned);
        if marker.is_none() {
            return Ok(checks);
        }
    }
}

/// Applies one step. After a change of records, waits at most five minutes until every name server has it, using the
/// client's own sleep. A step can be repeated: changes that are already made are not sent again.
///
/// # Errors
/// Returns the error of AWS, such as [`ErrorKind::Conflict`] if the records have changed since the plan was made. Fails
/// with [`ErrorKind::Other`] for a step of another service.
pub async fn apply(client: &Client, step: &Step) -> Result<(), Error> {
    let Action::Route53(action) = &step.action else { return Err(other_service("route53", step)) };
    match action {
        Route53Action::CreateHealthCheck { check } => {
            let config = &check.health_check_config;
            let name = config.ip_address.to_string();
            let config = types::HealthCheckConfig::builder()
                .ip_address(&name)
                .port(config.port.into())
                .r#type(config.r#type.as_str().into())
                .resource_path(&config.resource_path)
                .fully_qualified_domain_name(&config.fully_qualified_domain_name)
                .request_interval(config.request_interval.try_into().unwrap_or(30))
                .failure_threshold(config.failure_threshold.try_into().unwrap_or(3))
                .set_disabled(config.disabled.then_some(true))
                .set_inverted(config.inverted.then_some(true))
                .build()
                .map_err(incomplete("route53:CreateHealthCheck", &name))?;
            let create = client.create_health_check().caller_reference(&check.caller_reference);
            let created = create.health_check_config(config).send().await;
            created.map(drop).map_err(failed("route53:CreateHealthCheck", &name))
        }
        Route53Action::DeleteHealthCheck { caller_reference } => {
            let checks = health_checks(client).await?;
            for check in checks.iter().filter(|c| c.caller_reference == *caller_reference) {
                let deleted = client.delete_health_check().health_check_id(&check.id).send().await;
                match deleted.map_err(failed("route53:DeleteHealthCheck", &check.id)) {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        }
        Route53Action::ChangeRecords { zone, batch } => {
            let call = "route53:ChangeResourceRecordSets";
            let Some(zone) = zone else {
                let why = "the plan does not know the hosted zone";
                return Err(Error::new(ErrorKind::Other, call, "the zone", why)
                    .remedy("observe Route53 and plan again"));
            };
            let batch = resolve(client, batch.clone()).await?;
            let batch = records(client, zone.as_str()).await?.remaining(&batch);
            if batch.changes.is_empty() {
                return Ok(());
            }
            let batch = change_batch(&batch).map_err(|why| {
                Error::new(ErrorKind::Other, call, zone.as_str(), why)
                    .remedy("change the record in the console or with the AWS CLI")
            })?;
            let change = client.change_resource_record_sets().hosted_zone_id(zone.as_str());
            let changed = change.change_batch(batch).send().await;
            let changed = changed.map_err(|error| {
                let refused =
                    error.raw_response().and_then(|answer| refusal(answer.body().bytes()?));
                let error = failed(call, zone.as_str())(error);
                match refused {
                    Some(refused) => error.refused("InvalidChangeBatch", &refused),
                    None => error,
                }
            })?;
            match changed.change_info() {
                Some(info) => wait(client, info.id(), Duration::from_secs(300)).await,
                None => Ok(()),
            }
        }
    }
}

/// Returns the messages of an `InvalidChangeBatch`. It has its own format, which the SDK does not parse.
fn refusal(body: &[u8]) -> Option<String> {
    let (_, rest) = std::str::from_utf8(body).ok()?.split_once("<InvalidChangeBatch")?;
    let messages = rest.split("<Message>").skip(1).filter_map(|part| part.split_once("</Message>"));
    let messages: Vec<&str> = messages.map(|(message, _)| message).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

fn incomplete<E: std::fmt::Display>(call: &'static str, name: &str) -> impl FnOnce(E) -> Error {
    let name = name.to_owned();
    move |error| Error::new(ErrorKind::Other, call, &name, error.to_string())
}

/// Waits until every name server has a change. Asks every four seconds, using the client's own sleep.
///
/// # Errors
/// Fails with [`ErrorKind::Unreachable`] after `limit`. The change was accepted and is still propagating.
pub async fn wait(client: &Client, change: &str, limit: Duration) -> Result<(), Error> {
    const PAUSE: Duration = Duration::from_secs(4);
    let call = "route53:GetChange";
    let mut waited = Duration::ZERO;
    loop {
        let info = client.get_change().id(change).send().await.map_err(failed(call, change))?;
        if info.change_info().is_some_and(|info| *info.status() == ChangeStatus::Insync) {
            return Ok(());
        }
        let Some(sleep) = client.config().sleep_impl().filter(|_| waited < limit) else {
            let why = format!("the change is not INSYNC after {} seconds", waited.as_secs());
            return Err(Error::new(ErrorKind::Unreachable, call, change, why)
                .remedy("wait: the change was accepted and is still propagating"));
        };
        sleep.sleep(PAUSE).await;
        waited += PAUSE;
    }
}

/// Replaces the caller references of a batch by ids.
async fn resolve(client: &Client, batch: ChangeBatch) -> Result<ChangeBatch, Error> {
    if Route53Action::references(&batch).next().is_none() {
        return Ok(batch);
    }
    let checks = health_checks(client).await?;
    let id_of = |reference: &str| {
        checks
            .iter()
            .find(|check| check.caller_reference == reference)
            .map(|check| check.id.clone())
    };
    Route53Action::resolve(batch, id_of).map_err(|reference| {
        Error::new(
            ErrorKind::NotFound,
            "route53:ListHealthChecks",
            &reference,
            "the health check does not exist",
        )
        .remedy("plan again: the health check was deleted in the meantime")
    })
}

fn change_batch(batch: &ChangeBatch) -> Result<types::ChangeBatch, String> {
    let mut changes = Vec::new();
    for change in &batch.changes {
        let action = match change.action {
            ChangeAction::Create => types::ChangeAction::Create,
            ChangeAction::Delete => types::ChangeAction::Delete,
            ChangeAction::Upsert => types::ChangeAction::Upsert,
        };
        let set = sdk_record_set(&change.resource_record_set)?;
        let change = types::Change::builder().action(action).resource_record_set(set).build();
        changes.push(change.map_err(|error| error.to_string())?);
    }
    let batch = types::ChangeBatch::builder().comment(&batch.comment).set_changes(Some(changes));
    batch.build().map_err(|error| error.to_string())
}

fn sdk_record_set(set: &ResourceRecordSet) -> Result<types::ResourceRecordSet, String> {
    let text = |error: aws_smithy_types::error::operation::BuildError| error.to_string();
    let records = set
        .resource_records
        .iter()
        .map(|record| types::ResourceRecord::builder().value(&record.value).build().map_err(text));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let mut alias = None;
    for (field, value) in &set.other {
        if field != "AliasTarget" {
            return Err(format!("a record with {field} cannot be written back"));
        }
        let part = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let target = types::AliasTarget::builder()
            .set_hosted_zone_id(part("HostedZoneId"))
            .set_dns_name(part("DNSName"))
            .set_evaluate_target_health(value.get("EvaluateTargetHealth").and_then(Value::as_bool));
        alias = Some(target.build().map_err(text)?);
    }
    types::ResourceRecordSet::builder()
        .name(&set.name)
        .r#type(set.r#type.as_str().into())
        .set_set_identifier(set.set_identifier.clone())
        .set_weight(set.weight.map(Into::into))
        .set_multi_value_answer(set.multi_value_answer)
        .set_ttl(set.ttl.map(Into::into))
        .set_resource_records((!records.is_empty()).then_some(records))
        .set_health_check_id(set.health_check_id.clone())
        .set_alias_target(alias)
        .build()
        .map_err(text)
}

/// Converts a record set to the form of the AWS CLI. Unknown fields keep their names, so that the plan sees them.
fn record_set(set: &types::ResourceRecordSet) -> ResourceRecordSet {
    let mut other = Map::new();
    let mut keep = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            other.insert(field.to_owned(), value);
        }
    };
    keep(
        "AliasTarget",
        set.alias_target().map(|alias| {
            json!({"HostedZoneId": alias.hosted_zone_id(), "DNSName": alias.dns_name(),
            "EvaluateTargetHealth": alias.evaluate_target_health()})
        }),
    );
    let exists = |there: bool| there.then_some(Value::Bool(true));
    keep("Region", set.region().map(|region| region.as_str().into()));
    keep("Failover", set.failover().map(|failover| failover.as_str().into()));
    keep("GeoLocation", exists(set.geo_location().is_some()));
    keep("TrafficPolicyInstanceId", set.traffic_policy_instance_id().map(Value::from));
    keep("CidrRoutingConfig", exists(set.cidr_routing_config().is_some()));
    keep("GeoProximityLocation", exists(set.geo_proximity_location().is_some()));
    let record =
        |record: &types::ResourceRecord| ResourceRecord { value: record.value().to_owned() };
    ResourceRecordSet {
        name: set.name().to_owned(),
        r#type: set.r#type().as_str().to_owned(),
        set_identifier: set.set_identifier().map(str::to_owned),
        weight: set.weight().and_then(|weight| weight.try_into().ok()),
        multi_value_answer: set.multi_value_answer(),
        ttl: set.ttl().and_then(|ttl| ttl.try_into().ok()),
        resource_records: set.resource_records().iter().map(record).collect(),
        health_check_id: set.health_check_id().map(str::to_owned),
        other,
    }
}

/// Returns `None` for a kind of check that this crate does not create.
fn health_check_config(config: &types::HealthCheckConfig) -> Option<HealthCheckConfig> {
    let known = config.search_string().is_none()
        && config.child_health_checks().is_empty()
        && config.alarm_identifier().is_none();
    let ip_address: IpAddr = config.ip_address()?.parse().ok().filter(|_| known)?;
    Some(HealthCheckConfig {
        ip_address,
        port: config.port()?.try_into().ok()?,
        r#type: config.r#type().as_str().to_owned(),
        resource_path: config.resource_path()?.to_owned(),
        fully_qualified_domain_name: config.fully_qualified_domain_name()?.to_owned(),
        request_interval: config.request_interval().unwrap_or(30).try_into().ok()?,
        failure_threshold: config.failure_threshold().unwrap_or(3).try_into().ok()?,
        disabled: config.disabled().unwrap_or(false),
        inverted: config.inverted().unwrap_or(false),
    })
}
