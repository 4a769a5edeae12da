//! `tieline inbox`: reading, following, acknowledging.

use tieline_model::{
    Address, Command, EventBody, Lane, Reply,
    command::{Inbox, Receipt, ReceiptState},
    message::PerLane,
    reply::InboxPage,
};

use super::ask::unexpected;
use crate::{
    args,
    client::{Client, Item},
    context::Context,
    exit::Failed,
    output::now,
    render,
};

/// Runs it.
pub async fn inbox(context: &Context, args: args::Inbox) -> Result<(), Failed> {
    let client = context.client()?;
    let mut reader = Reader { context, client, args, seen: None, session: None };
    if reader.args.follow { reader.follow().await } else { reader.once().await }
}

struct Reader<'a> {
    context: &'a Context,
    client: Client,
    args: args::Inbox,
    session: Option<Address>,
    /// The newest number that was printed, per lane; nothing before the first page.
    seen: Option<PerLane<u64>>,
}

impl Reader<'_> {
    /// Prints one page.
    async fn once(&mut self) -> Result<(), Failed> {
        let page = self.read(self.args.lane, self.args.after).await?;
        let out = &self.context.out;
        out.reply(&Reply::Inbox(page.clone()))?;
        if page.has_more {
            let way = if self.args.ack { "run it again" } else { "--ack moves on, or use --lane and --after" };
            out.note(&format!("there is more: {way}"));
        } else if !page.items.is_empty() && !self.args.ack && self.args.after.is_none() {
            out.note("--ack marks these as read");
        }
        self.note_seen(&page);
        if self.args.ack { self.acknowledge(&page).await } else { Ok(()) }
    }

    /// Prints what waits and then what comes, until it is stopped.
    async fn follow(&mut self) -> Result<(), Failed> {
        let first = self.read(self.args.lane, self.args.after).await?;
        let session = first.session;
        self.session = Some(Address::Session(session));
        let mut events = self.client.events(&[session.to_string()], None).await?;
        self.context.out.note("following; Ctrl-C ends it");
        let mut is_lost = false;
        loop {
            let lanes = match events.next().await? {
                Item::Connected => {
                    if std::mem::take(&mut is_lost) {
                        self.context.out.note("connected again");
                    }
                    // What came while nobody listened has no event to wake us.
                    Lane::ALL.to_vec()
                }
                Item::Lost(why) => {
                    is_lost = true;
                    self.context.out.note(&format!("connection lost ({why}); trying again"));
                    continue;
                }
                // The words of what waits here are gone, and its event with them: it is read as what it is now.
                Item::Gap { .. } => continue,
                Item::Event { event, .. } => match event.map(|event| event.body) {
                    Some(EventBody::MessageAccepted { lane, .. }) => vec![lane],
                    _ => continue,
                },
            };
            for lane in lanes {
                if self.args.lane.is_none_or(|wanted| wanted == lane) {
                    self.drain(lane).await?;
                }
            }
        }
    }

    /// Prints what is new in a lane.
    async fn drain(&mut self, lane: Lane) -> Result<(), Failed> {
        loop {
            let after = self.seen.map(|seen| seen[lane]).filter(|seq| *seq > 0).or(self.args.after);
            let page = self.read(Some(lane), after).await?;
            for item in &page.items {
                let out = &self.context.out;
                if out.json { out.json(item)? } else { out.text(&(render::item(item, &out.style, now()) + "\n\n"))? }
            }
            self.note_seen(&page);
            if self.args.ack {
                self.acknowledge(&page).await?;
            }
            if !page.has_more || page.items.is_empty() {
                return Ok(());
            }
        }
    }

    async fn read(&self, lane: Option<Lane>, after: Option<u64>) -> Result<InboxPage, Failed> {
        let session = self.session.clone().or_else(|| self.args.session.clone());
        let command = Command::Inbox(Inbox { session, lane, after, limit: self.args.limit });
        match self.client.call(&command).await? {
            Reply::Inbox(page) => Ok(page),
            other => Err(unexpected(&other)),
        }
    }

    fn note_seen(&mut self, page: &InboxPage) {
        let seen = self.seen.get_or_insert(PerLane { ctl: 0, msg: 0, bulk: 0 });
        for item in &page.items {
            seen[item.lane] = seen[item.lane].max(item.seq);
        }
    }

    async fn acknowledge(&self, page: &InboxPage) -> Result<(), Failed> {
        for receipt in receipts(page) {
            self.client.call(&Command::Receipt(receipt)).await?;
        }
        Ok(())
    }
}

/// Returns what there is to say about a page that was printed: per lane delivered, then seen, up to its last number.
fn receipts(page: &InboxPage) -> Vec<Receipt> {
    let last = |lane| page.items.iter().filter(|item| item.lane == lane).map(|item| item.seq).max();
    let lanes = Lane::ALL.into_iter().filter_map(|lane| Some((lane, last(lane)?)));
    let both = |(lane, through)| {
        [ReceiptState::Delivered, ReceiptState::Seen].map(|state| Receipt {
            session: Some(Address::Session(page.session)),
            lane,
            through: Some(through),
            seq: None,
            state,
            reason: None,
        })
    };
    lanes.flat_map(both).collect()
}

#[cfg(test)]
mod tests {
    use tieline_model::MessageKind;

    use super::*;
    use crate::render::testing::*;

    #[test]
    fn every_lane_that_was_printed_is_acknowledged_up_to_its_last_number() {
        let item = |lane, seq| {
            let mut item = in_inbox(MessageKind::Notify, Some("x"));
            (item.lane, item.seq) = (lane, seq);
            item
        };
        let none = PerLane { ctl: 0, msg: 0, bulk: 0 };
        let page = InboxPage {
            session: session_id(1),
            items: vec![item(Lane::Msg, 4), item(Lane::Msg, 6), item(Lane::Bulk, 2)],
            heads: none,
            delivered: none,
            has_more: false,
        };
        let said: Vec<_> = receipts(&page).into_iter().map(|said| (said.lane, said.through, said.state)).collect();
        use ReceiptState::{Delivered, Seen};
        assert_eq!(
            said,
            [
                (Lane::Msg, Some(6), Delivered),
                (Lane::Msg, Some(6), Seen),
                (Lane::Bulk, Some(2), Delivered),
                (Lane::Bulk, Some(2), Seen)
            ]
        );
    }
}
