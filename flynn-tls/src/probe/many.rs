use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use tokio::task::JoinSet;

use super::{Presented, Probe};
use crate::error::{Error, ErrorKind};

/// Runs several probes, at most `limit` at a time. Returns the results in the order of the probes.
///
/// Dropping the future stops all probes.
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
    let mut places = HashMap::new();
    let mut done = BTreeMap::new();
    loop {
        while running.len() < limit.get() {
            let Some((at, probe)) = waiting.next() else { break };
            places.insert(running.spawn(probe.run()).id(), at);
        }
        let (id, result) = match running.join_next_with_id().await {
            Some(Ok(finished)) => finished,
            // A crypto provider of the caller may panic; the probe keeps its place in the results.
            Some(Err(e)) => {
                (e.id(), Err(Error::because(ErrorKind::Handshake, "the probe panicked", e)))
            }
            None => break,
        };
        // Ids are reused once their task is gone.
        done.insert(places.remove(&id), result);
    }
    done.into_values().collect()
}
