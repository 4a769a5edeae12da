//! Takes out of a JSON text what differs from run to run: ids and times.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

const PREFIXES: [&str; 10] = ["ses_", "msg_", "prn_", "tok_", "grp_", "lnk_", "flt_", "sch_", "job_", "prp_"];
const HEX: usize = 32;

/// The ids seen so far, numbered as they came.
#[derive(Default)]
pub struct Normal {
    names: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
}

impl Normal {
    /// Returns the value with names in place of ids, and words in place of times and versions.
    pub fn of(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                // Sorted, so that ids get the same numbers however a map is kept.
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_by_key(|(name, _)| name.as_str());
                let object: Map<String, Value> =
                    sorted.into_iter().map(|(name, value)| (name.clone(), self.field(name, value))).collect();
                Value::Object(object)
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.of(item)).collect()),
            Value::String(text) => Value::String(self.text(text)),
            other => other.clone(),
        }
    }

    fn field(&mut self, name: &str, value: &Value) -> Value {
        match name {
            "since_ms" | "at_ms" | "sent_at_ms" | "opened_at_ms" | "closed_at_ms" | "expires_at_ms"
            | "created_at_ms" | "nominal_ms" | "ready_at_ms" | "leased_until_ms" | "deadline_ms" | "ended_at_ms"
            | "heard_at_ms" | "until_ms" | "proposed_at_ms" | "decided_at_ms" | "retry_at_ms" | "until_ms"
            | "proposed_at_ms" | "decided_at_ms" | "retry_at_ms" | "heard_at_ms" | "claimed_at_ms"
                if value.is_number() =>
            {
                json!("[time]")
            }
            // Links of the chain of a memory; elsewhere these are numbers or ids.
            "before" | "after" if value.as_str().is_some_and(|text| text.len() == 2 * HEX) => json!("[link]"),
            "version" => json!("[version]"),
            "hash" => json!("[hash]"),
            // Each system has its own names for libraries.
            "file" => json!("[file]"),
            _ => self.of(value),
        }
    }

    /// Also within sentences.
    fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((at, prefix)) = next_id(rest) {
            let end = at + prefix.len() + HEX;
            out.push_str(&rest[..at]);
            out.push_str(&self.name(&rest[at..end], prefix));
            rest = &rest[end..];
        }
        without_clocks(&(out + rest))
    }

    fn name(&mut self, id: &str, prefix: &'static str) -> String {
        if let Some(name) = self.names.get(id) {
            return name.clone();
        }
        let count = self.counts.entry(prefix).or_default();
        *count += 1;
        let name = format!("{prefix}{count}");
        self.names.insert(id.to_owned(), name.clone());
        name
    }
}

/// Puts a word in place of each time of day, as in `09:05 UTC`.
fn without_clocks(text: &str) -> String {
    let mut parts = text.split(" UTC").peekable();
    let mut out = String::new();
    while let Some(part) = parts.next() {
        let is_clock = |clock: &str| clock.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        match part.len().checked_sub(5).filter(|at| part.is_char_boundary(*at) && is_clock(&part[*at..])) {
            Some(at) if parts.peek().is_some() => out = out + &part[..at] + "[clock]",
            _ => out = out + part + if parts.peek().is_some() { " UTC" } else { "" },
        }
    }
    out
}

fn next_id(text: &str) -> Option<(usize, &'static str)> {
    let is_id = |at: usize, prefix: &str| {
        let hex = text.get(at + prefix.len()..at + prefix.len() + HEX);
        hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let found = |prefix: &'static str| text.match_indices(prefix).find(|(at, _)| is_id(*at, prefix));
    PREFIXES.into_iter().filter_map(|prefix| Some((found(prefix)?.0, prefix))).min()
}
