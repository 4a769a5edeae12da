//! A daemon with sessions in it, as benchmarks need them.

use anyhow::{Context, Result, bail};
use futures_util::SinkExt;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    daemon::{Build, Daemon, TestHome},
    link::{self, Socket, Target},
};

/// How many commands of the preparation are under way at once.
const WINDOW: usize = 128;

/// A home and the daemon in it.
#[derive(Debug)]
pub struct Mesh {
    /// The daemon. Ends before its home is deleted.
    pub daemon: Daemon,
    /// Its home.
    pub home: TestHome,
    /// The way in.
    pub target: Target,
}

impl Mesh {
    /// Starts a daemon in a new home.
    pub fn new(build: &Build) -> Result<Self> {
        Self::in_home(TestHome::new(build)?)
    }

    /// Starts a daemon in a home.
    pub fn in_home(home: TestHome) -> Result<Self> {
        let daemon = home.start()?;
        let target = Target { port: daemon.port, token: daemon.token()?, buffer: 64 << 10 };
        Ok(Self { daemon, home, target })
    }

    /// Stops the daemon and starts another in the same home.
    pub fn restart(self) -> Result<Self> {
        self.daemon.stop()?;
        Self::in_home(self.home)
    }

    /// Opens sessions in a circle; returns their ids.
    pub async fn sessions(&self, circle: &str, count: usize) -> Result<Vec<String>> {
        let mut control = link::attach(&self.target, None, "observer").await?;
        let mut ids = vec![String::new(); count];
        let open = |n: usize| {
            let title = format!("{circle}-{n}");
            serde_json::json!({"command": {"corr": n + 1, "command":
                {"session_open": {"title": title, "circle": circle}}}})
            .to_string()
        };
        let (mut sent, mut answered) = (0, 0);
        while answered < count {
            while sent < count && sent - answered < WINDOW {
                control.feed(Message::text(open(sent))).await?;
                sent += 1;
            }
            control.flush().await?;
            let (corr, reply) = outcome(&mut control).await?;
            let id = reply.pointer("/session/id").and_then(Value::as_str);
            ids[corr - 1] = id.with_context(|| format!("wanted a session, found {reply}"))?.to_owned();
            answered += 1;
        }
        Ok(ids)
    }
}

async fn outcome(control: &mut Socket) -> Result<(usize, Value)> {
    let text = link::next_text(control).await?;
    let frame: Value = serde_json::from_str(&text)?;
    let corr = frame.pointer("/outcome/corr").and_then(Value::as_u64);
    match (corr, frame.pointer("/outcome/outcome/ok")) {
        (Some(corr), Some(reply)) => Ok((usize::try_from(corr)?, reply.clone())),
        _ => bail!("wanted an outcome, found {text}"),
    }
}
