//! Whatever the clock does, forth, back, and on while the daemon is down: no instant is early, none comes twice, and none within
//! the reach of catching up is left out.

use std::{collections::BTreeSet, time::Duration};

use tieline_model::{
    EventBody,
    command::ScheduleCreate,
    schedule::{Misfire, RunOutcome, SkipReason},
};
use tieline_tests::{World, notify, schedule};

const SEEDS: u64 = 12;
const STEPS: u64 = 25;
const EVERY_MS: i64 = 7 * 60_000;
const DAY: u64 = 86_400;

/// A small generator, so that a seed is a story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn span(&mut self) -> Duration {
        let longest = match self.below(6) {
            0 => 60,
            1 => 600,
            2 => 7_200,
            3 => DAY,
            4 => 3 * DAY,
            _ => 400 * DAY,
        };
        Duration::from_secs(1 + self.below(longest))
    }
}

#[actix_rt::test]
async fn no_clock_makes_an_instant_early_twice_or_lost() {
    let (mut fired, mut skipped) = (0, 0);
    for seed in 0..SEEDS {
        let (more, others) = story(seed).await;
        fired += more;
        skipped += others;
    }
    assert!(fired > 200 && skipped > 1_000, "{fired} fired, {skipped} skipped");
}

async fn story(seed: u64) -> (usize, usize) {
    let mut dice = Dice(seed);
    let mut world = World::start_with(|config| config.limits.inbox_messages = 1_000_000).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let misfire = match dice.below(3) {
        0 => Misfire::Once,
        1 => Misfire::Skip,
        _ => Misfire::All { max: 17 },
    };
    let create = ScheduleCreate { misfire, ..schedule("every 7m", notify("bob", "tick")) };
    let id = world.schedule(&alice, create).await.schedule.expect("it was made");
    for _ in 0..STEPS {
        match dice.below(5) {
            0 => world.set_back(dice.span()).await,
            1 => world.sleep(dice.span()).await,
            2 => world.restart().await,
            _ => world.advance(dice.span()).await,
        }
    }
    let wanted = |due: Option<i64>| due.is_none_or(|due| due > world.now().0);
    tieline_tests::eventually("all that is due was dealt with", || async {
        let next = world.shown(&alice, id).await.next.first().map(|next| next.at_ms.0);
        wanted(next).then_some(())
    })
    .await;

    let mut runs = world.runs(&alice, id).await;
    runs.reverse();
    let mut messages = BTreeSet::new();
    for run in &runs {
        assert!(run.at_ms >= run.nominal_ms, "seed {seed}: early: {run:?}");
        assert_eq!((run.nominal_ms.0 - start.0) % EVERY_MS, 0, "seed {seed}: {run:?}");
        if let RunOutcome::Fired { message } = run.outcome {
            assert!(
                messages.insert(message.expect("a notify is a message")),
                "seed {seed}: one message for two instants"
            );
        }
    }
    for pair in runs.windows(2) {
        let gap = pair[1].nominal_ms.0 - pair[0].nominal_ms.0;
        let is_old = pair[0].outcome == RunOutcome::Skipped { reason: SkipReason::TooOld };
        assert!(gap == EVERY_MS || gap > 0 && is_old, "seed {seed}: {gap} ms after {:?}", pair[0]);
    }
    let accepted = world.timeline(bob.home).await.into_iter().filter_map(|event| match event.body {
        EventBody::MessageAccepted { message, .. } => Some(message),
        _ => None,
    });
    let accepted: Vec<_> = accepted.collect();
    assert_eq!(accepted.len(), messages.len(), "seed {seed}");
    assert_eq!(accepted.into_iter().collect::<BTreeSet<_>>(), messages, "seed {seed}");
    (messages.len(), runs.len() - messages.len())
}
