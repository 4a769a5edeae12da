//! Checks settings against the JSON Schema of a manifest, and says of each mistake where it is, what was found, and what
//! was wanted.
//!
//! A part of JSON Schema that is enough for settings: `type`, `enum`, `const`, `minimum`, `maximum`, `exclusiveMinimum`,
//! `exclusiveMaximum`, `minLength`, `maxLength`, `minItems`, `maxItems`, `items`, `properties`, `required`,
//! `additionalProperties`, `anyOf`, `oneOf` (as `anyOf`), `allOf`, and `$ref` within the document. [`unchecked`] lists
//! what else a schema demands.

use std::{cell::Cell, fmt};

use serde_json::{Map, Value};

/// References and alternatives deeper than this are not followed.
const DEPTH: usize = 64;
/// More steps are not taken: references and alternatives within each other multiply.
const STEPS: usize = 100_000;
/// Words in a key whose value is not shown.
const SECRET: [&str; 5] = ["token", "secret", "pass", "key", "credential"];
/// Longer values are cut when they are shown.
const SHOWN: usize = 80;
/// What is wanted is cut when it is longer.
const WANTED: usize = 1000;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The keys that lead to it; a place in a list is its number from 0.
    pub path: Vec<String>,
    /// What stands there.
    pub found: String,
    /// What would be right.
    pub wanted: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { path, found, wanted } = self;
        let path = if path.is_empty() { "(all of it)".to_owned() } else { path.join(".") };
        write!(f, "{path}: found {found}, wanted {wanted}")
    }
}

/// Returns everything that is wrong with a value.
pub fn check(schema: &Value, value: &Value) -> Vec<Mistake> {
    let steps = Cell::new(STEPS);
    let mut walk = Walk { root: schema, steps: &steps, mistakes: Vec::new(), path: Vec::new() };
    walk.value(schema, value, 0);
    if steps.get() == 0 {
        let found = format!("a schema that is not done after {STEPS} steps");
        let wanted = "one with fewer references and alternatives within each other".to_owned();
        return vec![Mistake { path: Vec::new(), found, wanted }];
    }
    // The order of an object's keys depends on how its reader was built.
    walk.mistakes.sort_by(|a, b| a.path.cmp(&b.path));
    walk.mistakes
}

