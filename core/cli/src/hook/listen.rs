//! `tieline hook --listen`: stays beside a program whose plugin speaks to it, and tells the plugin what to prompt it with.
//!
//! The hooks come in order, one a line, and end with the program. Mail comes after a hook, or because the timeline says
//! that it waits; either way the daemon has committed it as handed out before it is printed here.

use std::{
    collections::VecDeque,
    io::{BufRead, Read, Write},
    time::Duration,
};

use serde_json::{Value, json};
use tieline_agents::{Agent, Carrier, Heard, hear, marker};
use tieline_model::{MessageId, SessionId, reply::Reported, runtime::Signal};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    DEADLINE, MAX_PAYLOAD,
    exchange::{ROOM, brought, exchange, report},
    follow::follow,
    record, welcome,
    who::{self, Who},
};
use crate::{client::Client, context::Context, exit::Failed};

/// How long a resting program may take to show a prompt that it was given.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one who begins anew gives what its predecessor may have brought.
const PATIENCE_AT_BEGIN: Duration = Duration::from_secs(3);
/// How often in a row it is given again at once what it has not shown.
const TRIES: u32 = 3;
/// How long it is given nothing after that: a model that does not answer would be asked again and again.
const REST: Duration = Duration::from_secs(300);
/// How many prompts with mail are remembered: a daemon that was away is told of them afterwards.
const PROMPTS: usize = 20;
/// How many hooks may wait for the daemon.
const QUEUE: usize = 64;
/// What a plugin says that has to begin another listener.
const BEGIN: &str = "Listen";
/// What asks for mail by itself is called where others have the name of a hook.
const BY_ITSELF: &str = "Mail";

/// What the plugin said last, and what became of it.
struct Listener<'a> {
    context: &'a Context,
    agent: Agent,
    who: Who,
    heard: Option<Heard>,
    is_resting: bool,
    prompts: VecDeque<String>,
    look_at: Option<Instant>,
    resume_at: Option<Instant>,
    following: Option<(SessionId, JoinHandle<()>)>,
    ring: mpsc::Sender<()>,
}

/// Listens until the program ends.
pub fn run(context: &Context, agent: Agent) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (ring, mut rings) = mpsc::channel(1);
        let mut listener = Listener {
            context,
            agent,
            who: who::found(agent),
            heard: None,
            is_resting: true,
            prompts: VecDeque::new(),
            look_at: None,
            resume_at: None,
            following: None,
            ring,
        };
        let mut lines = lines();
        loop {
            let look_at = listener.look_at;
            let done = tokio::select! {
                biased;
                line = lines.recv() => match line {
                    Some(line) => listener.hook(&line).await,
                    None => return Ok(()),
                },
                Some(()) = rings.recv() => listener.mail().await,
                () = sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => listener.look_again().await,
            };
            match done {
                // Whoever reads this is gone, and the program with it.
                Err(Failed::PipeClosed) => return Ok(()),
                Err(failed) => eprintln!("tieline hook: {failed}"),
                Ok(()) => {}
            }
        }
    })
}

