//! Hosts, and the usage of hosts and jobs.

use std::collections::BTreeSet;

use serde_json::json as value;

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{Job, JobState, Time};
use crate::wire::{Fail, Fields};

/// The port of the first host's own API.
const FIRST_PORT: usize = 6320;

/// `GET /hosts`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let hosts = engine.options.hosts.iter().enumerate();
    let hosts = hosts.map(|(n, id)| {
        let addr = format!("127.0.0.1:{}", FIRST_PORT + n);
        Fields(vec![("id", id.as_str().into()), ("tags", value!({})), ("addr", addr.into())])
    });
    json(&hosts.collect::<Vec<_>>())
}

/// `GET /hosts/:id/stats`
pub(crate) fn stats(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let host = call.param(0);
    let known = engine.options.hosts.iter().any(|id| id == host) && engine.is_reachable(host);
    if known { json(&host_stats(engine, host)) } else { Err(Fail::unknown()) }
}

/// `GET /cluster/stats`: the stats of the hosts that answer.
pub(crate) fn cluster_stats(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let hosts = engine.options.hosts.iter().filter(|host| engine.is_reachable(host));
    json(&hosts.map(|host| host_stats(engine, host)).collect::<Vec<_>>())
}

/// `GET /cluster/jobs-stats`
pub(crate) fn cluster_jobs_stats(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let mut all = Vec::new();
    let mut measured = Vec::new();
    for host in engine.options.hosts.iter().filter(|host| engine.is_reachable(host)) {
        for job in running(engine).filter(|job| job.host_id == *host) {
            let mut stats = job_stats(engine, job);
            let app = engine.tables.apps.iter().find(|app| app.id == job.app);
            for (name, text) in [
                ("host_id", host.clone()),
                ("app_id", job.app.clone()),
                ("app_name", app.map(|app| app.name.clone()).unwrap_or_default()),
                ("release_id", job.release.clone()),
                ("process_type", job.kind.clone()),
            ] {
                stats.0.push((name, text.into()));
            }
            all.push(stats);
            measured.push(job.uuid.clone());
        }
    }
    engine.measured.extend(measured);
    json(&all)
}

/// `GET /apps/:a/jobs-stats`
pub(crate) fn app_jobs_stats(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let jobs = running(engine).filter(|job| job.app == *app && engine.is_reachable(&job.host_id));
    let jobs: Vec<&Job> = jobs.collect();
    let all: Vec<_> = jobs.iter().map(|job| job_stats(engine, job)).collect();
    let measured: Vec<String> = jobs.iter().map(|job| job.uuid.clone()).collect();
    engine.measured.extend(measured);
    json(&all)
}

/// `GET /cluster/router-metrics`: made-up numbers for each service that has a route.
pub(crate) fn router_metrics(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let routes = engine.tables.routes.iter().filter(|r| !r.deleted && r.kind == "http");
    let services: BTreeSet<&str> = routes.map(|route| route.service.as_str()).collect();
    let metrics = services.into_iter().map(|service| {
        Fields(vec![
            ("service", service.into()),
            ("requests", 120.into()),
            ("errors", 1.into()),
            ("p50_ms", 3.5.into()),
            ("p95_ms", 12.25.into()),
            ("p99_ms", 40.5.into()),
        ])
    });
    json(&metrics.collect::<Vec<_>>())
}

fn running(engine: &Engine) -> impl Iterator<Item = &Job> {
    engine.tables.jobs.iter().filter(|job| job.state == JobState::Up)
}

/// Returns made-up numbers.
fn host_stats(engine: &Engine, host: &str) -> Fields {
    let jobs = running(engine).filter(|job| job.host_id == host).count();
    Fields(vec![
        ("host_id", host.into()),
        ("timestamp", value!(Time::precise(engine.now))),
        ("cpu_usage_percent", 12.5.into()),
        ("cpu_count", 4.into()),
        ("memory_total_bytes", 8_331_399_168_u64.into()),
        ("memory_used_bytes", 3_123_456_000_u64.into()),
        ("memory_available_bytes", 5_207_943_168_u64.into()),
        ("memory_free_bytes", 1_207_943_168.into()),
        ("memory_cached_bytes", 3_900_000_000_u64.into()),
        ("memory_buffers_bytes", 100_000_000.into()),
        ("disk_total_bytes", 50_000_000_000_u64.into()),
        ("disk_used_bytes", 20_000_000_000_u64.into()),
        ("disk_free_bytes", 30_000_000_000_u64.into()),
        ("network_rx_bytes", 123_456_789.into()),
        ("network_tx_bytes", 98_765_432.into()),
        ("network_rx_packets", 1234.into()),
        ("network_tx_packets", 987.into()),
        ("load_avg_1", 0.42.into()),
        ("load_avg_5", 0.33.into()),
        ("load_avg_15", 0.21.into()),
        ("uptime_seconds", 86400.25.into()),
        ("running_jobs_count", jobs.into()),
        ("total_jobs_count", jobs.into()),
    ])
}

/// Returns invented numbers. Contains the CPU usage from the second measurement on.
fn job_stats(engine: &Engine, job: &Job) -> Fields {
    let mut stats = vec![
        ("job_id", job.id.as_str().into()),
        ("timestamp", value!(Time::precise(engine.now))),
        ("cpu_usage_nanoseconds", 123_456_789.into()),
        ("cpu_usage_percent", 1.5.into()),
        ("cpu_throttled_periods", 1.into()),
        ("cpu_throttled_time_ns", 1000.into()),
        ("memory_usage_bytes", 20_971_520.into()),
        ("memory_limit_bytes", 1_073_741_824.into()),
        ("memory_max_usage_bytes", 31_457_280.into()),
        ("memory_cache_bytes", 1_048_576.into()),
        ("memory_rss_bytes", 19_922_944.into()),
        ("network_rx_bytes", 4096.into()),
        ("network_tx_bytes", 2048.into()),
        ("network_rx_packets", 40.into()),
        ("network_tx_packets", 20.into()),
        ("io_read_bytes", 8192.into()),
        ("io_write_bytes", 4096.into()),
        ("pids_current", 3.into()),
        ("pids_limit", 0.into()),
    ];
    if !engine.measured.contains(&job.uuid) {
        stats.retain(|(name, _)| *name != "cpu_usage_percent");
    }
    Fields(stats)
}
