//! The ceiling of round trips, of links and of fan-out: a server on actix-web-actors that sends back what it gets.
//!
//! A text that begins with `!` goes to every other connection instead, and is answered as a broadcast is; receipts that come
//! back for it are passed on to its sender.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use actix::{Actor, Addr, AsyncContext, Handler, Message, StreamHandler};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use anyhow::{Context, Result};
use bytestring::ByteString;

use crate::{daemon::Process, link::Target};

/// More frames than ever wait for one connection.
const MAILBOX: usize = 4096;

/// Every connection, and the one that has sent something to all.
#[derive(Default)]
struct Connections {
    all: Vec<Addr<Echo>>,
    sender: Option<Addr<Echo>>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Connections>>);

impl Shared {
    fn with<T>(&self, f: impl FnOnce(&mut Connections) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Echo(Shared);

#[derive(Clone, Message)]
#[rtype(result = "()")]
struct Pass(ByteString);

impl Actor for Echo {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let own = ctx.address();
        self.0.with(|connections| connections.all.push(own));
    }
}

impl Handler<Pass> for Echo {
    type Result = ();

    fn handle(&mut self, Pass(text): Pass, ctx: &mut Self::Context) {
        ctx.text(text);
    }
}

impl Echo {
    fn take(&self, text: ByteString, ctx: &mut ws::WebsocketContext<Self>) {
        if let Some(rest) = text.strip_prefix('!') {
            let (own, pass) = (ctx.address(), Pass(rest.into()));
            self.0.with(|connections| {
                connections.all.iter().filter(|it| **it != own).for_each(|it| lost(it.try_send(pass.clone())));
                connections.sender = Some(own);
            });
            return ctx.text(r#"{"outcome":{"corr":1,"outcome":{"ok":{}}}}"#);
        }
        if text.starts_with(r#"{"receipt""#) {
            let pass = Pass(ByteString::from_static(r#"{"progress":{}}"#));
            return self.0.with(|connections| connections.sender.iter().for_each(|it| lost(it.try_send(pass.clone()))));
        }
        ctx.text(text);
    }
}

/// Nothing may get lost, or what is measured is not the whole work.
fn lost<T>(sent: Result<(), actix::prelude::SendError<T>>) {
    if sent.is_err() {
        eprintln!("the bare server has lost a frame");
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Echo {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(ws::Message::Text(text)) => self.take(text, ctx),
            Ok(ws::Message::Ping(data)) => ctx.pong(&data),
            Ok(ws::Message::Close(reason)) => ctx.close(reason),
            _ => {}
        }
    }
}

async fn upgrade(
    request: HttpRequest,
    stream: web::Payload,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, actix_web::Error> {
    ws::start(Echo(shared.get_ref().clone()), &request, stream)
}

/// Serves until it is killed, with as many threads as the daemon has for sockets.
pub fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    actix_web::rt::System::new().block_on(async {
        let shared = web::Data::new(Shared::default());
        HttpServer::new(move || App::new().app_data(shared.clone()).route("/ws", web::get().to(upgrade)))
            .workers(1)
            .max_connections(100_000)
            .tcp_nodelay(true)
            .listen(listener)?
            .run()
            .await
    })?;
    Ok(())
}

/// The server in a process of its own.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The way in.
    pub target: Target,
}

impl Server {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("the path of this program is not known")?);
        let mut child = command.arg("echo").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the echo server has no output")?).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("the echo server said `{}`", line.trim()))?;
        Ok(Self { child, target: Target { port, token: "none".to_owned(), buffer: 64 << 10 } })
    }

    /// Returns its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It runs until it is killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
