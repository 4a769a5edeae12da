//! The thread of an asynchronous transport, and what stands before it.

use std::{
    future::{Future, poll_fn},
    marker::PhantomData,
    ops::Deref,
    pin::pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError, mpsc as blocking},
    task::Poll,
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, mpsc},
    task::{LocalSet, spawn_blocking, spawn_local},
};

use super::{
    AsyncTransport, OwnedFrame, OwnedMessage, OwnedOpened, OwnedWebhook,
    lanes::{Lane, Lanes},
    room::{Place, Room},
};
use crate::{
    Completion, Error, Flow, Frame, Host, Manifest, Message, Opened, SocketId, TimerId, Transport, WebhookReply,
    WebhookRequest, panics,
};

/// Close code of a socket whose frames come faster than they are handled.
const TOO_FAST: u16 = 1013;

/// The host, as an asynchronous transport sees it: everything that [`Host`] can, and waiting without holding up others.
#[derive(Debug, Clone)]
pub struct AsyncHost {
    host: Host,
    resumed: Arc<Notify>,
}

impl Deref for AsyncHost {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl AsyncHost {
    /// Hands one message over, and waits while the host takes none. False when the link or the instance is gone.
    pub async fn send(&self, message: Message<'_>) -> bool {
        loop {
            // Before the attempt, so that a resume in between is not missed.
            let mut resumed = pin!(self.resumed.notified());
            resumed.as_mut().enable();
            match self.host.inbound(message) {
                Flow::Accepted => return true,
                Flow::Closed => return false,
                Flow::WouldBlock => resumed.await,
            }
        }
    }

    /// Does something that may wait for the disk, such as `kv_put`, on a thread beside this one. Once begun it is not
    /// cancelled.
    pub async fn waiting<R: Send + 'static>(&self, f: impl FnOnce(Host) -> R + Send + 'static) -> R {
        let host = self.host;
        match spawn_blocking(move || f(host)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going away, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// What the host has called.
enum Event {
    Deliver(OwnedMessage, Completion),
    Opened(SocketId, OwnedOpened),
    Frame(SocketId, OwnedFrame),
    Closed(SocketId, Option<u16>),
    Timer(TimerId),
    Webhook(OwnedWebhook, WebhookReply),
    Stop(Duration),
}

/// Makes a [`Transport`] of an [`AsyncTransport`]: `export_transport!(Async<Mine>)`.
pub struct Async<T> {
    host: Host,
    room: Arc<Room>,
    resumed: Arc<Notify>,
    events: mpsc::UnboundedSender<(Event, Option<Place>)>,
    thread: Mutex<Thread>,
    of: PhantomData<fn() -> T>,
}

/// The thread, and what tells that it has ended.
struct Thread {
    handle: Option<JoinHandle<()>>,
    ended: blocking::Receiver<()>,
}

impl<T> std::fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Async").field("host", &self.host).finish_non_exhaustive()
    }
}

impl<T> Async<T> {
    fn put(&self, event: Event, place: Option<Place>) {
        // An error means that the thread has ended: what is owed is answered by being dropped.
        let _ended = self.events.send((event, place));
    }
}

impl<T: AsyncTransport> Transport for Async<T> {
    const MANIFEST: Manifest = T::MANIFEST;
    type Config = T::Config;

    fn start(host: Host, config: T::Config) -> Result<Self, Error> {
        let (events, queue) = mpsc::unbounded_channel();
        let (started, has_started) = blocking::channel();
        let (ending, ended) = blocking::channel();
        let resumed = Arc::new(Notify::new());
        let own = AsyncHost { host, resumed: Arc::clone(&resumed) };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let body = move || {
            run::<T>(&runtime, own, config, queue, &started);
            // What is on a thread beside this one cannot be cancelled; it is not waited for either.
            runtime.shutdown_background();
            drop(ending);
        };
        let handle = std::thread::Builder::new().name(T::MANIFEST.name().to_owned()).spawn(body)?;
        let thread = Mutex::new(Thread { handle: Some(handle), ended });
        match has_started.recv() {
            Ok(Ok(())) => Ok(Async { host, room: Room::new(host), resumed, events, thread, of: PhantomData }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::new("its thread ended while it started")),
        }
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        if self.events.is_closed() {
            return Flow::Closed;
        }
        let Some(place) = self.room.take(message.payload.len()) else { return Flow::WouldBlock };
        self.put(Event::Deliver(message.into(), done), Some(place));
        Flow::Accepted
    }

    fn resumed(&self) {
        self.resumed.notify_waiters();
    }

