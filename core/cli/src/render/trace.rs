//! Where a message went, with the evidence.

use tieline_model::{
    DeliveryState, MessageKind, TimestampMs,
    ask::AskState,
    reply::{AskView, Trace, TraceDelivery},
};

use super::{
    indented, lane, line, span, stamp,
    style::{Paint, Style},
};

/// Renders a trace.
pub fn trace(trace: &Trace, style: &Style) -> String {
    let message = &trace.message;
    let kind = if message.kind == MessageKind::Ack { "answer" } else { message.kind.as_str() };
    let mut out = format!(
        "{} from `{}`  {}\n{}",
        style.bold(kind),
        line(&message.from.title),
        style.dim(&stamp(message.sent_at_ms)),
        style.dim(&format!("  {}", message.id))
    );
    if let Some(text) = &message.text {
        out += &format!("\n{}", indented(text));
    }
    if message.purged {
        out += "\n  (its words were purged)";
    }
    if let Some(view) = &trace.ask {
        out += &format!("\n{}", ask(view, message.sent_at_ms, style));
    }
    trace.deliveries.iter().fold(out, |out, one| format!("{out}\n{}", delivery(one, message.sent_at_ms, style)))
}

fn ask(view: &AskView, asked_at: TimestampMs, style: &Style) -> String {
    let paint = match view.state {
        AskState::Open => Paint::Warn,
        AskState::Answered => Paint::Good,
        AskState::Expired | AskState::Cancelled | AskState::Orphaned | AskState::Declined | AskState::Superseded => {
            Paint::Bad
        }
    };
    let after = view.closed_at_ms.map(|at| format!(" after {}", span(at.0 - asked_at.0))).unwrap_or_default();
    let answer = view.answer.map(|answer| style.dim(&format!("  {answer}"))).unwrap_or_default();
    format!("the ask is {}{after}{answer}", style.paint(paint, view.state.as_str()))
}

fn delivery(one: &TraceDelivery, sent_at: TimestampMs, style: &Style) -> String {
    let view = &one.delivery;
    let lane = lane(view.lane);
    let state = style.paint(paint(view.state), view.state.as_str());
    let head = format!("to `{}`: {state}  {}", line(&view.title), style.dim(&format!("{lane} {}", view.seq)));
    one.evidence.iter().fold(head, |out, evidence| {
        let state = style.paint(paint(evidence.state), &format!("{:9}", evidence.state.as_str()));
        let after = format!("+{}", span(evidence.at_ms.0 - sent_at.0));
        format!("{out}\n  {state}  {after:>9}  {}", line(&evidence.what))
    })
}

/// Returns what a state looks like.
pub fn paint(state: DeliveryState) -> Paint {
    match state {
        DeliveryState::Accepted | DeliveryState::Sent => Paint::Warn,
        DeliveryState::Delivered | DeliveryState::Seen | DeliveryState::Answered => Paint::Good,
        DeliveryState::Expired | DeliveryState::Cancelled | DeliveryState::Dead => Paint::Bad,
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::reply::Evidence;

    use super::*;
    use crate::render::testing::*;

    #[test]
    fn each_state_is_shown_with_its_time_and_what_shows_it() {
        let at = |ms: i64| TimestampMs(THEN.0 + ms);
        let evidence = |state, ms, what: &str| Evidence { state, at_ms: at(ms), what: what.into() };
        let mut view = delivery_view();
        view.state = DeliveryState::Answered;
        let trace = Trace {
            message: message(MessageKind::Ask, Some("May I?")),
            ask: Some(AskView {
                state: AskState::Answered,
                asker: session_id(1),
                addressee: session_id(2),
                answer: Some(message_id(5)),
                closed_at_ms: Some(at(1_200)),
            }),
            deliveries: vec![TraceDelivery {
                delivery: view,
                evidence: vec![
                    evidence(DeliveryState::Accepted, 0, "stored"),
                    evidence(DeliveryState::Delivered, 12, "receipt of the writer of epoch 1"),
                ],
            }],
        };
        let wanted = format!(
            "ask from `build`  2026-11-24 22:30:00.000Z\n  {}\n  May I?\n\
             the ask is answered after 1.2 s  {}\n\
             to `review`: answered  msg 7\n  accepted       +0 ms  stored\n  \
             delivered     +12 ms  receipt of the writer of epoch 1",
            message_id(1),
            message_id(5)
        );
        assert_eq!(super::trace(&trace, &PLAIN), wanted);
    }

    fn delivery_view() -> tieline_model::reply::DeliveryView {
        crate::render::testing::delivery("review", None)
    }
}
