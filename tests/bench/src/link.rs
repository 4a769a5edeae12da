//! A WebSocket connection that is driven by callbacks: the load generator's side of a link.
//!
//! Frames that are there together are handled together and answered with one flush, so that the load generator takes
//! as little of the machine as it can.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, header},
        protocol::WebSocketConfig,
    },
};

/// How many frames are handled between two flushes.
const CHUNK: usize = 256;

/// Frames to be sent.
pub type Out = Vec<String>;

/// What a link does.
pub trait Behaviour<Order>: 'static {
    /// A frame came.
    fn frame(&mut self, text: &str, out: &mut Out);
    /// All frames that were there have been handled.
    fn handled(&mut self, _out: &mut Out) {}
    /// The benchmark wants something.
    fn order(&mut self, order: Order, out: &mut Out);
}

/// Where a link leads.
#[derive(Debug, Clone)]
pub struct Target {
    /// On this machine.
    pub port: u16,
    /// The secret.
    pub token: String,
    /// Bytes to read at once. Small for links that are idle.
    pub buffer: usize,
}

/// An open connection.
pub type Socket = WebSocketStream<TcpStream>;

/// Opens a connection, and nothing more.
pub async fn connect(target: &Target) -> Result<Socket> {
    let stream = TcpStream::connect(("127.0.0.1", target.port)).await.context("failed to connect")?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://127.0.0.1:{}/ws", target.port).into_client_request()?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", target.token))?;
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    let config = WebSocketConfig::default().read_buffer_size(target.buffer).write_buffer_size(256 << 10);
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await.context("failed to upgrade")?;
    Ok(socket)
}

/// Says hello, for a session or the principal's home, and waits for the welcome.
pub async fn attach(target: &Target, session: Option<&str>, mode: &str) -> Result<Socket> {
    let mut socket = connect(target).await?;
    let session = session.map(|session| format!(r#","session":"{session}""#)).unwrap_or_default();
    let hello = format!(r#"{{"hello":{{"protocol":1,"mode":"{mode}"{session}}}}}"#);
    socket.send(Message::text(hello)).await?;
    match next_text(&mut socket).await? {
        text if text.starts_with(r#"{"welcome""#) => Ok(socket),
        text => bail!("wanted a welcome, found {text}"),
    }
}

/// Waits for the next text frame.
pub async fn next_text(socket: &mut Socket) -> Result<String> {
    loop {
        match socket.next().await.context("the connection ended")?? {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Close(frame) => bail!("the connection was closed: {frame:?}"),
            _ => {}
        }
    }
}

/// Drives a connection until its orders end. Returns the behaviour with what it has gathered.
pub async fn drive<O, B: Behaviour<O>>(
    socket: Socket,
    mut behaviour: B,
    mut orders: mpsc::UnboundedReceiver<O>,
) -> Result<B> {
    let (mut sink, stream) = socket.split();
    let mut chunks = stream.ready_chunks(CHUNK);
    let mut out = Out::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(order) = order else { break };
                behaviour.order(order, &mut out);
                while let Ok(order) = orders.try_recv() {
                    behaviour.order(order, &mut out);
                }
            }
            chunk = chunks.next() => {
                for message in chunk.context("the connection ended")? {
                    match message? {
                        Message::Text(text) => behaviour.frame(text.as_str(), &mut out),
                        Message::Close(frame) => bail!("the connection was closed: {frame:?}"),
                        _ => {}
                    }
                }
                behaviour.handled(&mut out);
            }
        }
        send(&mut sink, &mut out).await?;
    }
    Ok(behaviour)
}

async fn send(sink: &mut SplitSink<Socket, Message>, out: &mut Out) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    for text in out.drain(..) {
        sink.feed(Message::text(text)).await?;
    }
    Ok(sink.flush().await?)
}
