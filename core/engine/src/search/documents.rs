//! Events as search sees them: which words they have, whose doing they are, and what else they are.

use serde_json::Value;
use tieline_model::{
    DeliveryState, EventBody, PrincipalId,
    event::{Activity, ChatRole, PluginChange, Recorded, TurnOutcome},
};
use tieline_search::{Author, Document, Flag, PART, Source};
use tieline_store::{Reader, Readers, StoreError, Worded};

/// The events of the store, read over a connection of the caller's.
pub struct Documents<'a>(pub &'a mut Reader);

impl Source for Documents<'_> {
    type Error = StoreError;

    fn newest(&mut self) -> Result<i64, StoreError> {
        self.0.last_cursor()
    }

    fn after(&mut self, cursor: i64, limit: usize) -> Result<Vec<Document>, StoreError> {
        Ok(self.0.worded_after(cursor, limit)?.into_iter().map(document).collect())
    }

    fn between(&mut self, from: i64, before: i64, limit: usize) -> Result<Vec<Document>, StoreError> {
        Ok(self.0.worded_between(from, before, limit)?.into_iter().map(document).collect())
    }

    fn at(&mut self, cursors: &[i64]) -> Result<Vec<Document>, StoreError> {
        Ok(self.0.worded_at(cursors)?.into_iter().map(document).collect())
    }
}

/// The events of the store, read over a connection that is given back each time: whoever indexes keeps nobody waiting.
pub struct Pooled<'a>(pub &'a Readers);

impl Source for Pooled<'_> {
    type Error = StoreError;

    fn newest(&mut self) -> Result<i64, StoreError> {
        Documents(&mut self.0.take()).newest()
    }

    fn after(&mut self, cursor: i64, limit: usize) -> Result<Vec<Document>, StoreError> {
        Documents(&mut self.0.take()).after(cursor, limit)
    }

    fn between(&mut self, from: i64, before: i64, limit: usize) -> Result<Vec<Document>, StoreError> {
        Documents(&mut self.0.take()).between(from, before, limit)
    }

    fn at(&mut self, cursors: &[i64]) -> Result<Vec<Document>, StoreError> {
        Documents(&mut self.0.take()).at(cursors)
    }
}

/// Makes the document of an event.
pub fn document(event: Worded) -> Document {
    let mut document = Document {
        cursor: event.cursor,
        session: event.session,
        seq: event.seq,
        circle: event.circle,
        at_ms: event.at,
        kinds: event.body.iter().map(EventBody::kind).collect(),
        authors: Vec::new(),
        flags: event.body.iter().flat_map(flags).collect(),
        text: String::new(),
    };
    match event.body {
        Some(EventBody::MessageAccepted { kind, .. }) => {
            document.kinds.push(kind.as_str());
            if let Some(message) = event.message {
                document.authors.push(Author::Principal(message.from.principal));
                let reason = message.notice.and_then(|notice| notice.reason);
                document.text = joined([message.text, reason].into_iter().flatten());
            }
        }
        Some(EventBody::MessageImported(message)) => {
            document.kinds.push(message.kind.as_str());
            document.text = joined(message.text);
        }
        Some(EventBody::Activity(recorded)) => told(&mut document, &recorded),
        Some(other) => plain(&mut document, &other),
        None => {}
    }
    document
}

fn told(document: &mut Document, recorded: &Recorded) {
    document.at_ms = recorded.happened_at_ms.unwrap_or(document.at_ms);
    document.authors.push(Author::Principal(recorded.by));
    if let Activity::Said { role, .. } = &recorded.what {
        document.authors.push(Author::Role(role.as_str().to_owned()));
    }
    document.text = joined(recorded.what.texts());
}

