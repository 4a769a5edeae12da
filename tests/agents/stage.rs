//! A daemon, a model, and a person's home in which `tieline setup` has connected the programs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tieline_tests::{
    daemon::{Daemon, Home, binary, library},
    http::{Place, Request},
};
use tokio::time::{Instant, sleep};

use crate::{
    model::Model,
    pane::{Pane, Tmux},
    program::{Kind, programs},
};

/// How long the mesh may take for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// Everything that a test needs.
pub struct Stage {
    pub daemon: Daemon,
    pub model: Model,
    pub tmux: Tmux,
    /// The person's home.
    pub person: TempDir,
}

impl Stage {
    /// Sets it up for these programs, woken in a terminal.
    pub async fn with(kinds: &[Kind]) -> Self {
        Self::configured(kinds, |_, _| String::new()).await
    }

    /// Sets it up for these programs, with a configuration that is made from the person's home and the model's address.
    pub async fn configured(kinds: &[Kind], config: impl FnOnce(&Path, &str) -> String) -> Self {
        Self::made(&["tieline_transport_terminal"], kinds, config).await
    }

    /// Sets it up for these programs, woken by these transports.
    pub async fn woken_by(transports: &[&str], kinds: &[Kind]) -> Self {
        Self::made(transports, kinds, |_, _| String::new()).await
    }

    async fn made(transports: &[&str], kinds: &[Kind], config: impl FnOnce(&Path, &str) -> String) -> Self {
        let model = Model::start().await;
        let person = tempfile::Builder::new().prefix("person-").tempdir().expect("a folder");
        let home = Home::new().config(&config(person.path(), &model.url()));
        transports.iter().for_each(|name| home.add_plugin(&library(name)));
        let daemon = home.start();
        let stage = Self { tmux: Tmux::new(person.path()), daemon, model, person };
        fs::create_dir_all(stage.folder()).expect("a folder");
        for kind in kinds {
            kind.furnish(stage.person.path(), &stage.folder(), &stage.model.url());
        }
        stage.setup(kinds, &["--yes", "--approve-tools"]);
        stage
    }

    /// The folder that the programs work in.
    pub fn folder(&self) -> PathBuf {
        self.person.path().join("work")
    }

    /// Runs `tieline setup` as the person does.
    pub fn setup(&self, kinds: &[Kind], options: &[&str]) -> String {
        let mut args = vec!["setup"];
        args.extend(options);
        args.extend(kinds.iter().map(|kind| kind.name()));
        let output = self.command(&args).output().expect("tieline runs");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {text}");
        text
    }

