//! Reads TOML so that every value knows its line, and one broken line does not hide the others.

use crate::{Layer, Problem, key::KeyPath, layers::Given};
use std::{ops::Range, path::Path};
use toml::{
    Spanned, Value,
    de::{DeTable, DeValue},
};

/// What a file says: its values, and what is wrong in it.
pub(crate) struct Reading {
    pub given: Vec<Given>,
    pub problems: Vec<Problem>,
}

/// Reads a whole file. `layer` makes the layer of a line.
pub(crate) fn read(path: &Path, text: &str) -> Reading {
    let layer = |line| Layer::File { path: path.to_owned(), line };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, layer: &layer, given: Vec::new(), problems: Vec::new() };
    reader.table(&KeyPath::default(), table.get_ref());
    let broken: Vec<usize> = errors.iter().map(|error| line_of(text, error.span())).collect();
    let is_broken = |layer: &Layer| matches!(layer, Layer::File { line, .. } if broken.contains(line));
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            key: "(syntax)".into(),
            found: error.message().lines().collect::<Vec<_>>().join("; "),
            wanted: "TOML".into(),
            layer: layer(line_of(text, error.span())),
        })
        .collect();
    problems.extend(reader.problems.into_iter().filter(|problem| !is_broken(&problem.layer)));
    problems.sort_by_key(|problem| if let Layer::File { line, .. } = problem.layer { line } else { 0 });
    let given = reader.given.into_iter().filter(|given| !is_broken(&given.layer)).collect();
    Reading { given, problems }
}

/// Reads a single value, as it would stand behind `=`.
pub(crate) fn value(text: &str) -> Option<Value> {
    DeValue::parse(text).ok().and_then(|value| plain(value.get_ref()))
}

struct Reader<'a> {
    text: &'a str,
    layer: &'a dyn Fn(usize) -> Layer,
    given: Vec<Given>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, at: &KeyPath, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            self.entry(&at.child(name.get_ref()), name.span(), value);
        }
    }

    fn entry(&mut self, path: &KeyPath, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let layer = (self.layer)(line_of(self.text, Some(span)));
        let mut report = |found: String, wanted: String| {
            self.problems.push(Problem { key: path.to_string(), found, wanted, layer: layer.clone() });
        };
        if path.is_bad_plugin_name() {
            return report("that name".into(), "a plugin's name: lower-case letters, digits, `-` and `_`".into());
        }
        match (path.kind(), value.get_ref()) {
            (Some(kind), DeValue::Table(_)) if path.is_reserved_plugin_name() => report(
                "a table".into(),
                format!("{}; no plugin can be called `trust`, which is the name of this key", kind.wanted()),
            ),
            // Below a plugin's settings each leaf counts by itself, so that a variable can replace one of them.
            (Some(crate::check::Kind::Anything), DeValue::Table(table)) if !table.is_empty() => self.table(path, table),
            (Some(kind), value) => match plain(value) {
                Some(value) if kind.accepts(&value) => self.given.push(Given { path: path.clone(), value, layer }),
                Some(value) => report(found(&value), kind.wanted()),
                None => report("a number out of range".into(), kind.wanted()),
            },
            (None, DeValue::Table(table)) if path.is_section() => self.table(path, table),
            (None, value) if path.is_section() => report(value.type_str().into(), format!("a table `[{path}]`")),
            (None, _) => report("an unknown key".into(), path.meant()),
        }
    }
}

/// Writes a value for a problem, cut when long.
pub(crate) fn found(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(80).collect();
    if short == text { text } else { format!("{short}…") }
}

/// Drops the places in the text. Nothing when a number does not fit.
fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(is_true) => Value::Boolean(*is_true),
        DeValue::Datetime(date) => Value::Datetime(*date),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| plain(item.get_ref())).collect::<Option<_>>()?),
        DeValue::Table(table) => {
            let entries = table.iter().map(|(name, value)| Some((name.get_ref().to_string(), plain(value.get_ref())?)));
            Value::Table(entries.collect::<Option<_>>()?)
        }
    })
}

fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let end = span.map_or(0, |span| span.start.min(text.len()));
    text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1
}
