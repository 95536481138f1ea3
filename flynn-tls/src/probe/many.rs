use std::num::NonZeroUsize;

use tokio::task::JoinSet;

use super::{Presented, Probe};
use crate::error::{Error, ErrorKind};

/// Runs several probes, at most `limit` at a time, and answers in their order.
///
/// Dropping the future stops them all.
///
/// ```no_run
/// # async fn f(nodes: Vec<std::net::IpAddr>) {
/// use std::num::NonZeroUsize;
///
/// use flynn_tls::{Probe, probe_many};
///
/// // Does every node of the cluster present the same certificate?
/// let probes = nodes.iter().map(|ip| Probe::new("example.com", 443).connect_to((*ip, 443)));
/// for (ip, presented) in nodes.iter().zip(probe_many(probes, NonZeroUsize::MIN).await) {
///     match presented {
///         Ok(presented) => println!("{ip}: {}", presented.pin()),
///         Err(e) => println!("{ip}: {e}"),
///     }
/// }
/// # }
/// ```
pub async fn probe_many(
    probes: impl IntoIterator<Item = Probe>,
    limit: NonZeroUsize,
) -> Vec<Result<Presented, Error>> {
    let mut waiting = probes.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < limit.get() {
            let Some((at, probe)) = waiting.next() else { break };
            running.spawn(async move { (at, probe.run().await) });
        }
        match running.join_next().await {
            Some(Ok(result)) => done.push(result),
            // A probe neither panics nor is it cancelled; if one did, it must not be lost.
            Some(Err(e)) => done.push((
                usize::MAX,
                Err(Error::because(ErrorKind::Handshake, "a probe was broken off", e)),
            )),
            None => break,
        }
    }
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
