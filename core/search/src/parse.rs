//! The language of queries: words, "phrases", beginnings*, -exclusions, and filters such as `kind:said`.
//!
//! Nothing that is typed reaches the index as syntax: what comes out of here is words, and names that the caller resolves.

use tieline_model::TimestampMs;

use crate::{Flag, Term, token, when::moment};

/// The longest query.
const MAX_BYTES: usize = 1_000;
/// The most words and phrases.
const MAX_TERMS: usize = 32;
/// A shorter beginning would mean half the index.
const MIN_PREFIX_CHARS: usize = 2;
/// The words before a `:` that make a filter. Any other is part of the text that is looked for.
const KEYS: [&str; 8] = ["session", "circle", "kind", "author", "after", "before", "has", "is"];

/// A query as it was typed, with its names not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// What has to be in the text.
    pub terms: Vec<Term>,
    /// What must not be in it.
    pub without: Vec<Term>,
    /// After `session:`; one of them.
    pub sessions: Vec<String>,
    /// After `circle:`; one of them.
    pub circles: Vec<String>,
    /// After `kind:`; one of them.
    pub kinds: Vec<String>,
    /// After `author:`; one of them.
    pub authors: Vec<String>,
    /// After `has:`; all of them.
    pub flags: Vec<Flag>,
    /// The latest of those after `after:`.
    pub after: Option<TimestampMs>,
    /// The earliest of those after `before:`.
    pub before: Option<TimestampMs>,
    /// Whether the session is open, after `is:`.
    pub is_open: Option<bool>,
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at character {at}")]
pub struct Mistake {
    /// Where, in characters from 1.
    pub at: usize,
    /// What was found and what was wanted.
    pub what: String,
}

/// Reads a query. `now` is what spans such as `7d` count back from.
pub fn parse(text: &str, now: TimestampMs) -> Result<Parsed, Mistake> {
    let mut reading = Reading { text, at: 0, now, parsed: Parsed::default() };
    if text.len() > MAX_BYTES {
        return Err(reading.mistake(0, format!("a query has {} bytes; wanted at most {MAX_BYTES}", text.len())));
    }
    while reading.item()? {}
    let count = reading.parsed.terms.len() + reading.parsed.without.len();
    if count > MAX_TERMS {
        return Err(reading.mistake(0, format!("a query has {count} words and phrases; wanted at most {MAX_TERMS}")));
    }
    Ok(reading.parsed)
}

struct Reading<'a> {
    text: &'a str,
    at: usize,
    now: TimestampMs,
    parsed: Parsed,
}

