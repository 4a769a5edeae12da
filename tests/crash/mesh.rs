//! A daemon that dies and comes back on the same home, and the nodes that live through it.

use std::{net::SocketAddr, path::PathBuf, process::ExitStatus, sync::Arc, time::Duration};

use serde_json::json;
use tieline_model::{
    Address, Command, Lane, Outcome, PrincipalKind, Reply,
    command::{Inbox, SessionRef, TokenCreate},
    message::PerLane,
    reply::{InboxPage, TokenCreated},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    chance::Chance,
    checker,
    daemon::{Daemon, Home},
    disk::Figures,
    history::{Answer, Party, Stored},
    node::{Habits, Node},
    wire::Wire,
};

/// How long the mesh may make no progress at all, with a daemon that lives.
const STILL_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// How many rows are read at a time.
const PAGE: u32 = 200;

/// The daemon's home, the daemon if it runs, the nodes.
pub struct Mesh {
    /// Where everything lies.
    pub home: Home,
    /// Everybody.
    pub nodes: Vec<Arc<Node>>,
    /// How often the daemon died.
    pub deaths: u64,
    binary: PathBuf,
    daemon: Option<Daemon>,
    address: watch::Sender<Option<SocketAddr>>,
    lives: JoinSet<()>,
}

impl Mesh {
    /// Starts a daemon that nothing happens to on an empty home, and makes a node for each name.
    pub async fn start(home: Home, binary: PathBuf, nodes: &[(&str, Habits)], chance: &mut Chance) -> Self {
        let mut mesh = Self {
            home,
            nodes: Vec::new(),
            deaths: 0,
            binary,
            daemon: None,
            address: watch::Sender::new(None),
            lives: JoinSet::new(),
        };
        mesh.up(None).await.expect("a first start to which nothing happens");
        let human = mesh.home.token("human");
        for (title, habits) in nodes {
            let create = TokenCreate {
                name: (*title).to_owned(),
                kind: PrincipalKind::Agent,
                scopes: None,
                circles: None,
                expires_in_ms: None,
            };
            let reply = ask(mesh.address(), &human, None, &Command::TokenCreate(create)).await;
            let Ok(Reply::TokenCreated(TokenCreated { principal, secret, .. })) = reply else {
                panic!("no token for `{title}`: {reply:?}")
            };
            let node = Arc::new(Node::new(title, principal.home, secret, *habits));
            mesh.lives.spawn(Arc::clone(&node).live(mesh.address.subscribe(), chance.fork()));
            mesh.nodes.push(node);
        }
        mesh
    }

    /// Starts the daemon with these fail points armed, or tells its end when it died before it listened.
    pub async fn up(&mut self, fail_points: Option<&str>) -> Result<(), ExitStatus> {
        let daemon = self.home.spawn(&self.binary, fail_points).listening().await.inspect_err(|_| self.deaths += 1)?;
        self.address.send_replace(Some(daemon.address));
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Starts the daemon and kills it so long after, whether it listens or not.
    pub async fn up_and_kill(&mut self, after: Duration) {
        let starting = self.home.spawn(&self.binary, None);
        sleep(after).await;
        starting.kill().await;
        self.deaths += 1;
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.address.send_replace(None);
        self.daemon.take().expect("a daemon to kill").kill().await;
        self.deaths += 1;
    }

    /// Kills the daemon and starts it again with these fail points armed.
    pub async fn up_after_kill(&mut self, fail_points: Option<&str>) -> Result<(), ExitStatus> {
        self.kill().await;
        self.up(fail_points).await
    }

    /// SIGTERM, and how it ended after how long.
    pub async fn terminate(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        let mut daemon = self.daemon.take().expect("a daemon to stop");
        daemon.terminate();
        let status = daemon.ended().await;
        self.address.send_replace(None);
        (status, started.elapsed())
    }

    /// Waits for the daemon's own death.
    pub async fn died(&mut self) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("a daemon that may die");
        let status = tokio::select! {
            status = daemon.ended() => status,
            why = self.stands_still() => panic!("the daemon should have died: {why}"),
        };
        self.address.send_replace(None);
        self.deaths += 1;
        status
    }

    /// Puts commands into a node's outbox.
    pub fn issue(&self, node: usize, commands: impl IntoIterator<Item = Command>) {
        let node = &self.nodes[node];
        {
            let mut disk = node.disk();
            for command in commands {
                disk.issue(&node.title, command);
            }
        }
        node.wake();
    }

    /// Counts the commands that were answered.
    pub fn answered(&self) -> usize {
        self.nodes.iter().map(|node| node.disk().answered.len()).sum()
    }

    /// Tells whether every command was answered.
    pub fn is_all_answered(&self) -> bool {
        self.nodes.iter().all(|node| node.disk().outbox.is_empty())
    }

    /// Adds up what the nodes went through.
    pub fn figures(&self) -> Figures {
        let mut sum = Figures::default();
        for node in &self.nodes {
            sum += node.disk().figures;
        }
        sum
    }

    /// Waits until `look` says so, as long as there is progress.
    pub async fn until(&self, what: &str, look: impl Fn(&Self) -> bool) {
        tokio::select! {
            () = async { while !look(self) { sleep(PAUSE).await } } => {}
            why = self.stands_still() => panic!("waited in vain until {what}: {why}"),
        }
    }