/// Lists what a schema demands beyond what [`check`] looks at.
pub fn unchecked(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_unchecked(schema, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect_unchecked(schema: &Value, found: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else { return };
    for (keyword, inner) in schema {
        match keyword.as_str() {
            "type" | "enum" | "const" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum"
            | "minLength" | "maxLength" | "minItems" | "maxItems" | "required" | "$ref" => {}
            // These describe and demand nothing.
            "title" | "description" | "default" | "examples" | "$schema" | "$id" | "$comment" | "format"
            | "deprecated" | "readOnly" | "writeOnly" => {}
            "items" | "additionalProperties" => collect_unchecked(inner, found),
            "anyOf" | "oneOf" | "allOf" => {
                inner.as_array().into_iter().flatten().for_each(|inner| collect_unchecked(inner, found));
            }
            "properties" | "$defs" | "definitions" => {
                inner.as_object().into_iter().flatten().for_each(|(_, inner)| collect_unchecked(inner, found));
            }
            other => found.push(other.to_owned()),
        }
    }
}

struct Walk<'a> {
    root: &'a Value,
    /// How many are left.
    steps: &'a Cell<usize>,
    path: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a> {
    /// Takes as many steps as are left, or one. False when there was none.
    fn step(&self, steps: usize) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(steps));
        left > 0
    }

    fn wrong(&mut self, found: impl Into<String>, wanted: impl Into<String>) {
        self.mistakes.push(Mistake { path: self.path.clone(), found: found.into(), wanted: wanted.into() });
    }

    fn below(&mut self, key: impl Into<String>, f: impl FnOnce(&mut Self)) {
        self.path.push(key.into());
        f(self);
        self.path.pop();
    }

    fn value(&mut self, schema: &'a Value, value: &Value, depth: usize) {
        if !self.step(1) {
            return;
        }
        let Some(schema) = self.resolve(schema, depth) else { return };
        let Value::Object(schema) = schema else {
            if schema == &Value::Bool(false) {
                self.wrong(shown(&self.path, value), "nothing");
            }
            return;
        };
        if !is_simple_match(schema, value) {
            return self.wrong(shown(&self.path, value), self.wanted(schema, depth));
        }
        for inner in list(schema, "allOf") {
            self.value(inner, value, depth + 1);
        }
        for alternatives in ["anyOf", "oneOf"] {
            self.any_of(list(schema, alternatives), value, depth);
        }
        match value {
            Value::Array(items) => {
                if let Some(inner) = schema.get("items") {
                    for (i, item) in items.iter().enumerate() {
                        self.below(i.to_string(), |walk| walk.value(inner, item, depth + 1));
                    }
                }
            }
            Value::Object(table) => self.table(schema, table, depth),
            _ => {}
        }
    }

    fn any_of(&mut self, alternatives: &'a [Value], value: &Value, depth: usize) {
        let fits = |inner: &'a Value| {
            let mut walk = Walk { root: self.root, steps: self.steps, path: self.path.clone(), mistakes: Vec::new() };
            walk.value(inner, value, depth + 1);
            walk.mistakes
        };
        if alternatives.is_empty() || depth > DEPTH {
            return;
        }
        // Of those that come close, a mistake deep within says more than all alternatives together.
        let mut closest: Option<Vec<Mistake>> = None;
        for mistakes in alternatives.iter().map(fits) {
            if mistakes.is_empty() {
                return;
            }
            if mistakes.iter().all(|mistake| mistake.path.len() > self.path.len()) {
                closest.get_or_insert(mistakes);
            }
        }
        match closest {
            Some(mistakes) => self.mistakes.extend(mistakes),
            None => {
                let wanted: Vec<String> = alternatives.iter().map(|inner| self.wanted_of(inner, depth + 1)).collect();
                self.wrong(shown(&self.path, value), wanted.join(" or "));
            }
        }
    }

    fn table(&mut self, schema: &'a Map<String, Value>, table: &Map<String, Value>, depth: usize) {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties");
        for (key, value) in table {
            match (known.and_then(|known| known.get(key)), rest) {
                (Some(inner), _) => self.below(key, |walk| walk.value(inner, value, depth + 1)),
                (None, Some(Value::Bool(false))) => {
                    self.step(known.unwrap_or(&none).len());
                    let wanted = meant(key, known.unwrap_or(&none));
                    self.below(key, |walk| walk.wrong("an unknown key", wanted));
                }
                (None, Some(inner)) => self.below(key, |walk| walk.value(inner, value, depth + 1)),
                (None, None) => {}
            }
        }
        for key in list(schema, "required").iter().filter_map(Value::as_str) {
            if !table.contains_key(key) {
                let inner = known.and_then(|known| known.get(key));
                let wanted = inner.map_or_else(|| "a value".to_owned(), |inner| self.wanted_of(inner, depth + 1));
                self.below(key, |walk| walk.wrong("nothing", wanted));
            }
        }
    }

    /// Follows references; nothing for one that leads nowhere, which then demands nothing.
    fn resolve(&self, schema: &'a Value, depth: usize) -> Option<&'a Value> {
        let mut at = schema;
        for _ in depth..DEPTH {
            let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return Some(at) };
            at = self.root.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }

    fn wanted_of(&self, schema: &'a Value, depth: usize) -> String {
        match self.resolve(schema, depth) {
            Some(Value::Object(schema)) if self.step(1) => self.wanted(schema, depth),
            _ => "a value".to_owned(),
        }
    }

    /// Says what a schema wants, within bounds.
    fn wanted(&self, schema: &'a Map<String, Value>, depth: usize) -> String {
        let text = self.wanted_at_length(schema, depth);
        // Long words are as much work as many.
        self.step(text.len() / 16);
        match text.char_indices().nth(WANTED) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    fn wanted_at_length(&self, schema: &'a Map<String, Value>, depth: usize) -> String {
        if let Some(only) = schema.get("const") {
            return only.to_string();
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return words.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
        }
        let types = types(schema);
        let one = |kind: &&str| match *kind {
            "boolean" => "true or false".to_owned(),
            "integer" => format!("a whole number{}", range(schema)),
            "number" => format!("a number{}", range(schema)),
            "string" => format!("text{}", length(schema, "minLength", "maxLength", "characters")),
            "array" => {
                let of = schema.get("items").map(|inner| format!(" of {}", self.wanted_of(inner, depth + 1)));
                let items = length(schema, "minItems", "maxItems", "items");
                format!("a list{}{items}", of.unwrap_or_default())
            }
            "object" => "a table".to_owned(),
            "null" => "nothing".to_owned(),
            other => other.to_owned(),
        };
        if !types.is_empty() {
            return types.iter().map(one).collect::<Vec<_>>().join(" or ");
        }
        let alternatives: Vec<&'a Value> =
            ["anyOf", "oneOf", "allOf"].iter().flat_map(|key| list(schema, key)).collect();
        match alternatives.is_empty() || depth > DEPTH {
            true => "another value".to_owned(),
            false => alternatives.iter().map(|inner| self.wanted_of(inner, depth + 1)).collect::<Vec<_>>().join(" or "),
        }
    }
}

/// Everything that can be said of a value without looking into it.
fn is_simple_match(schema: &Map<String, Value>, value: &Value) -> bool {
    let types = types(schema);
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let whole = |key: &str| schema.get(key).and_then(Value::as_u64);
    let within = |n: usize, least: &str, most: &str| {
        let n = n as u64;
        whole(least).is_none_or(|least| n >= least) && whole(most).is_none_or(|most| n <= most)
    };
    let fits = match value {
        Value::Number(n) => {
            let n = n.as_f64().unwrap_or(f64::NAN);
            number("minimum").is_none_or(|least| n >= least)
                && number("maximum").is_none_or(|most| n <= most)
                && number("exclusiveMinimum").is_none_or(|least| n > least)
                && number("exclusiveMaximum").is_none_or(|most| n < most)
        }
        Value::String(text) => within(text.chars().count(), "minLength", "maxLength"),
        Value::Array(items) => within(items.len(), "minItems", "maxItems"),
        _ => true,
    };
    fits && (types.is_empty() || types.iter().any(|kind| is_of(kind, value)))
        && schema.get("const").is_none_or(|only| only == value)
        && schema.get("enum").and_then(Value::as_array).is_none_or(|words| words.contains(value))
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "boolean" => value.is_boolean(),
        // 1.0 is another kind of value in every place that settings come from.
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        // Of a later version of JSON Schema: not held against anyone.
        _ => true,
    }
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn list<'a>(schema: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn range(schema: &Map<String, Value>) -> String {
    let bound = |key: &str| schema.get(key).map(Value::to_string);
    let more = bound("exclusiveMinimum").map(|least| format!(" above {least}"));
    let less = bound("exclusiveMaximum").map(|most| format!(" below {most}"));
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least}{}", less.unwrap_or_default()),
        (None, Some(most)) => format!("{} up to {most}", more.unwrap_or_default()),
        (None, None) => [more, less].into_iter().flatten().collect(),
    }
}

