//! Turns what links say into commands, and their coming and going into the engine's own work.

use std::sync::Arc;

use actix::Addr;
use tieline_model::{
    Command, EventBody, LinkId, Principal, SessionId,
    command::Origin,
    frame::{CommandFrame, CreditFrame, ReceiptFrame},
    outcome::{Code, Refusal},
    parse,
};

use crate::{
    credential,
    door::Door,
    hand_over::link_down,
    incidents::Incident,
    job::Work,
    port::FrameKind,
    presence::Link,
    request::{ReplyTo, Request},
    router::{Router, Transport, Wake, is_writer},
    shared::Shared,
    supervise::Kept,
};

/// The close code of a link that is welcome later (`docs/protocol/websocket.md`).
const TRY_AGAIN: u16 = 1013;
/// The close code of a link that is not welcome.
const REFUSED: u16 = 4403;

/// One message from a link, as a transport hands it over.
#[derive(Debug, Clone, Copy)]
pub struct LinkInput<'a> {
    /// The link.
    pub link: LinkId,
    /// What the payload is.
    pub kind: FrameKind,
    /// The number under which the outcome is wanted; 0 for none.
    pub corr: u64,
    /// JSON of `model::frame`.
    pub payload: &'a [u8],
}

/// The engine's ear for links.
#[derive(Debug, Clone)]
pub struct Links {
    shared: Arc<Shared>,
    door: Door,
    router: Kept<Router>,
}

impl Links {
    pub(crate) fn new(shared: &Arc<Shared>, door: &Door, router: Kept<Router>) -> Self {
        Self { shared: Arc::clone(shared), door: door.clone(), router }
    }

    /// Enters a new link of a transport under a number of its own.
    pub fn open(&self, transport: &str, principal: Arc<Principal>) -> Arc<Link> {
        let link = Arc::new(Link::new(self.shared.next_link(), transport.into(), principal));
        self.shared.presence.open(Arc::clone(&link));
        link
    }

    /// Returns who is behind a link of a transport.
    pub fn principal(&self, transport: &str, link: LinkId) -> Option<Arc<Principal>> {
        let link = self.shared.presence.link(link).filter(|link| &*link.transport == transport)?;
        Some(Arc::clone(&link.principal))
    }

    /// Takes what the configuration says of plugins now. It counts for the links that they open from now on.
    pub(crate) fn configure(&self, plugins: tieline_config::Plugins) {
        self.shared.plugin_principals.configure(plugins);
    }

    /// Opens a link over which a plugin speaks for itself, or tells why it may not.
    pub fn open_own(&self, plugin: &str) -> Result<Arc<Link>, Refusal> {
        let principal = self.shared.plugin_principals.of(&self.door, plugin)?;
        Ok(self.open(plugin, principal))
    }

    /// Tells a transport that a link which it opened is refused.
    pub(crate) fn turn_away(&self, transport: &str, link: LinkId, refusal: &Refusal) {
        tracing::warn!(transport, reason = refusal.message, "a plugin's own link is refused");
        let code = if refusal.retry_after_ms.is_some() { TRY_AGAIN } else { REFUSED };
        self.shared.to_link(transport, vec![link_down(link, code, &refusal.message)]);
    }

    /// Closes a fresh link again if its token has ended since it was looked at.
    pub(crate) fn check_token(&self, link: &Link) {
        credential::check(&self.shared, link);
    }

    /// A link is gone: whatever was on it is due again.
    pub fn close(&self, link: LinkId, reason: &'static str) {
        let Some(session) = self.shared.presence.close(link) else { return };
        fail::fail_point!("link.lost");
        self.give_back(link, session, reason);
    }

    /// Every link of a transport is gone.
    pub fn close_all(&self, transport: &str, reason: &'static str) {
        for link in self.shared.presence.links_where(|link| &*link.transport == transport) {
            self.close(link.id, reason);
        }
    }