impl<'a> Reading<'a> {
    /// Reads the next item, if there is one.
    fn item(&mut self) -> Result<bool, Mistake> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        if self.rest().is_empty() {
            return Ok(false);
        }
        let is_excluded = self.rest().starts_with('-') && self.rest().len() > 1;
        self.at += usize::from(is_excluded);
        if let Some(key) = self.key() {
            self.at += key.len() + 1;
            let value = self.value()?.0;
            if is_excluded {
                let what = format!("`-` before the filter `{key}:`; only words and phrases can be excluded");
                return Err(self.mistake(start, what));
            }
            self.filter(key, value, start)?;
            return Ok(true);
        }
        let (value, is_quoted) = self.value()?;
        let is_prefix = if is_quoted { self.star() } else { value.ends_with('*') };
        self.term(value, is_prefix, is_quoted, is_excluded, start)?;
        Ok(true)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn key(&self) -> Option<&'static str> {
        let (word, _) = self.rest().split_once(':')?;
        KEYS.into_iter().find(|key| *key == word)
    }

    /// Reads up to the next space, or what is between quotation marks.
    fn value(&mut self) -> Result<(&'a str, bool), Mistake> {
        let rest = self.rest();
        if let Some(inner) = rest.strip_prefix('"') {
            let Some(end) = inner.find('"') else {
                return Err(self.mistake(self.at, "a `\"` without a second one".to_owned()));
            };
            self.at += end + 2;
            return Ok((&inner[..end], true));
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.at += end;
        Ok((&rest[..end], false))
    }

    fn star(&mut self) -> bool {
        let is_there = self.rest().starts_with('*');
        self.at += usize::from(is_there);
        is_there
    }

    fn term(
        &mut self,
        text: &str,
        is_prefix: bool,
        is_quoted: bool,
        is_excluded: bool,
        at: usize,
    ) -> Result<(), Mistake> {
        let inner = if is_quoted { text } else { text.trim_end_matches('*') };
        if !is_quoted && inner.contains('*') {
            let what = format!("`{text}` has a `*` in its midst; wanted one at the end of a word at most");
            return Err(self.mistake(at, what));
        }
        let words = token::words(inner);
        let Some(last) = words.last() else {
            // Dashes, arrows and other signs are in no index and mean nothing.
            return if is_prefix {
                Err(self.mistake(at, format!("`{text}` has no beginning of a word")))
            } else {
                Ok(())
            };
        };
        if is_prefix && last.chars().count() < MIN_PREFIX_CHARS {
            let what = format!("`{last}*` is short; wanted at least {MIN_PREFIX_CHARS} letters before a `*`");
            return Err(self.mistake(at, what));
        }
        let term = Term { words, is_prefix };
        if is_excluded {
            self.parsed.without.push(term)
        } else {
            self.parsed.terms.push(term)
        }
        Ok(())
    }

    fn filter(&mut self, key: &str, value: &str, at: usize) -> Result<(), Mistake> {
        if value.is_empty() {
            return Err(self.mistake(at, format!("`{key}:` has nothing after it")));
        }
        let parsed = &mut self.parsed;
        match key {
            "session" => parsed.sessions.push(value.to_owned()),
            "circle" => parsed.circles.push(value.to_owned()),
            "kind" => parsed.kinds.push(value.to_owned()),
            "author" => parsed.authors.push(value.to_owned()),
            "has" => {
                let Some(flag) = Flag::ALL.into_iter().find(|flag| flag.as_str() == value) else {
                    let known = Flag::ALL.map(Flag::as_str).join(", ");
                    return Err(self.mistake(at, format!("`has:{value}` is unknown; wanted one of {known}")));
                };
                parsed.flags.push(flag);
            }
            "is" => match value {
                "open" => parsed.is_open = Some(true),
                "closed" => parsed.is_open = Some(false),
                _ => return Err(self.mistake(at, format!("`is:{value}` is unknown; wanted open or closed"))),
            },
            _ => {
                let Some(moment) = moment(value, self.now) else {
                    let what = format!(
                        "`{key}:{value}` is no time; wanted a day as in 2026-11-20, one with a time as in 2026-11-20T14:30, \
                         or a span until now as in 7d (m, h, d, w)"
                    );
                    return Err(self.mistake(at, what));
                };
                if key == "after" {
                    parsed.after = parsed.after.max(Some(moment));
                } else {
                    parsed.before = Some(parsed.before.map_or(moment, |before| before.min(moment)));
                }
            }
        }
        Ok(())
    }

    fn mistake(&self, at: usize, what: String) -> Mistake {
        Mistake { at: self.text[..at].chars().count() + 1, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = TimestampMs(1_795_185_000_000);

    fn term(words: &[&str], is_prefix: bool) -> Term {
        Term { words: words.iter().map(|word| (*word).to_owned()).collect(), is_prefix }
    }

    #[test]
    fn words_phrases_beginnings_and_exclusions_are_told_apart() {
        let parsed = parse(r#"Deploy "to the EDGE" roll* snake_case -draft -"old plan" && "half wo"*"#, NOW).unwrap();
        let wanted = [
            term(&["deploy"], false),
            term(&["to", "the", "edge"], false),
            term(&["roll"], true),
            term(&["snake", "case"], false),
            term(&["half", "wo"], true),
        ];
        assert_eq!(parsed.terms, wanted);
        assert_eq!(parsed.without, [term(&["draft"], false), term(&["old", "plan"], false)]);
    }

    #[test]
    fn filters_are_read_and_other_colons_are_text() {
        let text = r#"session:"my work" kind:said kind:noted author:ann after:1d before:2026-11-19 has:approval is:open std::mem"#;
        let parsed = parse(text, NOW).unwrap();
        assert_eq!(parsed.sessions, ["my work"]);
        assert_eq!(parsed.kinds, ["said", "noted"]);
        assert_eq!(parsed.authors, ["ann"]);
        assert_eq!(parsed.flags, [Flag::Approval]);
        assert_eq!(parsed.is_open, Some(true));
        assert_eq!(parsed.after, Some(TimestampMs(NOW.0 - 86_400_000)));
        assert_eq!(parsed.before, moment("2026-11-19", NOW));
        assert_eq!(parsed.terms, [term(&["std", "mem"], false)]);
    }

    #[test]
    fn what_means_something_to_the_index_means_nothing_here() {
        let parsed = parse(r#"a AND (b OR c) NEAR(d, 5) ^e {f g}: h's ; -- x'"#, NOW).unwrap();
        assert!(parsed.terms.iter().flat_map(|term| &term.words).all(|word| word.chars().all(char::is_alphanumeric)));
        assert!(parsed.terms.contains(&term(&["and"], false)));
    }

    #[test]
    fn a_mistake_says_where_and_what_was_wanted() {
        let cases = [
            ("ab \"cd", 4, "without a second"),
            ("é f*", 3, "at least 2 letters"),
            ("a*b", 1, "in its midst"),
            ("*", 1, "no beginning"),
            ("kind:", 1, "nothing after it"),
            ("-kind:said", 1, "only words"),
            ("has:luck", 1, "approval, error, file, tool, cost"),
            ("is:shut", 1, "open or closed"),
            ("x after:soon", 3, "2026-11-20"),
        ];
        for (text, at, part) in cases {
            let mistake = parse(text, NOW).unwrap_err();
            assert_eq!(mistake.at, at, "{text}: {mistake}");
            assert!(mistake.what.contains(part), "{text}: {mistake}");
        }
        assert!(parse(&"a ".repeat(33), NOW).is_err());
        assert!(parse(&"a".repeat(1_001), NOW).is_err());
        assert_eq!(parse(" - — ", NOW).unwrap(), Parsed::default());
    }
}
