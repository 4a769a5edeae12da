//! What is known of something, for a model: as much as fits, session by session, each line with the way to the event.

use tieline_model::{
    Reply, SessionId,
    command::{Recall, Search},
    reply::Recalled,
};
use tieline_search::{Hit, Snippet, day_and_time};

use super::{Query, limit};
use crate::decide::Stop;

/// A token is counted as so many bytes.
const TOKEN_BYTES: usize = 4;
/// How many hits are looked at.
const MAX_HITS: usize = 100;
const HOW_TO_GO_ON: &str = "\nTo read around one: command timeline, {\"sessions\": [the ses_ id], \"after\": the number less a few, \"limit\": 20}.\n";

impl Query<'_> {
    /// Answers `recall`.
    pub(super) fn recall(&mut self, ask: &Recall) -> Result<Reply, Stop> {
        let budget = limit(ask.budget_tokens, 1_500, 8_000, "recall.budget_tokens")?;
        if budget < 100 {
            let message = format!("{budget}; wanted 100 to 8000");
            return Err(tieline_model::Refusal::new(tieline_model::Code::BadInput, message)
                .at("recall.budget_tokens")
                .into());
        }
        let search = Search { query: ask.query.clone(), ..Search::default() };
        let found = self.look_up(&search, MAX_HITS, "recall")?;
        let is_last = found.next.is_none();
        let mut digest = Digest::new(budget as usize * TOKEN_BYTES);
        let count = found.hits.len();
        let taken = found.hits.iter().take_while(|hit| digest.take(hit, || self.shared.title(hit.session))).count();
        let digest = digest.finish(count, is_last);
        Ok(Reply::Recalled(Recalled {
            tokens: tokens(&digest),
            digest,
            hits: u32::try_from(taken).unwrap_or(u32::MAX),
            has_more: taken < count || !is_last,
        }))
    }
}

fn tokens(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(TOKEN_BYTES)).unwrap_or(u32::MAX)
}

/// The lines of each session, in the order of its best hit.
struct Digest {
    room: usize,
    sessions: Vec<(SessionId, String, u32)>,
}

impl Digest {
    fn new(bytes: usize) -> Self {
        Self { room: bytes.saturating_sub(HOW_TO_GO_ON.len() + 100), sessions: Vec::new() }
    }

    /// Takes a hit when there is room for it.
    fn take(&mut self, hit: &Hit, title: impl FnOnce() -> String) -> bool {
        let line = format!("- {} {} {}: {}\n", hit.cursor, day_and_time(hit.at_ms), hit.kind, marked(&hit.snippet));
        if let Some((_, lines, count)) = self.sessions.iter_mut().find(|(session, ..)| *session == hit.session) {
            if line.len() > self.room {
                return false;
            }
            self.room -= line.len();
            lines.push_str(&line);
            *count += 1;
            return true;
        }
        let head = format!("\n## {}, {}\n", one_line(&title()), hit.session);
        let Some(room) = self.room.checked_sub(head.len() + line.len()) else { return false };
        self.room = room;
        self.sessions.push((hit.session, head + &line, 1));
        true
    }

    fn finish(self, count: usize, is_last: bool) -> String {
        let told: u32 = self.sessions.iter().map(|(_, _, count)| count).sum();
        if told == 0 {
            return match (count, is_last) {
                (0, true) => "Nothing was found.\n".to_owned(),
                (0, false) => "Nothing was found among the newest events; search goes on further back.\n".to_owned(),
                _ => "What was found does not fit; ask with a larger budget_tokens.\n".to_owned(),
            };
        }
        let mut digest = match is_last {
            true => format!("{told} of {count} events, best first.\n"),
            false => format!("{told} of {count} or more events, best of the newest first.\n"),
        };
        self.sessions.iter().for_each(|(_, lines, _)| digest.push_str(lines));
        digest + HOW_TO_GO_ON
    }
}

/// A title is one line without what steers a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn marked(snippet: &Snippet) -> String {
    let mut out = String::with_capacity(snippet.text.len() + 16);
    if snippet.is_cut_before {
        out.push('…');
    }
    out.push_str(snippet.text.trim());
    if snippet.is_cut_after {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use tieline_model::TimestampMs;

    use super::*;

    fn hit(session: u128, cursor: i64, text: &str) -> Hit {
        Hit {
            cursor,
            session: SessionId::from_uuid(uuid::Uuid::from_u128(session)),
            seq: 1,
            at_ms: TimestampMs(1_795_185_000_000),
            kind: "said",
            snippet: Snippet { text: text.to_owned(), ..Snippet::default() },
        }
    }

    #[test]
    fn a_digest_stays_within_its_budget_and_groups_by_session() {
        for tokens_wanted in [100, 150, 400, 2_000] {
            let mut digest = Digest::new(tokens_wanted * TOKEN_BYTES);
            let hits: Vec<Hit> = (0..60).map(|n| hit(u128::from(n % 3 == 0), n, &"word ".repeat(20))).collect();
            let taken = hits.iter().take_while(|hit| digest.take(hit, || "a\ntitle".into())).count();
            let text = digest.finish(hits.len(), true);
            assert!(tokens(&text) as usize <= tokens_wanted, "{} of {tokens_wanted}", tokens(&text));
            assert!(text.matches("## a title, ses_").count() <= 2);
            assert!(taken == 0 || text.starts_with(&format!("{taken} of 60")), "{text}");
            assert!(tokens_wanted < 400 || taken > 5);
        }
    }
}