    /// Waits until everything is answered, everything is visible, and the daemon knows it.
    pub async fn settle(&self) {
        let settled = async {
            while !self.is_settled().await {
                sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = settled => {}
            why = self.stands_still() => panic!("the mesh does not come to rest: {why}"),
        }
    }

    async fn is_settled(&self) -> bool {
        let before = self.answered();
        for node in &self.nodes {
            if !self.is_all_answered() {
                return false;
            }
            let page = self.inbox(node, None, None).await;
            if page.heads != page.delivered || page.heads != node.disk().cursors {
                return false;
            }
        }
        self.is_all_answered() && self.answered() == before
    }

    /// Ends when nothing has moved for too long, or when something happened that must not; tells what.
    async fn stands_still(&self) -> String {
        let (mut last, mut since) = (self.position(), Instant::now());
        loop {
            sleep(Duration::from_millis(100)).await;
            let trouble: Vec<String> = self.nodes.iter().flat_map(|node| node.disk().trouble.clone()).collect();
            if !trouble.is_empty() {
                return format!("trouble: {trouble:#?}\n{}", self.state());
            }
            let now = self.position();
            if now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > STILL_LIMIT {
                return format!("no progress for {STILL_LIMIT:?}\n{}", self.state());
            }
        }
    }

    fn position(&self) -> (usize, usize) {
        (self.answered(), self.nodes.iter().map(|node| node.disk().visible.len()).sum())
    }

    fn state(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let disk = node.disk();
            text += &format!(
                "{}: {} waiting, {} answered, at {:?}, {:?}, last break: {}\n",
                node.title,
                disk.outbox.len(),
                disk.answered.len(),
                disk.cursors,
                disk.figures,
                disk.last_break
            );
        }
        text + "the daemon's log:\n" + &self.home.log()
    }

    /// Sends everything that was ever sent once more under its old key; the answers go into the history.
    pub async fn replay(&self, every: usize) {
        for node in &self.nodes {
            let sent = node.disk().answered.clone();
            let mut wire = self.observe(node).await;
            for sent in sent.into_iter().step_by(every) {
                let outcome = wire.ask(Some(&sent.key), &sent.command).await.expect("a daemon that lives");
                let reply = outcome.unwrap_or_else(|failure| panic!("the repeated `{}`: {failure:?}", sent.key));
                node.disk().answers.push(Answer { key: sent.key, reply });
            }
        }
    }

    /// Carries out a command as a node.
    pub async fn command(&self, node: &Node, command: &Command) -> Outcome {
        ask(self.address(), &node.token, None, command).await
    }

    /// Reads what everybody went through, and what the daemon has.
    pub async fn history(&self) -> Vec<Party> {
        let mut parties = Vec::new();
        for node in &self.nodes {
            let mut stored = Vec::new();
            for lane in Lane::ALL {
                stored.extend(self.stored(node, lane).await);
            }
            let disk = node.disk();
            parties.push(Party {
                title: node.title.clone(),
                session: node.session,
                sent: disk.answered.iter().chain(&disk.outbox).cloned().collect(),
                answers: disk.answers.clone(),
                visible: disk.visible.clone(),
                stored,
            });
        }
        parties
    }

    /// Fails when anything is wrong with the history so far.
    pub async fn assert_sound(&self, when: &str) {
        self.assert_nothing_waits(when).await;
        let violations = checker::check(&self.history().await);
        let shown: Vec<String> = violations.iter().take(20).map(ToString::to_string).collect();
        assert!(
            violations.is_empty(),
            "{when}: {:?}\n{}\n{}",
            checker::counts(&violations),
            shown.join("\n"),
            self.state()
        );
    }

    /// Fails when the daemon still counts something as waiting.
    async fn assert_nothing_waits(&self, when: &str) {
        for node in &self.nodes {
            let session = SessionRef { session: Address::Session(node.session) };
            match self.command(node, &Command::SessionGet(session)).await {
                Ok(Reply::Session(view)) => assert_eq!(view.pending, 0, "{when}: `{}`", node.title),
                other => panic!("the session of `{}`: {other:?}", node.title),
            }
        }
    }

    async fn stored(&self, node: &Node, lane: Lane) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        loop {
            let after = stored.last().map_or(0, |last| last.seq);
            let page = self.inbox(node, Some(lane), Some(after)).await;
            let rows = page.items.into_iter();
            stored.extend(rows.map(|row| Stored { lane, seq: row.seq, state: row.state, message: row.message }));
            if !page.has_more {
                assert_eq!(PerLane::from_fn(|_| stored.len() as u64)[lane], page.heads[lane], "{lane:?}'s head");
                return stored;
            }
        }
    }

    async fn inbox(&self, node: &Node, lane: Option<Lane>, after: Option<u64>) -> InboxPage {
        let limit = if lane.is_some() { PAGE } else { 1 };
        let inbox = Inbox { session: None, lane, after, limit: Some(limit) };
        match self.command(node, &Command::Inbox(inbox)).await {
            Ok(Reply::Inbox(page)) => page,
            other => panic!("the inbox of `{}`: {other:?}", node.title),
        }
    }

    async fn observe(&self, node: &Node) -> Wire {
        observe(self.address(), &node.token).await
    }

    fn address(&self) -> SocketAddr {
        self.address.borrow().expect("a daemon that runs")
    }
}

async fn observe(address: SocketAddr, token: &str) -> Wire {
    match Wire::open(address, token, json!({ "protocol": 1, "mode": "observer" })).await {
        Ok((wire, _)) => wire,
        Err(lost) => panic!("an observer was not let in: {lost:?}"),
    }
}

async fn ask(address: SocketAddr, token: &str, key: Option<&str>, command: &Command) -> Outcome {
    observe(address, token).await.ask(key, command).await.expect("a daemon that lives")
}
