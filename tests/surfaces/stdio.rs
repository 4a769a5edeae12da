//! MCP tools over the standard input and output of `tieline mcp`.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc,
};

use serde_json::{Value, json};
use tieline_tests::LIMIT;

use crate::{
    Surface,
    cast::{AGENT, CRITIC, Cast},
    mcp::{LACKS, PROTOCOL, call, outcome},
};

/// A `tieline mcp` for each speaker.
pub struct OverStdio {
    children: HashMap<&'static str, Server>,
    next: u64,
}

struct Server {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl OverStdio {
    pub fn start(cast: &Cast) -> Self {
        let children = [AGENT, CRITIC].map(|who| (who, Server::start(cast, who))).into();
        Self { children, next: 0 }
    }
}

impl Server {
    fn start(cast: &Cast, who: &str) -> Self {
        let mut command = cast.0.home.tieline(["mcp"]);
        // The agent's own token needs no word; another one has to be named.
        if who != AGENT {
            command.env("TIELINE_TOKEN_FILE", cast.token_file(who));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut server = Self { input: child.stdin.take().unwrap(), child, lines };
        let welcome = server.ask(&initialize());
        assert_eq!(welcome["result"]["serverInfo"]["name"], "tieline", "{welcome}");
        server.tell(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn tell(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.tell(message);
        let line = self.lines.recv_timeout(LIMIT).expect("an answer line on standard output");
        let answer: Value = serde_json::from_str(&line).expect("nothing but JSON on standard output");
        assert_eq!(answer["id"], message["id"], "{answer}");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Surface for OverStdio {
    fn lacks(&self) -> &[&'static str] {
        LACKS
    }

    async fn say(&mut self, who: &'static str, command: &Value) -> Value {
        self.next += 1;
        let call = call(self.next, command);
        let server = self.children.get_mut(who).unwrap();
        outcome(&server.ask(&call))
    }
}

fn initialize() -> Value {
    let client = json!({"name": "surfaces", "version": "1"});
    let params = json!({"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client});
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
}