    fn give_back(&self, link: LinkId, session: SessionId, reason: &'static str) {
        if self.door.submit(Work::LinkLost { link, session, reason }) || self.shared.is_draining() {
            return;
        }
        // The writer is full. The lease must not stay with a dead link, so try until there is room.
        let (door, clock) = (self.door.clone(), self.shared.clock.clone());
        self.shared.runtime.spawn(async move {
            loop {
                clock.sleep_until(clock.now().plus_ms(100)).await;
                if door.submit(Work::LinkLost { link, session, reason }) || door.shared().is_draining() {
                    return;
                }
            }
        });
    }

    /// Takes messages of links, in order. Never waits.
    pub fn take(&self, inputs: &[LinkInput<'_>]) {
        let requests = inputs.iter().filter_map(|input| self.request(input)).collect();
        self.door.submit_all(requests);
    }

    /// Something became of a transport: it is written down on the mesh's own timeline. Never waits.
    pub(crate) fn incident(&self, body: EventBody) {
        self.shared.incidents.note(&self.door, Incident { body, answer: None });
    }

    /// A transport has room again.
    pub fn writable(&self, transport: &str) {
        self.tell(|router| drop(router.try_send(Transport { name: transport.into() })));
    }

    /// Returns the router that runs now.
    pub(crate) fn router(&self) -> Option<Addr<Router>> {
        self.router.addr()
    }

    fn tell(&self, f: impl FnOnce(&Addr<Router>)) {
        if let Some(router) = self.router.addr() {
            f(&router);
        }
    }

    fn request(&self, input: &LinkInput<'_>) -> Option<Request> {
        let link = self.shared.presence.link(input.link)?;
        link.took();
        let reply = ReplyTo::link(&self.shared, input.link, input.corr);
        if link.is_congested(self.shared.config.limits.in_flight.saturating_mul(4)) {
            reply.refuse(crate::request::busy());
            return None;
        }
        let (key, command) = match self.command(input) {
            Ok(Some(command)) => command,
            Ok(None) => {
                link.answered();
                reply.silence();
                return None;
            }
            Err(refusal) => {
                reply.refuse(refusal);
                return None;
            }
        };
        let origin = Origin { link: Some(input.link) };
        Some(Request { principal: Arc::clone(&link.principal), origin, key, command, reply })
    }

    fn command(&self, input: &LinkInput<'_>) -> Result<Option<(Option<String>, Command)>, Refusal> {
        match input.kind {
            FrameKind::Command => {
                let CommandFrame { key, command } = parse::from_json(input.payload).map_err(of_command)?;
                Ok(Some((key, command)))
            }
            FrameKind::Receipt => {
                let frame: ReceiptFrame =
                    parse::from_json(input.payload).map_err(|refusal| below("receipt", refusal))?;
                Ok(Some((None, Command::Receipt(frame.into()))))
            }
            FrameKind::Credit => {
                let frame: CreditFrame = parse::from_json(input.payload).map_err(|refusal| below("credit", refusal))?;
                self.grant(input.link, frame)?;
                Ok(None)
            }
            FrameKind::LinkDown => {
                self.close(input.link, "the transport ended the link");
                Ok(None)
            }
            FrameKind::Outcome | FrameKind::Delivery | FrameKind::Skip | FrameKind::Progress => {
                Err(Refusal::new(Code::BadInput, "a transport sent what only the daemon sends"))
            }
        }
    }

    fn grant(&self, link: LinkId, frame: CreditFrame) -> Result<(), Refusal> {
        let Some(attachment) = is_writer(&self.shared, link) else {
            return Err(Refusal::new(Code::NotAttached, "credit is given by the session's writer"));
        };
        if let Some(window) = &attachment.window {
            let mut window = window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            window.grant(frame.lane, frame.credit, self.shared.config.limits.credit);
        }
        self.tell(|router| drop(router.try_send(Wake(attachment.session))));
        Ok(())
    }
}

/// A path begins at the command, as on every other surface, and not at the frame round it.
fn of_command(mut refusal: Refusal) -> Refusal {
    refusal.field = refusal.field.map(|path| path.strip_prefix("command.").unwrap_or(&path).to_owned());
    refusal
}

/// A receipt and a credit come without a name of their own.
fn below(name: &str, mut refusal: Refusal) -> Refusal {
    refusal.field = Some(refusal.field.map_or_else(|| name.to_owned(), |path| format!("{name}.{path}")));
    refusal
}