    /// Runs `tieline` as the person does, with the environment that a program needs besides. The model answers meanwhile.
    pub async fn tieline(&self, args: &[&str], kind: Kind) -> Output {
        let mut command = self.command(args);
        command.envs(kind.environment(&self.model.url()));
        tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("tieline runs")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).env_clear().envs(self.environment()).stdin(Stdio::null());
        command
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default());
        let pairs = [
            ("HOME", self.person.path().display().to_string()),
            ("PATH", path),
            ("TIELINE_HOME", self.daemon.home.path().display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Starts a program for a person, in a pane, and waits until it takes a prompt.
    pub async fn open(&self, name: &str, kind: Kind) -> Pane<'_> {
        self.open_by(name, kind, Kind::line, kind.is_ready()).await
    }

    /// Starts a program where no pane of tmux is known to it, as in a terminal without tmux.
    pub async fn open_elsewhere(&self, name: &str, kind: Kind) -> Pane<'_> {
        self.open_by(name, kind, Kind::line_elsewhere, kind.is_ready()).await
    }

    /// Starts a program by a line that is made of its environment, and waits until it shows that it is ready.
    pub async fn open_by(
        &self,
        name: &str,
        kind: Kind,
        line: impl Fn(Kind, &BTreeMap<String, String>) -> String,
        is_ready: &str,
    ) -> Pane<'_> {
        let mut environment = self.environment();
        environment.extend(kind.environment(&self.model.url()));
        // Whatever a program asks for besides goes nowhere.
        environment.remove("TIELINE_HOME");
        let pane = self.tmux.open(name, &self.folder(), &line(kind, &environment));
        pane.wait(is_ready).await;
        pane
    }

    /// Gives a command as the person, or as an agent.
    pub async fn say(&self, who: &str, command: &Value) -> Value {
        let request = Request::command(command).token(&self.daemon.home.token(who));
        let answer = request.send(&Place::Unix(self.daemon.home.socket())).await.json();
        assert!(answer.get("ok").is_some(), "{command}: {answer}");
        answer["ok"].clone()
    }

    /// Kills the daemon, and starts it again.
    pub fn restart(&mut self) {
        self.daemon.kill();
        self.daemon.restart();
    }

    /// Tells a session something; returns the message.
    pub async fn tell(&self, session: &str, text: &str) -> String {
        let told = self.say("human", &json!({"notify": {"to": session, "text": text}})).await;
        told["accepted"]["message"].as_str().expect("an id").to_owned()
    }

    /// Returns a session, if it is there.
    pub async fn session(&self, title: &str) -> Option<Value> {
        let list = self.say("human", &json!({"session_list": {}})).await;
        list["sessions"]["sessions"].as_array()?.iter().find(|session| session["title"] == title).cloned()
    }

    /// Waits until a session's program is at something.
    pub async fn wait_presence(&self, title: &str, wanted: &str) -> Value {
        self.until(&format!("{title} to be {wanted}"), async || {
            let session = self.session(title).await?;
            (session["runtime"]["presence"] == wanted).then_some(session)
        })
        .await
    }

    /// Waits until a message was seen.
    pub async fn wait_seen(&self, message: &str) {
        self.until(&format!("{message} to be seen"), async || self.is_seen(message).await.then_some(())).await;
    }

    /// Tells whether a message was seen.
    pub async fn is_seen(&self, message: &str) -> bool {
        let trace = self.say("human", &json!({"trace": {"message": message}})).await;
        let state = &trace["trace"]["deliveries"][0]["delivery"]["state"];
        state == "seen" || state == "answered"
    }

    /// Returns the events of a session of one kind.
    pub async fn events(&self, title: &str, kind: &str) -> Vec<Value> {
        let page = self.say("human", &json!({"timeline": {"sessions": [title], "limit": 500}})).await;
        let events = page["timeline"]["events"].as_array().expect("events").clone();
        events.into_iter().filter_map(|event| event["body"].get(kind).cloned()).collect()
    }

    /// Returns the hooks that messages were handed to, in order.
    pub async fn handed(&self, title: &str, message: &str) -> Vec<String> {
        let handed = self.events(title, "runtime_handed").await;
        let of = handed
            .iter()
            .filter(|it| it["out"]["messages"].as_array().is_some_and(|all| all.contains(&json!(message))));
        of.map(|it| it["out"]["hook"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits for something.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if begin.elapsed() > LIMIT {
                panic!("waited for {what} in vain; {}", self.story().await);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tells what became of the programs' sessions, for whoever looks into a failure.
    async fn story(&self) -> String {
        let list = self.say("human", &json!({"session_list": {}})).await;
        let mut story = String::new();
        for session in list["sessions"]["sessions"].as_array().into_iter().flatten() {
            if session["runtime"].is_null() {
                continue;
            }
            let page = self.say("human", &json!({"timeline": {"sessions": [session["id"]], "limit": 40}})).await;
            story += &format!("{}: {}\n", session["title"], session["runtime"]);
            for event in page["timeline"]["events"].as_array().into_iter().flatten() {
                let body: String = event["body"].to_string().chars().take(300).collect();
                story += &format!("  {} {body}\n", event["at_ms"]);
            }
        }
        story
    }
}