    fn socket_opened(&self, socket: SocketId, opened: Opened<'_>) {
        self.put(Event::Opened(socket, opened.into()), None);
    }

    fn socket_frame(&self, socket: SocketId, frame: Frame<'_>) {
        let bytes = match frame {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
        };
        match self.room.take(bytes) {
            Some(place) => self.put(Event::Frame(socket, frame.into()), Some(place)),
            None => self.host.socket_close(socket, TOO_FAST, "frames come faster than they are handled"),
        }
    }

    fn socket_closed(&self, socket: SocketId, code: Option<u16>) {
        self.put(Event::Closed(socket, code), None);
    }

    fn timer(&self, timer: TimerId) {
        self.put(Event::Timer(timer), None);
    }

    fn webhook(&self, request: WebhookRequest<'_>, reply: WebhookReply) {
        self.put(Event::Webhook(request.into(), reply), None);
    }

    fn stop(&self, deadline: Duration) {
        self.put(Event::Stop(deadline), None);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        // The sender is never used; it is dropped as the last thing that the thread does.
        if thread.ended.recv_timeout(deadline) == Err(blocking::RecvTimeoutError::Timeout) {
            tracing::warn!("the transport's thread did not end in time and is left behind");
            return;
        }
        if let Some(handle) = thread.handle.take() {
            // A panic of it was told of.
            let _ended = handle.join();
        }
    }
}

/// The life of a transport on its thread.
fn run<T: AsyncTransport>(
    runtime: &Runtime,
    host: AsyncHost,
    config: T::Config,
    mut queue: mpsc::UnboundedReceiver<(Event, Option<Place>)>,
    started: &blocking::Sender<Result<(), Error>>,
) {
    panics::install_hook();
    let tasks = LocalSet::new();
    tasks.block_on(runtime, async {
        let transport = match guarded(T::start(host.clone(), config)).await {
            Ok(Ok(transport)) => transport,
            Ok(Err(error)) => return drop(started.send(Err(error))),
            Err(said) => return drop(started.send(Err(Error::new(format!("it panicked: {said}"))))),
        };
        if started.send(Ok(())).is_err() {
            return;
        }
        let life = Life { transport: Rc::new(transport), host: host.host, lanes: Lanes::default() };
        while let Some((event, place)) = queue.recv().await {
            if let Event::Stop(deadline) = event {
                queue.close();
                let goodbye = guarded(life.transport.stop(deadline));
                // Its time is over when the host's is.
                if let Ok(Err(said)) = tokio::time::timeout(deadline, goodbye).await {
                    host.fault(&said);
                }
                return;
            }
            life.handle(event, place);
        }
    });
    // Here the tasks end, with whatever they owe.
}

struct Life<T> {
    transport: Rc<T>,
    host: Host,
    lanes: Lanes,
}

impl<T: AsyncTransport> Life<T> {
    fn handle(&self, event: Event, place: Option<Place>) {
        let transport = Rc::clone(&self.transport);
        match event {
            Event::Deliver(message, done) => {
                let lane = Lane::Link(message.link);
                self.lane(lane, place, async move { transport.deliver(message, done).await });
            }
            Event::Opened(socket, opened) => {
                self.lane(Lane::Link(socket.0), place, async move { transport.socket_opened(socket, opened).await });
            }
            Event::Frame(socket, frame) => {
                self.lane(Lane::Link(socket.0), place, async move { transport.socket_frame(socket, frame).await });
            }
            Event::Closed(socket, code) => {
                self.lane(Lane::Link(socket.0), place, async move { transport.socket_closed(socket, code).await });
            }
            Event::Timer(timer) => {
                self.lane(Lane::Timer(timer.0), place, async move { transport.timer(timer).await });
            }
            Event::Webhook(request, reply) => {
                spawn_local(watched(self.host, place, async move { transport.webhook(request, reply).await }));
            }
            Event::Stop(_) => {}
        }
    }

    fn lane(&self, lane: Lane, place: Option<Place>, job: impl Future<Output = ()> + 'static) {
        self.lanes.push(lane, watched(self.host, place, job));
    }
}

/// Does a job; a panic of it ends the instance. Its place in the queue is free afterwards.
async fn watched(host: Host, place: Option<Place>, job: impl Future<Output = ()>) {
    if let Err(said) = guarded(job).await {
        host.fault(&said);
    }
    drop(place);
}

/// Does something; a panic becomes its message.
async fn guarded<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(move |cx| match panics::caught(|| future.as_mut().poll(cx)) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(said) => Poll::Ready(Err(said)),
    })
    .await
}