/// An event without words of its own is found by the name of its kind and by every text in it that is no id.
fn plain(document: &mut Document, body: &EventBody) {
    let mut texts = vec![body.kind().replace('_', " ")];
    let json = serde_json::to_value(body).unwrap_or_default();
    if let Some(fields) = json.as_object().and_then(|tagged| tagged.values().next()) {
        let by = fields.get("by").or_else(|| fields.get("principal")).and_then(Value::as_str);
        document.authors.extend(by.and_then(|id| id.parse::<PrincipalId>().ok()).map(Author::Principal));
        collect(fields, &mut texts);
    }
    document.text = joined(texts);
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if !is_id(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

/// Ids end with an underscore and 32 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(_, hex)| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn flags(body: &EventBody) -> Vec<Flag> {
    let failed = |is_failed: bool| is_failed.then_some(Flag::Error);
    match body {
        EventBody::Activity(recorded) => match &recorded.what {
            Activity::ApprovalAsked { .. } | Activity::ApprovalDecided { .. } => vec![Flag::Approval],
            Activity::ToolCalled { .. } => vec![Flag::Tool],
            Activity::ToolEnded { is_ok, .. } => [Some(Flag::Tool), failed(!is_ok)].into_iter().flatten().collect(),
            Activity::TurnEnded { outcome, .. } => failed(*outcome == TurnOutcome::Failed).into_iter().collect(),
            Activity::FileChanged { .. } => vec![Flag::File],
            Activity::Spent { .. } => vec![Flag::Cost],
            _ => Vec::new(),
        },
        EventBody::DeliveryEnded { state, .. } => failed(*state == DeliveryState::Dead).into_iter().collect(),
        EventBody::PluginChanged { change, .. } => {
            let is_bad = matches!(change, PluginChange::Died | PluginChange::Failed | PluginChange::Quarantined);
            failed(is_bad).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn joined<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() {
            all.push(PART);
        }
        all.push_str(text.as_ref());
    }
    all
}

/// Returns the role in a chat that has a name.
pub fn role(name: &str) -> Option<Author> {
    let roles = [ChatRole::User, ChatRole::Assistant, ChatRole::Reasoning, ChatRole::System];
    let found = roles.into_iter().map(ChatRole::as_str).find(|role| role.eq_ignore_ascii_case(name));
    found.map(|role| Author::Role(role.to_owned()))
}

#[cfg(test)]
mod tests {
    use tieline_model::{MessageId, SessionId, TimestampMs};

    use super::*;

    fn of(body: EventBody) -> Document {
        document(Worded {
            cursor: 7,
            session: SessionId::from_uuid(uuid::Uuid::nil()),
            circle: "main".into(),
            seq: 3,
            at: TimestampMs(9),
            body: Some(body),
            message: None,
        })
    }

    #[test]
    fn an_event_without_words_is_found_by_its_kind_and_its_reasons_and_not_by_ids() {
        let by = PrincipalId::from_uuid(uuid::Uuid::from_u128(5));
        let opened = of(EventBody::SessionOpened { title: "Release 2".into(), circle: "main".into(), by });
        assert_eq!(opened.kinds, ["session_opened"]);
        assert_eq!(opened.authors, [Author::Principal(by)]);
        assert!(opened.text.starts_with("session opened") && opened.text.contains("Release 2"), "{}", opened.text);
        assert!(!opened.text.contains(&by.to_string()));
        let ended = of(EventBody::DeliveryEnded {
            lane: tieline_model::Lane::Msg,
            seq: 1,
            message: MessageId::from_uuid(uuid::Uuid::nil()),
            state: DeliveryState::Dead,
            reason: Some("the far side refused it".into()),
        });
        assert!(ended.text.contains("the far side refused it") && ended.text.contains("dead"));
        assert_eq!(ended.flags, [Flag::Error]);
    }

    #[test]
    fn what_was_said_has_its_role_and_its_own_time() {
        let by = PrincipalId::from_uuid(uuid::Uuid::from_u128(5));
        let what = Activity::Said { role: ChatRole::Assistant, text: "done".into(), model: Some("m1".into()) };
        let recorded = Recorded { by, happened_at_ms: Some(TimestampMs(4)), source: None, what };
        let said = of(EventBody::Activity(Box::new(recorded)));
        assert_eq!(said.authors, [Author::Principal(by), Author::Role("assistant".into())]);
        assert_eq!((said.at_ms, said.text), (TimestampMs(4), format!("done{PART}m1")));
        assert_eq!(role("Assistant"), Some(Author::Role("assistant".into())));
    }
}
