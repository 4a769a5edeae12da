//! A random walk: several principals attach, vanish, send, answer, withdraw, acknowledge and refuse while the daemon
//! is killed under them, held against a small model of what each of them was promised.
//!
//! A failure names its seed; `TIELINE_SEED=n` walks that one alone.
#![forbid(unsafe_code)]

mod ledger;

mod walk;

use walk::Walk;

/// Each seed is another walk. More of them find more; these take a few seconds.
const SEEDS: std::ops::Range<u64> = 0..16;
const STEPS: usize = 250;

#[actix_rt::test]
async fn whatever_happens_nothing_accepted_is_lost_repeated_or_reordered() {
    let alone = std::env::var("TIELINE_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seeds = alone.map_or(SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        println!("seed {seed}");
        let mut walk = Walk::start(seed).await;
        for step in 0..STEPS {
            walk.step(step).await;
        }
        walk.settle().await;
        walk.check().await;
    }
}
