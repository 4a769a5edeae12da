//! The daemon dies at every named fail point, at several passes, and again while it recovers.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitStatus,
};

use tieline_model::{
    Command, MessageId, Reply,
    ask::AskState,
    command::MessageRef,
    reply::{AskView, Trace},
};
use tokio::time::Instant;

use crate::{
    a_first_start_that_dies::FIRST_START,
    a_job_is_done_once::WORK,
    a_planted_bug_is_found::BUG,
    a_purge_is_finished::PURGE,
    a_schedule_fires_once::FIRE,
    an_ask_is_reminded_of_once::CARE,
    an_import_is_taken_in_once::TAKE_IN,
    built,
    chance::Chance,
    daemon::{Home, was_killed},
    disk::LATER,
    mail_comes_through_a_hook_once::{HAND_OUT, WAKE},
    mesh::Mesh,
    node::{Habits, Node},
    side_by_side_is_told_once::SIDE_BY_SIDE,
    traffic,
};

/// A point that traffic brings the daemon to.
struct Point {
    name: &'static str,
    /// It dies at these passes.
    passes: &'static [u64],
    /// And, right after each of them, at this pass of the daemon that recovers.
    again: u64,
}

/// On the way from a socket to the disk.
const WAY_IN: [Point; 5] = [
    Point { name: "door.received", passes: &[1, 9, 60], again: 5 },
    Point { name: "session.before_writer", passes: &[1, 9, 60], again: 5 },
    Point { name: "store.before_begin", passes: &[1, 9, 60], again: 5 },
    Point { name: "store.before_commit", passes: &[1, 9, 60], again: 5 },
    Point { name: "store.after_commit", passes: &[1, 9, 60], again: 5 },
];
/// On the way from the disk to a socket, and back with the receipt.
const WAY_OUT: [Point; 6] = [
    Point { name: "router.before_reply", passes: &[1, 9, 60], again: 5 },
    Point { name: "router.after_reply", passes: &[1, 9, 60], again: 5 },
    Point { name: "peer.before_hand_over", passes: &[1, 9, 60], again: 5 },
    Point { name: "peer.after_hand_over", passes: &[1, 9, 60], again: 5 },
    Point { name: "receipt.before", passes: &[1, 9, 60], again: 5 },
    Point { name: "link.lost", passes: &[1, 3], again: 1 },
];
/// While the log is copied back into the database.
const CHECKPOINT: [Point; 2] = [
    Point { name: "store.before_checkpoint", passes: &[1], again: 1 },
    Point { name: "store.after_checkpoint", passes: &[1], again: 1 },
];
/// At every start.
const START: [&str; 4] = ["store.before_identity", "store.before_migrations", "store.opened", "serve.before_listening"];
/// After SIGTERM.
const STOP: [&str; 4] = ["serve.draining", "serve.drained", "store.before_checkpoint", "store.after_checkpoint"];

/// The smallest log that may be: it is copied back by force while the traffic runs.
const SMALL_LOG: (&str, &str) = ("TIELINE_STORE__WAL_LIMIT_MIB", "4");
/// How many messages each of four nodes sends for one death.
const MESSAGES: u64 = 125;
/// The same for a death while the log is copied back: it has to grow first.
const MANY: u64 = 250;

#[test]
fn every_fail_point_of_the_sources_is_covered() {
    let points = WAY_IN.iter().chain(&WAY_OUT).chain(&CHECKPOINT).map(|point| point.name);
    let covered = points
        .chain(START)
        .chain(STOP)
        .chain(FIRST_START)
        .chain(FIRE)
        .chain(CARE)
        .chain(TAKE_IN)
        .chain(WORK)
        .chain(HAND_OUT)
        .chain(WAKE)
        .chain(PURGE)
        .chain(SIDE_BY_SIDE)
        .chain([BUG])
        .map(str::to_owned);
    assert_eq!(built::fail_points(), covered.collect::<BTreeSet<_>>(), "left: the sources; right: these tests");
}

#[tokio::test]
async fn deaths_on_the_way_in() {
    let mut test = Test::start("way in", &[]).await;
    for point in &WAY_IN {
        test.die_at(point, MESSAGES).await;
    }
    test.finish().await;
}

#[tokio::test]
async fn deaths_on_the_way_out() {
    let mut test = Test::start("way out", &[]).await;
    for point in &WAY_OUT {
        test.die_at(point, MESSAGES).await;
    }
    test.finish().await;
}

#[tokio::test]
async fn deaths_while_the_log_is_copied_back() {
    for settings in [&[][..], &[SMALL_LOG]] {
        let mut test = Test::start("log", settings).await;
        for point in &CHECKPOINT {
            test.die_at(point, MANY).await;
        }
        test.finish().await;
    }
}

#[tokio::test]
async fn deaths_while_it_starts_and_while_it_stops() {
    let mut test = Test::start("start and stop", &[]).await;
    for name in START {
        test.die_starting(name).await;
    }
    for name in STOP {
        test.die_stopping(name).await;
    }
    test.finish().await;
}

struct Test {
    mesh: Mesh,
    chance: Chance,
    deaths: u64,
    started: Instant,
}

impl Test {
    async fn start(name: &str, settings: &[(&'static str, &'static str)]) -> Self {
        let mut chance = Chance::from_env(name.len() as u64);
        let habits = Habits {
            dies_before_commit: 150,
            dies_after_commit: 100,
            dies_with_answer: 150,
            forgets: 50,
            hides_cursors: 3,
            ..Habits::careful(4)
        };
        let nodes = ["n1", "n2", "n3", "n4"].map(|title| (title, habits));
        let mesh = Mesh::start(Home::new(settings), built::daemon_with_fail_points(), &nodes, &mut chance).await;
        Self { mesh, chance, deaths: 0, started: Instant::now() }
    }