/// Reads lines on a thread of their own, until there are no more.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match (&mut stdin).take(MAX_PAYLOAD).read_until(b'\n', &mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
            if sender.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Listener<'_> {
    /// A hook: `{"event": …, "payload": …}`.
    async fn hook(&mut self, line: &str) -> Result<(), Failed> {
        let line: Value = serde_json::from_str(line).map_err(|error| Failed::Input(error.to_string()))?;
        let event = line["event"].as_str().unwrap_or_default();
        let heard = hear(self.agent, event, &line["payload"].to_string());
        let mut heard = heard.map_err(|error| Failed::Input(error.to_string()))?;
        self.remember(&heard);
        match (heard.signal, line["payload"]["busy"].as_bool()) {
            (_, Some(is_busy)) => self.is_resting = !is_busy,
            (Signal::Started | Signal::Rested, None) => self.is_resting = true,
            (Signal::Prompted | Signal::Working, None) => self.is_resting = false,
            (Signal::Ended | Signal::Noted | Signal::Recorded, None) => {}
        }
        // A program that runs one prompt is gone before it could show another.
        let is_last = line["payload"]["is_last"] == true;
        if is_last {
            heard.carrier = None;
        }
        self.heard = Some(heard.clone()).filter(|_| !is_last);
        if heard.signal == Signal::Ended {
            self.follow_no_more();
            self.look_at = None;
        } else if self.following.is_none() {
            // Should nobody answer now, somebody may later, while no hook comes.
            self.look_at = Some(Instant::now() + PATIENCE);
        }
        let client = self.context.client_as("agent")?;
        let told = self.tell(&client, event, &heard).await?;
        if heard.signal == Signal::Ended {
            return Ok(());
        }
        if self.following.is_none() {
            self.look_at = None;
        }
        self.follow(&client, told.session);
        if heard.is_start {
            print(&json!({"session": heard.native, "context": welcome(&client, &told).await?}))?;
        }
        self.prompt(event, &heard, &told)?;
        if event == BEGIN && self.look_at.is_some() {
            self.look_at = Some(Instant::now() + PATIENCE_AT_BEGIN);
        }
        Ok(())
    }

    /// Mail may wait: asks for it.
    async fn mail(&mut self) -> Result<(), Failed> {
        let Some(heard) = self.quiet() else { return Ok(()) };
        let client = self.context.client_as("agent")?;
        let told = self.tell(&client, BY_ITSELF, &heard).await?;
        self.prompt(BY_ITSELF, &heard, &told)
    }

    /// The program rests and has not shown what it was given: says so, and gives it again.
    async fn look_again(&mut self) -> Result<(), Failed> {
        self.look_at = Some(Instant::now() + PATIENCE);
        let Some(heard) = self.quiet().filter(|_| self.is_resting) else { return Ok(()) };
        let client = self.context.client_as("agent")?;
        let mut told = report(self.agent, BY_ITSELF, &heard, &self.who);
        told.listens = true;
        let looked = exchange(&client, &mut told, true, |awaited| self.look(&heard, awaited));
        let looked = within_deadline(looked).await?;
        self.follow(&client, looked.session);
        if looked.awaited.is_empty() {
            self.look_at = None;
            if (1..TRIES).contains(&looked.missed) {
                return self.mail().await;
            }
        }
        Ok(())
    }

    async fn tell(&self, client: &Client, event: &str, heard: &Heard) -> Result<Reported, Failed> {
        let mut report = report(self.agent, event, heard, &self.who);
        report.listens = true;
        let is_given = self.resume_at.is_none_or(|at| at <= Instant::now());
        report.room = if heard.carrier == Some(Carrier::Prompt) && is_given { ROOM } else { 0 };
        let look = |awaited: &[MessageId]| self.look(heard, awaited);
        within_deadline(exchange(client, &mut report, heard.is_settled, look)).await
    }

    /// Gives the plugin what came, and looks after what was given.
    fn prompt(&mut self, event: &str, heard: &Heard, told: &Reported) -> Result<(), Failed> {
        if told.missed < TRIES {
            self.resume_at = None;
        } else if !told.messages.is_empty() || self.resume_at.is_none() {
            self.resume_at = Some(Instant::now() + REST);
        }
        if !told.messages.is_empty() {
            self.look_at = Some(Instant::now() + PATIENCE);
            return print(&json!({"session": heard.native, "hook": event, "prompt": brought(told)}));
        }
        let is_awaited = !told.awaited.is_empty();
        self.look_at = self.look_at.filter(|_| is_awaited).or_else(|| is_awaited.then(|| Instant::now() + PATIENCE));
        Ok(())
    }

    /// What was said last, without saying it again.
    fn quiet(&self) -> Option<Heard> {
        let heard = self.heard.as_ref().filter(|heard| heard.signal != Signal::Ended)?;
        Some(Heard {
            signal: Signal::Recorded,
            activities: Vec::new(),
            carrier: Some(Carrier::Prompt),
            is_settled: false,
            is_start: false,
            prompt: None,
            ..heard.clone()
        })
    }

    fn remember(&mut self, heard: &Heard) {
        if let Some(prompt) = heard.prompt.as_ref().filter(|prompt| prompt.contains("tieline message ")) {
            self.prompts.push_back(prompt.clone());
            if self.prompts.len() > PROMPTS {
                self.prompts.pop_front();
            }
        }
    }

    /// Looks for messages in the prompts that came, and in the program's record.
    fn look(&self, heard: &Heard, awaited: &[MessageId]) -> Vec<MessageId> {
        let recorded = record::look(self.agent, heard, awaited);
        let was_prompt = |id: &MessageId| self.prompts.iter().any(|prompt| prompt.contains(&marker(*id)));
        awaited.iter().filter(|id| recorded.contains(id) || was_prompt(id)).copied().collect()
    }

    fn follow(&mut self, client: &Client, session: SessionId) {
        if self.following.as_ref().is_some_and(|(followed, _)| *followed == session) {
            return;
        }
        self.follow_no_more();
        let task = tokio::spawn(follow(client.clone(), session, self.ring.clone()));
        self.following = Some((session, task));
    }

    fn follow_no_more(&mut self) {
        if let Some((_, task)) = self.following.take() {
            task.abort();
        }
    }
}

async fn within_deadline<T>(doing: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let done = timeout(DEADLINE, doing).await;
    done.unwrap_or_else(|_| Err(Failed::Input(format!("no answer within {} seconds", DEADLINE.as_secs()))))
}

fn print(line: &Value) -> Result<(), Failed> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|_| Failed::PipeClosed)
}
