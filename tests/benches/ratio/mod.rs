//! Compares two implementations in one run.

use std::time::Duration;

/// The times of both sides per round. Each round runs both in turn, so that other load on the machine affects both.
#[derive(Default)]
pub(crate) struct Rounds(Vec<(Duration, Duration)>);

impl Rounds {
    /// Adds a round.
    pub(crate) fn add(&mut self, ours: Duration, theirs: Duration) {
        self.0.push((ours, theirs));
    }

    /// Prints the median of the rounds' ratios.
    pub(crate) fn print(mut self, workload: &str) {
        let ratio =
            |(ours, theirs): &(Duration, Duration)| ours.as_secs_f64() / theirs.as_secs_f64();
        self.0.sort_unstable_by(|one, other| ratio(one).total_cmp(&ratio(other)));
        let Some(median) = self.0.get(self.0.len() / 2) else { return };
        println!("{workload}: {:.2}", ratio(median));
        eprintln!("    ours {:?}, theirs {:?}", median.0, median.1);
    }
}

/// CPU time of this process so far.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
