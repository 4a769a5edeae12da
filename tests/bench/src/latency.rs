//! Collects latencies: every one is kept, so that a percentile is one that happened.

use std::time::Duration;

/// Latencies of one run.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one; kept in microseconds.
    pub fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Latencies) {
        self.0.extend_from_slice(&other.0);
    }

    /// Counts them.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns percentiles in milliseconds; zeroes when there is nothing.
    pub fn percentiles<const N: usize>(&mut self, wanted: [f64; N]) -> [f64; N] {
        self.0.sort_unstable();
        wanted.map(|percent| {
            let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
            self.0.get(rank.clamp(1, self.0.len().max(1)) - 1).map_or(0.0, |us| f64::from(*us) / 1000.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentiles([50.0]), [0.0]);
        (1..=200).rev().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert_eq!(latencies.percentiles([50.0, 99.0, 100.0]), [100.0, 198.0, 200.0]);
    }
}
