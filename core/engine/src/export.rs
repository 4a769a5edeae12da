//! A session's timeline as a text, for programs or for people: read and written piece by piece, however long it is.

mod markdown;

use std::{str::FromStr, sync::Arc};

use tieline_model::{
    Address, Code, Command, Event, Failure, Principal, Refusal, Reply, Scope, SessionId,
    command::{ExportOrigin, Origin, SessionRef},
    export::{End, Exported, FORMAT, Header, Line},
    reply::SessionView,
};

use crate::{door::Door, purge::read};

/// How many events are read at once, at most.
const PAGE: usize = 256;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object a line: complete, and can be imported.
    #[default]
    JsonLines,
    /// For people.
    Markdown,
}

impl FromStr for Format {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "jsonl" => Ok(Format::JsonLines),
            "markdown" => Ok(Format::Markdown),
            other => {
                let shown: String = other.chars().take(64).collect();
                let message = format!("`{shown}`; wanted `jsonl` or `markdown`");
                Err(Refusal::new(Code::BadInput, message).at("format"))
            }
        }
    }
}

enum Step {
    Head,
    Events { after: u64 },
    End,
    Over,
}

/// An export under way. It ends with what was the newest event when it began.
pub struct Export {
    door: Door,
    session: SessionId,
    format: Format,
    view: Box<SessionView>,
    origin: ExportOrigin,
    step: Step,
    written: u64,
}

impl Export {
    /// Begins one, for a caller that may read the session.
    pub async fn open(door: &Door, caller: &Arc<Principal>, session: Address, format: Format) -> Result<Self, Failure> {
        if !caller.may(Scope::TimelineRead) {
            let message = format!("`{}` lacks the scope `timeline:read`", caller.name);
            return Err(Refusal::new(Code::Forbidden, message).into());
        }
        let get = Command::SessionGet(SessionRef { session });
        let view = match door.dispatch(caller, Origin::default(), None, get).await? {
            Reply::Session(view) => view,
            other => {
                return Err(door.shared().fault(format_args!("a session was asked for, and came {other:?}")).into());
            }
        };
        let id = view.id;
        let scope = read(door, move |reader| reader.scope(id)).await?;
        let origin = ExportOrigin {
            log_id: door.shared().log_id.clone(),
            session: id,
            first_seq: scope.first,
            last_seq: scope.newest,
        };
        Ok(Self { door: door.clone(), session: id, format, view, origin, step: Step::Head, written: 0 })
    }

    /// Returns the next piece of the text, with its line breaks; `None` at the end.
    ///
    /// # Errors
    /// When the store fails. The text then lacks its end, and an import refuses it.
    pub async fn next(&mut self) -> Option<Result<String, Failure>> {
        loop {
            match self.step {
                Step::Head => {
                    self.step = Step::Events { after: self.origin.first_seq.saturating_sub(1) };
                    return Some(Ok(self.head()));
                }
                // An empty piece would end the stream of whoever passes it on.
                Step::Events { after } => match self.events(after).await {
                    Ok(text) if text.is_empty() => {}
                    piece => return Some(piece),
                },
                Step::End => {
                    self.step = Step::Over;
                    return Some(Ok(self.end()));
                }
                Step::Over => return None,
            }
        }
    }

    fn head(&self) -> String {
        let exported_at_ms = self.door.shared().clock.now();
        match self.format {
            Format::JsonLines => line(&Line::Header(Box::new(Header {
                format: FORMAT,
                origin: self.origin.clone(),
                session: (*self.view).clone(),
                exported_at_ms,
            }))),
            Format::Markdown => markdown::head(&self.view, &self.origin, exported_at_ms),
        }
    }

    async fn events(&mut self, after: u64) -> Result<String, Failure> {
        let (session, through) = (self.session, self.origin.last_seq);
        let found = read(&self.door, move |reader| reader.worded_of(session, (after, through), PAGE)).await;
        let found = found.inspect_err(|_| self.step = Step::Over)?;
        self.step = match found.last() {
            Some(last) => Step::Events { after: last.seq },
            None => Step::End,
        };
        let mut text = String::new();
        for worded in found {
            let Some(body) = worded.body else {
                self.step = Step::Over;
                let what = format_args!("event {} of {session} is damaged and cannot be exported", worded.seq);
                return Err(self.door.shared().fault(what).into());
            };
            let event = Event { cursor: worded.cursor, session, seq: worded.seq, at_ms: worded.at, body };
            self.written += 1;
            let exported = Exported { event, message: worded.message };
            text += &match self.format {
                Format::JsonLines => line(&Line::Event(Box::new(exported))),
                Format::Markdown => markdown::event(&exported, |id| self.door.shared().title(id)),
            };
        }
        Ok(text)
    }

    fn end(&self) -> String {
        match self.format {
            Format::JsonLines => line(&Line::End(End { events: self.written })),
            Format::Markdown => markdown::end(self.written),
        }
    }
}

fn line(line: &Line) -> String {
    // These types have no map with other keys than texts: nothing that JSON cannot say.
    serde_json::to_string(line).map(|text| text + "\n").unwrap_or_default()
}