fn length(schema: &Map<String, Value>, least: &str, most: &str, of: &str) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    match (bound(least), bound(most)) {
        (Some(least), Some(most)) => format!(" of {least} to {most} {of}"),
        (Some(least), None) => format!(" of at least {least} {of}"),
        (None, Some(most)) => format!(" of at most {most} {of}"),
        (None, None) => String::new(),
    }
}

/// Says which key could be meant.
fn meant(key: &str, known: &Map<String, Value>) -> String {
    let close = known.keys().filter(|name| is_close(name, key)).min();
    match close {
        Some(name) => format!("`{name}`"),
        None if known.is_empty() => "no key at all".to_owned(),
        None => {
            let mut names: Vec<String> = known.keys().map(|name| format!("`{name}`")).collect();
            names.sort();
            if names.len() == 1 { names.concat() } else { format!("one of {}", names.join(", ")) }
        }
    }
}

/// Tells whether two names differ in one letter that is missing, too many, wrong, or swapped with the next.
fn is_close(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    match (a, b) {
        ([a1, a2, ..], [b1, b2, ..]) if a1 == b2 && a2 == b1 => a[2..] == b[2..],
        ([_, rest_a @ ..], [_, rest_b @ ..]) if rest_a == rest_b => true,
        ([_, rest @ ..], other) | (other, [_, rest @ ..]) => rest == other,
        ([], []) => true,
    }
}

