//! Taking secrets out of what is stored: known forms of tokens, private keys, values beside words such as `password`, and
//! values that are known to be secret.
//!
//! A secret becomes `⟦secret:KIND:HASH⟧`, with the first 8 hexadecimal digits of a keyed BLAKE3 hash, so that equal secrets
//! are seen to be equal and nobody without the key can try out guesses.

use std::{borrow::Cow, ops::Range};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

/// How a secret is recognised by what it begins with, or by the word before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// It begins so, and at least so many characters of a token follow.
    Prefix(usize),
    /// A private key in PEM, up to its end.
    Pem,
    /// The token after `Bearer`.
    Bearer,
    /// The value that is given to a name such as `password`.
    Assignment,
    /// Exactly this.
    Literal,
}

/// Known beginnings, with the kind that is told. From the documents of those that give the tokens out, and from
/// the public lists of secret scanners.
const PREFIXES: [(&str, &str, usize); 24] = [
    ("sk-ant-", "anthropic", 20),
    ("sk-proj-", "openai", 20),
    ("sk-svcacct-", "openai", 20),
    ("sk-", "api_key", 24),
    ("ghp_", "github", 30),
    ("gho_", "github", 30),
    ("ghu_", "github", 30),
    ("ghs_", "github", 30),
    ("ghr_", "github", 30),
    ("github_pat_", "github", 30),
    ("glpat-", "gitlab", 18),
    ("xoxb-", "slack", 20),
    ("xoxp-", "slack", 20),
    ("xoxa-", "slack", 20),
    ("xoxs-", "slack", 20),
    ("AKIA", "aws", 16),
    ("ASIA", "aws", 16),
    ("AIza", "google", 30),
    ("ya29.", "google", 20),
    ("npm_", "npm", 30),
    ("pypi-", "pypi", 30),
    ("hf_", "huggingface", 30),
    ("eyJ", "jwt", 40),
    ("tieline_", "tieline", 40),
];
/// Names whose values are secret when they look like it.
const NAMES: [&str; 9] =
    ["password", "passwd", "secret", "api_key", "apikey", "api-key", "access_key", "auth_token", "access_token"];
/// The shortest value of such a name, in characters, and how much it has to look like chance, in bits a character.
const SHORTEST_VALUE: usize = 10;
const LEAST_ENTROPY: f64 = 3.0;
/// The shortest known value, in bytes.
const SHORTEST_LITERAL: usize = 10;

/// Takes secrets out of texts.
#[derive(Debug)]
pub struct Redactor {
    finder: AhoCorasick,
    rules: Vec<(Rule, String)>,
    key: [u8; 32],
}

impl Redactor {
    /// Makes one with the key of this installation, further beginnings of secrets, and values that are known to be secret.
    ///
    /// # Errors
    /// When there are so many that no finder can be built for them.
    pub fn new(key: [u8; 32], prefixes: &[String], literals: &[String]) -> Result<Self, String> {
        let mut patterns: Vec<String> = Vec::new();
        let mut rules = Vec::new();
        let mut add = |pattern: &str, rule: Rule, kind: &str| {
            patterns.push(pattern.to_owned());
            rules.push((rule, kind.to_owned()));
        };
        // Known values come first: the first of two that match at the same place is taken.
        for literal in literals.iter().filter(|literal| literal.len() >= SHORTEST_LITERAL) {
            add(literal, Rule::Literal, "known");
        }
        for prefix in prefixes.iter().filter(|prefix| !prefix.is_empty()) {
            add(prefix, Rule::Prefix(8), "own");
        }
        for (prefix, kind, least) in PREFIXES {
            add(prefix, Rule::Prefix(least), kind);
        }
        add("-----BEGIN ", Rule::Pem, "private_key");
        for bearer in ["Bearer ", "bearer "] {
            add(bearer, Rule::Bearer, "bearer");
        }
        for name in NAMES {
            for name in [name.to_owned(), name.to_uppercase(), capitalised(name)] {
                add(&name, Rule::Assignment, "value");
            }
        }
        let finder = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostFirst).build(&patterns);
        Ok(Self { finder: finder.map_err(|error| error.to_string())?, rules, key })
    }

    /// Returns the text without its secrets.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out: Option<String> = None;
        let (mut from, mut kept) = (0, 0);
        while let Some(found) = self.finder.find(text.get(from..).unwrap_or_default()) {
            let place = from + found.start()..from + found.end();
            let (rule, kind) = &self.rules[found.pattern().as_usize()];
            match secret(*rule, text, place.clone()) {
                Some(range) => {
                    let out = out.get_or_insert_with(String::new);
                    out.push_str(text.get(kept..range.start).unwrap_or_default());
                    out.push_str(&self.mark(kind, text.get(range.clone()).unwrap_or_default()));
                    (from, kept) = (range.end, range.end);
                }
                // The next match may begin within this one.
                None => {
                    from = place.start
                        + text.get(place.start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
                }
            }
        }
        match out {
            None => Cow::Borrowed(text),
            Some(mut out) => {
                out.push_str(text.get(kept..).unwrap_or_default());
                Cow::Owned(out)
            }
        }
    }

    fn mark(&self, kind: &str, secret: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, secret.as_bytes()).to_hex();
        format!("⟦secret:{kind}:{}⟧", hash.get(..8).unwrap_or_default())
    }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

