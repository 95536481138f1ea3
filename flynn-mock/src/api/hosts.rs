//! Hosts, and the usage of hosts and jobs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json as value};

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{Job, JobState, Time};
use crate::wire::Fail;

/// The port of the first host's own API.
const FIRST_PORT: usize = 6320;

/// `GET /hosts`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let hosts = engine.options.hosts.iter().enumerate();
    let hosts: Vec<Value> = hosts
        .map(|(n, id)| {
            let addr = format!("127.0.0.1:{}", FIRST_PORT + n);
            value!({ "id": id, "tags": {}, "addr": addr })
        })
        .collect();
    json(&hosts)
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
                stats.insert(name.to_owned(), text.into());
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
        value!({
            "service": service, "requests": 120, "errors": 1,
            "p50_ms": 3.5, "p95_ms": 12.25, "p99_ms": 40.5,
        })
    });
    json(&metrics.collect::<Vec<_>>())
}

fn running(engine: &Engine) -> impl Iterator<Item = &Job> {
    engine.tables.jobs.iter().filter(|job| job.state == JobState::Up)
}

/// Returns made-up numbers.
fn host_stats(engine: &Engine, host: &str) -> Value {
    let jobs = running(engine).filter(|job| job.host_id == host).count();
    value!({
        "host_id": host, "timestamp": Time::precise(engine.now),
        "cpu_usage_percent": 12.5, "cpu_count": 4,
        "memory_total_bytes": 8_331_399_168_u64, "memory_used_bytes": 3_123_456_000_u64,
        "memory_available_bytes": 5_207_943_168_u64, "memory_free_bytes": 1_207_943_168,
        "memory_cached_bytes": 3_900_000_000_u64, "memory_buffers_bytes": 100_000_000,
        "disk_total_bytes": 50_000_000_000_u64, "disk_used_bytes": 20_000_000_000_u64,
        "disk_free_bytes": 30_000_000_000_u64,
        "network_rx_bytes": 123_456_789, "network_tx_bytes": 98_765_432,
        "network_rx_packets": 1234, "network_tx_packets": 987,
        "load_avg_1": 0.42, "load_avg_5": 0.33, "load_avg_15": 0.21,
        "uptime_seconds": 86400.25, "running_jobs_count": jobs, "total_jobs_count": jobs,
    })
}

/// Returns invented numbers. Contains the CPU usage from the second measurement on.
fn job_stats(engine: &Engine, job: &Job) -> Map<String, Value> {
    let stats = value!({
        "job_id": job.id, "timestamp": Time::precise(engine.now),
        "cpu_usage_nanoseconds": 123_456_789, "cpu_usage_percent": 1.5,
        "cpu_throttled_periods": 1, "cpu_throttled_time_ns": 1000,
        "memory_usage_bytes": 20_971_520, "memory_limit_bytes": 1_073_741_824,
        "memory_max_usage_bytes": 31_457_280, "memory_cache_bytes": 1_048_576,
        "memory_rss_bytes": 19_922_944, "network_rx_bytes": 4096, "network_tx_bytes": 2048,
        "network_rx_packets": 40, "network_tx_packets": 20, "io_read_bytes": 8192,
        "io_write_bytes": 4096, "pids_current": 3, "pids_limit": 0,
    });
    let mut stats = stats.as_object().cloned().unwrap_or_default();
    if !engine.measured.contains(&job.uuid) {
        stats.remove("cpu_usage_percent");
    }
    stats
}
