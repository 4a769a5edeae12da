//! The conversation.

use tieline_model::{
    Address, Command, DeliveryState, Message, MessageId, MessageKind, Reply,
    command::{Ack, Ask, Broadcast, Notify},
    reply::Accepted,
};

use super::{
    cast::{Cast, Player},
    peer::{Ledger, Peer},
    stage::Stage,
};
use crate::exit::Failed;

/// So long the second ask stays open. Its answer is meant to come too late.
const HURRY_MS: u64 = 1_000;

/// Plays it.
pub async fn play(cast: &mut Cast, stage: &Stage<'_>) -> Result<(), Failed> {
    let build = cast.hire(stage.client, "demo-build").await?;
    let review = cast.hire(stage.client, "demo-review").await?;
    let docs = cast.hire(stage.client, "demo-docs").await?;
    stage.happens(&format!("three peers in a circle of their own, over WebSockets at {}", stage.client.endpoint()))?;
    let mut build = Actor { peer: build.enter(stage.client, Ledger::default()).await?, role: build };
    let mut review = Actor { peer: review.enter(stage.client, Ledger::default()).await?, role: review };
    let gone = docs.enter(stage.client, Ledger::default()).await?.leave().await?;
    stage.happens(&format!("{} was here and went offline", docs.name))?;

    answered(stage, &mut build, &mut review).await?;
    answered_late(stage, &mut build, &mut review).await?;
    let told = tell(stage, &mut build, &docs, "The README has a new section.").await?;
    let asked = ask(stage, &mut build, &docs, "Could you proofread it?", None).await?;
    stage.shows(asked, &docs, DeliveryState::Accepted).await?;
    let everybody = broadcast(stage, &mut review, &mut build, &docs, "main is frozen until the release.").await?;
    let waiting = [told, asked, everybody];
    comes_back(stage, docs, gone, waiting, &mut build).await?;
    build.peer.leave().await?;
    review.peer.leave().await?;
    Ok(())
}

/// A player with its connection.
struct Actor {
    role: Player,
    peer: Peer,
}

/// An ask, and its answer.
async fn answered(stage: &Stage<'_>, build: &mut Actor, review: &mut Actor) -> Result<(), Failed> {
    let text = "May I merge the fix for the flaky test?";
    let message = ask(stage, build, &review.role, text, None).await?;
    expect(review.peer.take().await?, message, MessageKind::Ask)?;
    let answer = ack(stage, review, &build.role, message, "Yes, once the tests are green.", false).await?;
    stage.shows(message, &review.role, DeliveryState::Answered).await?;
    expect(build.peer.take().await?, answer, MessageKind::Ack)?;
    stage.shows(answer, &build.role, DeliveryState::Seen).await.map(drop)
}

/// An ask that ends before it is answered, and the answer that comes all the same.
async fn answered_late(stage: &Stage<'_>, build: &mut Actor, review: &mut Actor) -> Result<(), Failed> {
    let text = "Which commit is the release? I can wait 1 s.";
    let message = ask(stage, review, &build.role, text, Some(HURRY_MS)).await?;
    expect(build.peer.take().await?, message, MessageKind::Ask)?;
    stage.shows(message, &build.role, DeliveryState::Seen).await?;
    let notice = review.peer.take().await?;
    let about = notice.notice.as_ref().map(|notice| (notice.message, notice.state));
    if about != Some((message, DeliveryState::Expired)) {
        return Err(Failed::No(format!("`{}` was not told that its ask expired", review.role.name)));
    }
    stage.happens(&format!("the mesh tells {} that nobody answered in time", review.role.name))?;
    let answer = ack(stage, build, &review.role, message, "Sorry, I was compiling. It is 4be1c07.", true).await?;
    expect(review.peer.take().await?, answer, MessageKind::Ack)?;
    stage.shows(answer, &review.role, DeliveryState::Seen).await.map(drop)
}

