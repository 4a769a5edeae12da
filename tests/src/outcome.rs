//! Takes outcomes and frames apart, and says what was found when it was not what was wanted.

use tieline_model::{
    Failure, Outcome, Refusal, Reply,
    frame::DeliveryFrame,
    message::Notice,
    reply::{Accepted, AcceptedMany, Attached, ImportedView, InboxPage, SessionView, Trace},
};

/// What a scenario expects of an outcome.
pub trait Outcomes {
    /// The reply, whatever it is.
    fn reply(self) -> Reply;
    /// A message that was accepted.
    fn accepted(self) -> Accepted;
    /// Asks that were accepted together.
    fn accepted_many(self) -> AcceptedMany;
    /// A welcome.
    fn attached(self) -> Attached;
    /// A session.
    fn session(self) -> SessionView;
    /// An inbox.
    fn inbox(self) -> InboxPage;
    /// A trace.
    fn trace(self) -> Trace;
    /// An export that was taken in.
    fn imported(self) -> ImportedView;
    /// A refusal.
    fn refused(self) -> Refusal;
}

macro_rules! only {
    ($outcome:expr, $variant:ident) => {
        match $outcome {
            Ok(Reply::$variant(reply)) => reply,
            other => panic!(concat!("wanted ", stringify!($variant), ", found {:?}"), other),
        }
    };
}

impl Outcomes for Outcome {
    fn reply(self) -> Reply {
        self.unwrap_or_else(|failure| panic!("wanted a reply, found {failure:?}"))
    }
    fn accepted(self) -> Accepted {
        only!(self, Accepted)
    }
    fn accepted_many(self) -> AcceptedMany {
        only!(self, AcceptedMany)
    }
    fn attached(self) -> Attached {
        only!(self, Attached)
    }
    fn session(self) -> SessionView {
        *only!(self, Session)
    }
    fn inbox(self) -> InboxPage {
        only!(self, Inbox)
    }
    fn trace(self) -> Trace {
        only!(self, Trace)
    }
    fn imported(self) -> ImportedView {
        only!(self, Imported)
    }
    fn refused(self) -> Refusal {
        match self {
            Err(Failure::Refusal(refusal)) => refusal,
            other => panic!("wanted a refusal, found {other:?}"),
        }
    }
}

/// Returns the words of deliveries, in order.
pub fn texts(deliveries: &[DeliveryFrame]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.message.text.as_deref().unwrap_or("")).collect()
}

/// Returns what a delivery has to say about an earlier message.
pub fn notice(delivery: &DeliveryFrame) -> &Notice {
    match &delivery.message.notice {
        Some(notice) => notice,
        None => panic!("wanted a notice, found {:?}", delivery.message),
    }
}