    /// Dies at each pass of a point, with traffic before, meanwhile and after.
    async fn die_at(&mut self, point: &Point, messages: u64) {
        let Point { name, passes, again } = point;
        for pass in *passes {
            let before = self.mesh.answered();
            let up = self.mesh.up_after_kill(Some(&format!("{name}={pass}"))).await;
            traffic::mixed(&self.mesh, &format!("{name} {pass}"), messages * 4 / 5, &mut self.chance);
            self.dies(up, name).await;
            let between = self.mesh.answered() - before;
            traffic::mixed(&self.mesh, &format!("{name} {pass} again"), messages / 5, &mut self.chance);
            let up = self.mesh.up(Some(&format!("{name}={again}"))).await;
            self.dies(up, name).await;
            println!("{name}: died at pass {pass} after {between} answers, and again at pass {again}");
            self.recover().await;
        }
        self.mesh.assert_sound(name).await;
    }

    /// Dies before it listens, twice, with traffic waiting.
    async fn die_starting(&mut self, name: &str) {
        self.mesh.kill().await;
        traffic::mixed(&self.mesh, name, MESSAGES, &mut self.chance);
        for _ in 0..2 {
            let status = self.mesh.up(Some(&format!("{name}=1"))).await.expect_err("it should not get to listening");
            self.died(status, name);
        }
        self.recover().await;
        self.mesh.assert_sound(name).await;
    }

    /// Dies while it drains, with traffic running.
    async fn die_stopping(&mut self, name: &str) {
        self.mesh.up_after_kill(Some(&format!("{name}=1"))).await.expect("it dies only when it stops");
        traffic::mixed(&self.mesh, name, MESSAGES, &mut self.chance);
        let enough = self.mesh.answered() + 50;
        self.mesh.until("the traffic runs", |mesh| mesh.answered() >= enough).await;
        let (status, _) = self.mesh.terminate().await;
        self.died(status, name);
        self.recover().await;
        self.mesh.assert_sound(name).await;
    }

    async fn dies(&mut self, up: Result<(), ExitStatus>, name: &str) {
        let status = match up {
            Ok(()) => self.mesh.died().await,
            Err(status) => status,
        };
        self.died(status, name);
    }

    /// The point was reached: nobody else sends SIGKILL here.
    fn died(&mut self, status: ExitStatus, name: &str) {
        assert!(was_killed(status), "{name}: {status}\n{}", self.mesh.home.log());
        self.deaths += 1;
    }

    async fn recover(&mut self) {
        self.mesh.up(None).await.expect("a restart to which nothing happens");
        self.mesh.settle().await;
    }

    /// The asks that were put off are open still; now they are answered.
    async fn finish(self) {
        let open = self.asks(|text| text.starts_with(LATER));
        assert!(!open.is_empty(), "some asks were to stay open");
        for (ask, node) in &open {
            assert_eq!(self.ask_state(node, *ask).await.state, AskState::Open, "{ask}");
        }
        for node in &self.mesh.nodes {
            node.disk().answer_owed(&node.title);
            node.wake();
        }
        self.mesh.settle().await;
        self.mesh.replay(1).await;
        self.mesh.assert_sound("in the end").await;
        let answers = self.answers();
        let asks = self.asks(|_| true);
        for (ask, node) in &asks {
            let view = self.ask_state(node, *ask).await;
            assert_eq!(view.state, AskState::Answered, "{ask}");
            assert_eq!(view.answer.as_ref(), answers.get(ask), "{ask} has the answer that its asker saw");
        }
        println!(
            "{} deaths, {} messages, {} asks answered, {} of them open over deaths, in {:.1} s; {:?}",
            self.deaths,
            self.mesh.answered(),
            asks.len(),
            open.len(),
            self.started.elapsed().as_secs_f64(),
            self.mesh.figures()
        );
    }

    /// Returns the asks that were accepted, with their askers.
    fn asks(&self, is_meant: impl Fn(&str) -> bool) -> BTreeMap<MessageId, &Node> {
        let mut asks = BTreeMap::new();
        for node in &self.mesh.nodes {
            let disk = node.disk();
            let keys: BTreeSet<&str> = disk
                .answered
                .iter()
                .filter(|sent| matches!(&sent.command, Command::Ask(ask) if is_meant(&ask.text)))
                .map(|sent| sent.key.as_str())
                .collect();
            for answer in disk.answers.iter().filter(|answer| keys.contains(answer.key.as_str())) {
                let Reply::Accepted(accepted) = &answer.reply else { panic!("{answer:?} to an ask") };
                asks.insert(accepted.message, &**node);
            }
        }
        asks
    }

    /// Returns the answers that were seen, by their asks. A second one to the same ask, or a late one, fails.
    fn answers(&self) -> BTreeMap<MessageId, MessageId> {
        let mut answers = BTreeMap::new();
        for node in &self.mesh.nodes {
            for seen in &node.disk().visible {
                let message = &seen.message;
                if message.kind != tieline_model::MessageKind::Ack {
                    continue;
                }
                assert!(!message.late, "{message:?}");
                let ask = message.thread.expect("an answer belongs to an ask");
                assert_eq!(answers.insert(ask, message.id), None, "a second answer: {message:?}");
            }
        }
        answers
    }

    async fn ask_state(&self, asker: &Node, message: MessageId) -> AskView {
        match self.mesh.command(asker, &Command::Trace(MessageRef { message })).await {
            Ok(Reply::Trace(Trace { ask: Some(ask), .. })) => ask,
            other => panic!("the trace of {message}: {other:?}"),
        }
    }
}