/// Shows a value, unless it may be a secret.
fn shown(path: &[String], value: &Value) -> String {
    let is_secret = |key: &String| {
        let key = key.to_lowercase();
        SECRET.iter().any(|word| key.contains(word))
    };
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        _ if path.iter().any(is_secret) => "a value that is not shown".to_owned(),
        value => {
            let text = value.to_string();
            let short: String = text.chars().take(SHOWN).collect();
            if short == text { text } else { format!("{short}…") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_that_multiplies_within_itself_is_given_up() {
        let mistakes = check(&json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}), &json!(1));
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].found.contains("not done after"), "{}", mistakes[0]);
    }

    #[test]
    fn what_is_wanted_is_cut() {
        let words: Vec<String> = (0..1000).map(|i| format!("word-{i}")).collect();
        let mistakes = check(&json!({"enum": words}), &json!(1));
        assert!(mistakes[0].wanted.chars().count() <= WANTED + 1 && mistakes[0].wanted.ends_with('…'));
    }

    fn say(schema: &Value, value: Value) -> Vec<String> {
        check(schema, &value).iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn every_mistake_has_its_key_what_was_found_and_what_was_wanted() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["url", "mode"],
            "properties": {
                "url": {"type": "string", "minLength": 1},
                "mode": {"enum": ["loud", "quiet"]},
                "retries": {"type": "integer", "minimum": 1, "maximum": 10},
                "ratio": {"type": "number", "exclusiveMinimum": 0},
                "rooms": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                "deep": {"type": "object", "additionalProperties": {"type": "boolean"}},
            },
        });
        assert_eq!(say(&schema, json!({"url": "x", "mode": "loud", "rooms": ["a"], "deep": {"x": true}})), [""; 0]);
        let wrong = json!({
            "url": "", "retries": 11, "ratio": 0, "rooms": ["a", 7], "deep": {"x": 1}, "retires": 1, "colour": "red",
        });
        let mut found = say(&schema, wrong);
        found.sort();
        assert_eq!(
            found,
            [
                "colour: found an unknown key, wanted one of `deep`, `mode`, `ratio`, `retries`, `rooms`, `url`",
                "deep.x: found 1, wanted true or false",
                "mode: found nothing, wanted \"loud\" or \"quiet\"",
                "ratio: found 0, wanted a number above 0",
                "retires: found an unknown key, wanted `retries`",
                "retries: found 11, wanted a whole number from 1 to 10",
                "rooms.1: found 7, wanted text",
                "url: found \"\", wanted text of at least 1 characters",
            ]
        );
        assert_eq!(
            say(&schema, json!({"url": "x", "mode": "loud", "rooms": ["a", "b", "c"]})),
            ["rooms: found a list, wanted a list of text of at most 2 items"]
        );
        assert_eq!(say(&schema, json!([])), ["(all of it): found a list, wanted a table"]);
        assert_eq!(say(&json!({"type": "integer"}), json!(1.0)), ["(all of it): found 1.0, wanted a whole number"]);
    }

    #[test]
    fn alternatives_and_references_are_followed() {
        let schema = json!({
            "$defs": {"port": {"type": "integer", "maximum": 65535}, "loop": {"$ref": "#/$defs/loop"}},
            "properties": {
                "listen": {"anyOf": [{"$ref": "#/$defs/port"}, {"type": "string"}]},
                "auth": {"oneOf": [
                    {"type": "object", "required": ["user"], "properties": {"user": {"type": "string"}}},
                    {"type": "null"},
                ]},
                "both": {"allOf": [{"type": "integer"}, {"minimum": 3}]},
                "loop": {"$ref": "#/$defs/loop"},
                "nowhere": {"$ref": "#/none"},
                "never": false,
            },
        });
        let fine = json!({"listen": 80, "auth": null, "both": 3, "loop": 1, "nowhere": 1});
        assert_eq!(say(&schema, fine), [""; 0]);
        let wrong = json!({"listen": true, "auth": {"user": 7}, "both": 2, "never": 1});
        assert_eq!(
            say(&schema, wrong),
            [
                "auth.user: found 7, wanted text",
                "both: found 2, wanted another value",
                "listen: found true, wanted a whole number up to 65535 or text",
                "never: found 1, wanted nothing",
            ]
        );
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let schema = json!({"properties": {"bot_token": {"type": "integer"}, "auth": {"properties": {"password": {"type": "integer"}}}}});
        let found = say(&schema, json!({"bot_token": "canary", "auth": {"password": "canary"}})).concat();
        assert!(found.contains("a value that is not shown") && !found.contains("canary"), "{found}");
        let long = say(&json!({"type": "integer"}), json!("x".repeat(1000))).concat();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn what_is_not_looked_at_is_listed() {
        let schema = json!({
            "title": "x", "properties": {"url": {"type": "string", "format": "uri", "pattern": "^https"}},
            "dependentRequired": {}, "anyOf": [{"not": {}}],
        });
        assert_eq!(unchecked(&schema), ["dependentRequired", "not", "pattern"]);
        assert_eq!(unchecked(&json!({"properties": {"pattern": {}}})), [""; 0], "a key of that name is no keyword");
    }

    #[test]
    fn a_name_is_close_when_one_letter_is_off() {
        for (a, b) in [("retries", "retires"), ("url", "ur"), ("url", "urll"), ("url", "ure"), ("URL", "url")] {
            assert!(is_close(a, b) && is_close(b, a), "{a} {b}");
        }
        for (a, b) in [("url", "uniform"), ("a", "bc"), ("mode", "node_x")] {
            assert!(!is_close(a, b), "{a} {b}");
        }
    }
}
