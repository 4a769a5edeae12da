//! The ceiling of round trips and of links: a server on actix-web-actors that sends back what it gets.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use actix::{Actor, StreamHandler};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use anyhow::{Context, Result};

use crate::{daemon::Process, link::Target};

struct Echo;

impl Actor for Echo {
    type Context = ws::WebsocketContext<Self>;
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Echo {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(ws::Message::Text(text)) => ctx.text(text),
            Ok(ws::Message::Ping(data)) => ctx.pong(&data),
            Ok(ws::Message::Close(reason)) => ctx.close(reason),
            _ => {}
        }
    }
}

async fn upgrade(request: HttpRequest, stream: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    ws::start(Echo, &request, stream)
}

/// Serves until it is killed, with as many threads as the daemon has for sockets.
pub fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    actix_web::rt::System::new().block_on(async {
        HttpServer::new(|| App::new().route("/ws", web::get().to(upgrade)))
            .workers(2)
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