/// Where the secret is that a rule has found the beginning of.
fn secret(rule: Rule, text: &str, place: Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(place.end..)?;
    match rule {
        Rule::Literal => Some(place),
        Rule::Prefix(least) => {
            let is_within =
                text.get(..place.start)?.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
            let run = run(rest);
            (!is_within && run >= least).then(|| place.start..place.end + run)
        }
        Rule::Pem => {
            let head = rest.find("-----")?;
            if !rest.get(..head)?.ends_with("PRIVATE KEY") {
                return None;
            }
            let after = head + 5;
            let end = rest.get(after..)?.find("PRIVATE KEY-----").map_or(rest.len(), |at| after + at + 16);
            Some(place.start..place.end + end)
        }
        Rule::Bearer => {
            let run = run(rest);
            (run >= 16).then(|| place.end..place.end + run)
        }
        Rule::Assignment => {
            // A mark of ours is no name.
            if text.get(..place.start)?.ends_with('⟦') {
                return None;
            }
            let value = value(rest)?;
            Some(place.end + value.start..place.end + value.end)
        }
    }
}

/// How many bytes of a token stand at the beginning of a text. A full stop at the end belongs to the sentence.
fn run(text: &str) -> usize {
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '=' | '+' | '/' | '~');
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.get(..end).map_or(0, |run| run.trim_end_matches('.').len())
}

/// The value after a name: behind `:` or `=`, with or without quotes.
fn value(text: &str) -> Option<Range<usize>> {
    let is_between = |c: char| c == '"' || c == '\'' || c == ' ' || c == '\\';
    let sign = text.find(|c| !is_between(c))?;
    let after = text.get(sign..)?.strip_prefix([':', '='])?;
    let begin = text.len() - after.trim_start_matches(is_between).len();
    let rest = text.get(begin..)?;
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | ')' | '}' | '\\'))
        .unwrap_or(rest.len());
    let value = rest.get(..end)?;
    let looks_random = !value.starts_with('⟦')
        && value.len() >= SHORTEST_VALUE
        && entropy(value) >= LEAST_ENTROPY
        && value.bytes().any(|b| b.is_ascii_digit());
    looks_random.then(|| begin..begin + end)
}

/// How much a text looks like chance, in bits a byte (Shannon, 1948).
fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let total = text.len() as f64;
    let share = |count: u32| f64::from(count) / total;
    counts.iter().filter(|count| **count > 0).map(|count| -share(*count) * share(*count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([7; 32], &["corp-".to_owned()], &["correct horse battery".to_owned()]).unwrap()
    }

    #[test]
    fn every_known_form_is_taken_out_and_what_is_around_it_stays() {
        let redactor = redactor();
        let chance = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA3bC5d";
        for (prefix, kind, _) in PREFIXES {
            let text = format!("before {prefix}{chance}{chance}, after");
            let clean = redactor.clean(&text);
            assert!(clean.starts_with(&format!("before ⟦secret:{kind}:")) && clean.ends_with("⟧, after"), "{clean}");
        }
        let others = [
            ("password = \"Tr0ub4dor&3xyz\"", "value"),
            ("{\"api_key\":\"q8Zk2mVx91Lw\"}", "value"),
            ("DB_PASSWORD=hunter2hunter9x", "value"),
            ("Authorization: Bearer abcdef0123456789abcdef", "bearer"),
            ("x corp-12345678 y", "own"),
            ("it is correct horse battery.", "known"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "private_key"),
        ];
        for (text, kind) in others {
            let clean = redactor.clean(text);
            assert!(clean.contains(&format!("⟦secret:{kind}:")), "{text}: {clean}");
            assert_eq!(redactor.clean(&clean), clean, "what was taken out is not taken out again");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let redactor = redactor();
        for text in [
            "the password is wrong",
            "password: required",
            "let secret = compute_secret(left, right);",
            "task-sk-1 and risk-averse",
            "sk-short",
            "the Bearer of bad news",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "api_key: Option<String>,",
            "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f",
            "",
        ] {
            assert!(matches!(redactor.clean(text), Cow::Borrowed(_)), "{text}: {}", redactor.clean(text));
        }
    }

    #[test]
    fn equal_secrets_have_equal_marks_under_one_key_only() {
        let text = "ghp_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA3";
        let other = Redactor::new([8; 32], &[], &[]).unwrap();
        assert_eq!(redactor().clean(text), redactor().clean(text));
        assert_ne!(redactor().clean(text), other.clean(text));
    }
}