/// The one that was away takes what waited, in order, and answers.
async fn comes_back(
    stage: &Stage<'_>,
    docs: Player,
    gone: Ledger,
    waiting: [MessageId; 3],
    build: &mut Actor,
) -> Result<(), Failed> {
    stage.happens(&format!("{} comes back and takes its mail", docs.name))?;
    let [told, asked, broadcast] = waiting;
    let mut docs = Actor { peer: docs.enter(stage.client, gone).await?, role: docs };
    let mut mail = Vec::new();
    while mail.len() < 3 {
        mail.push(docs.peer.take().await?.id);
    }
    // Lanes are independent; within one, order holds.
    let in_lane: Vec<MessageId> = mail.iter().copied().filter(|id| *id != broadcast).collect();
    if in_lane != [told, asked] || !mail.contains(&broadcast) {
        return Err(Failed::No(format!("`{}` did not get its mail in order", docs.role.name)));
    }
    for message in waiting {
        stage.shows(message, &docs.role, DeliveryState::Seen).await?;
    }
    let answer = ack(stage, &mut docs, &build.role, asked, "Done: two typos, both mine.", false).await?;
    stage.shows(asked, &docs.role, DeliveryState::Answered).await?;
    expect(build.peer.take().await?, answer, MessageKind::Ack)?;
    stage.shows(answer, &build.role, DeliveryState::Seen).await?;
    docs.peer.leave().await.map(drop)
}

async fn ask(
    stage: &Stage<'_>,
    from: &mut Actor,
    to: &Player,
    text: &str,
    expires_in_ms: Option<u64>,
) -> Result<MessageId, Failed> {
    let to_address = Address::Session(to.session);
    let ask = Ask { expires_in_ms, ..Ask::new(to_address, text) };
    let message = accepted(from.peer.call(Command::Ask(ask)).await?)?.message;
    stage.sends(&from.role.name, &to.name, "ask", text)?;
    Ok(message)
}

async fn ack(
    stage: &Stage<'_>,
    from: &mut Actor,
    to: &Player,
    ask: MessageId,
    text: &str,
    is_late: bool,
) -> Result<MessageId, Failed> {
    let command = Command::Ack(Ack { ask, text: Some(text.into()), sender: None, decline: false });
    let reply = accepted(from.peer.call(command).await?)?;
    if reply.late != is_late {
        return Err(Failed::No(format!("an answer should be late: {is_late}, and is: {}", reply.late)));
    }
    let what = if is_late { "late answer" } else { "answer" };
    stage.sends(&from.role.name, &to.name, what, text)?;
    Ok(reply.message)
}

async fn tell(stage: &Stage<'_>, from: &mut Actor, to: &Player, text: &str) -> Result<MessageId, Failed> {
    let to_address = Address::Session(to.session);
    let notify = Notify::new(to_address, text);
    let message = accepted(from.peer.call(Command::Notify(notify)).await?)?.message;
    stage.sends(&from.role.name, &to.name, "notify", text)?;
    stage.shows(message, to, DeliveryState::Accepted).await?;
    Ok(message)
}

async fn broadcast(
    stage: &Stage<'_>,
    from: &mut Actor,
    online: &mut Actor,
    offline: &Player,
    text: &str,
) -> Result<MessageId, Failed> {
    let command = Broadcast { text: text.into(), circle: None, exclude: Vec::new(), sender: None, expires_in_ms: None };
    let message = accepted(from.peer.call(Command::Broadcast(command)).await?)?.message;
    stage.sends(&from.role.name, "everybody", "broadcast", text)?;
    expect(online.peer.take().await?, message, MessageKind::Broadcast)?;
    stage.shows(message, &online.role, DeliveryState::Seen).await?;
    stage.shows(message, offline, DeliveryState::Accepted).await?;
    Ok(message)
}

fn accepted(reply: Reply) -> Result<Accepted, Failed> {
    match reply {
        Reply::Accepted(accepted) => Ok(accepted),
        _ => Err(Failed::No("the daemon gave a reply of another command".into())),
    }
}

fn expect(message: Message, id: MessageId, kind: MessageKind) -> Result<(), Failed> {
    if message.id == id && message.kind == kind {
        return Ok(());
    }
    let (wanted, found) = (kind.as_str(), message.kind.as_str());
    Err(Failed::No(format!("wanted the {wanted} {id}, and got the {found} {}", message.id)))
}
