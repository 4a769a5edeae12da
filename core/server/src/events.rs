//! Live events: server-sent events and a WebSocket, both from a cursor and without gaps.

use std::{num::ParseIntError, time::Duration};

use actix::{Actor, ActorContext, AsyncContext, StreamHandler, WrapFuture, fut::ActorFutureExt};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use tieline_engine::feed::{Feed, Live};
use tieline_model::{Address, Code, Event, Refusal, address::AddressError, event::Gap};

use crate::{answer, resources::query, security::Caller, serve::State};

/// How often an idle stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many sessions one stream may merge.
const MAX_SESSIONS: usize = 20;

/// What a stream is to show.
#[derive(Default)]
struct EventsQuery {
    sessions: Vec<Address>,
    after: Option<i64>,
}

impl EventsQuery {
    /// Reads a query string, in which `session` may stand several times.
    fn read(text: &str) -> Result<Self, Refusal> {
        let bad = |message: String, field: &str| Refusal::new(Code::BadInput, message).at(field);
        let mut read = Self::default();
        for (name, value) in query::<Vec<(String, String)>>(text)? {
            match name.as_str() {
                "session" => {
                    let address = value.parse();
                    read.sessions.push(address.map_err(|error: AddressError| bad(error.to_string(), "session"))?);
                }
                "after" => {
                    let cursor = value.parse();
                    read.after = Some(cursor.map_err(|error: ParseIntError| bad(error.to_string(), "after"))?);
                }
                other => {
                    let shown: String = other.chars().take(64).collect();
                    return Err(bad(format!("`{shown}` is unknown; wanted `session` or `after`"), "query"));
                }
            }
        }
        if read.sessions.len() > MAX_SESSIONS {
            let message = format!("{} sessions; at most {MAX_SESSIONS} are merged", read.sessions.len());
            return Err(bad(message, "session"));
        }
        Ok(read)
    }
}

async fn open(request: &HttpRequest, caller: &Caller, state: &State) -> Result<Feed, HttpResponse> {
    let input = EventsQuery::read(request.query_string()).and_then(|query| {
        let last = match request.headers().get("Last-Event-ID") {
            None => None,
            Some(value) => {
                let parsed = value.to_str().ok().and_then(|text| text.parse::<i64>().ok());
                let message = "the cursor of an event is a whole number";
                Some(parsed.ok_or_else(|| Refusal::new(Code::BadInput, message).at("Last-Event-ID"))?)
            }
        };
        Ok((query.sessions, last.or(query.after)))
    });
    let (sessions, cursor) = input.map_err(answer::refusal)?;
    Feed::open(state.door.shared(), &caller.0, &sessions, cursor).await.map_err(answer::failure)
}

/// `GET /v1/events`
pub async fn sse(request: HttpRequest, caller: Caller, state: web::Data<State>) -> HttpResponse {
    let feed = match open(&request, &caller, &state).await {
        Ok(feed) => feed,
        Err(response) => return response,
    };
    let stream = futures_util::stream::unfold(feed, |mut feed| async move {
        let chunk = match tokio::time::timeout(KEEP_ALIVE, feed.next()).await {
            Ok(Some(Live::Event(event))) => sse_event(&event),
            // Without an id: a reader that comes back is told again.
            Ok(Some(Live::Gap(gap))) => format!("event: gap\ndata: {}\n\n", gap_json(&gap)),
            Ok(None) => return None,
            Err(_) => ": alive\n\n".to_owned(),
        };
        Some((Ok::<_, Error>(web::Bytes::from(chunk)), feed))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream)
}

/// One event in the format of <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
fn sse_event(event: &Event) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.cursor, event.body.kind())
}

fn gap_json(gap: &Gap) -> String {
    serde_json::json!({ "gap": gap }).to_string()
}

/// `GET /v1/live`
pub async fn live(
    request: HttpRequest,
    stream: web::Payload,
    caller: Caller,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    match open(&request, &caller, &state).await {
        Ok(feed) => ws::WsResponseBuilder::new(Socket::new(feed), &request, stream)
            .protocols(&["tieline.v1"])
            .frame_size(8 * 1024)
            .start(),
        Err(response) => Ok(response),
    }
}

/// A socket that shows events and takes nothing.
struct Socket {
    feed: Option<Feed>,
    was_alive: bool,
}

impl Socket {
    fn new(feed: Feed) -> Self {
        Self { feed: Some(feed), was_alive: true }
    }

    fn wait(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let Some(mut feed) = self.feed.take() else { return };
        let next = async move {
            let event = feed.next().await;
            (feed, event)
        };
        ctx.spawn(next.into_actor(self).map(|(feed, event), live, ctx| match event {
            Some(next) => {
                ctx.text(match next {
                    Live::Event(event) => serde_json::to_string(&event).unwrap_or_default(),
                    Live::Gap(gap) => gap_json(&gap),
                });
                live.feed = Some(feed);
                live.wait(ctx);
            }
            None => {
                let reason = ws::CloseReason { code: ws::CloseCode::Restart, description: None };
                ctx.close(Some(reason));
                ctx.stop();
            }
        }));
    }
}

impl Actor for Socket {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wait(ctx);
        ctx.run_interval(KEEP_ALIVE, |live, ctx| {
            if !std::mem::take(&mut live.was_alive) {
                return ctx.stop();
            }
            ctx.ping(b"");
        });
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.was_alive = true;
        match message {
            Ok(ws::Message::Ping(data)) => ctx.pong(&data),
            Ok(ws::Message::Close(_)) | Err(_) => ctx.stop(),
            Ok(_) => {}
        }
    }
}
