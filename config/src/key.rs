//! Which keys exist, and their names in the environment.

use crate::check::Kind;
use std::{collections::BTreeMap, fmt};

const LEVELS: &[&str] = &["full", "normal"];
const FORMATS: &[&str] = &["text", "json"];
const ISOLATIONS: &[&str] = &["in-process", "process"];
const TRUST: &[&str] = &["ask", "first-party", "any"];
/// What a plugin may be allowed; a test elsewhere holds it against the scopes of the model.
pub const PLUGIN_SCOPES: &[&str] = &[
    "message:send",
    "ask:open",
    "ask:answer",
    "broadcast",
    "inbox:read",
    "timeline:read",
    "session:open",
    "session:manage",
    "circle:cross",
];
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MIB: i64 = 1024 * 1024;

/// Every key with a fixed path, and what it takes. The keys below `plugins` are in [`KeyPath::kind`].
const KEYS: &[(&str, Kind)] = &[
    ("server.listen", Kind::Loopback),
    ("server.socket", Kind::SocketPath),
    ("server.allowed_hosts", Kind::Hosts),
    ("server.allowed_origins", Kind::Origins),
    ("server.workers", Kind::Whole(1, 64)),
    ("server.max_body_bytes", Kind::Whole(16 * 1024, 64 * MIB)),
    ("server.max_connections", Kind::Whole(8, 100_000)),
    ("server.drain_ms", Kind::Whole(0, 10 * 60 * 1000)),
    ("server.hello_ms", Kind::Whole(100, 60_000)),
    ("server.webhook_ms", Kind::Whole(100, 60_000)),
    ("store.wal_limit_mib", Kind::Whole(4, 4096)),
    ("store.readers", Kind::Whole(1, 64)),
    ("store.batch", Kind::Whole(1, 10_000)),
    ("store.synchronous", Kind::OneOf(LEVELS)),
    ("limits.text_bytes", Kind::Whole(1, 16 * MIB)),
    ("limits.inbox_messages", Kind::Whole(1, 10_000_000)),
    ("limits.inbox_bytes", Kind::Whole(1024, 1024 * 1024 * MIB)),
    ("limits.open_asks", Kind::Whole(1, 1_000_000)),
    ("retention.events_days", Kind::Whole(0, 36_500)),
    ("retention.messages_days", Kind::Whole(0, 36_500)),
    ("retention.archived_days", Kind::Whole(0, 36_500)),
    ("retention.outcomes_days", Kind::Whole(0, 36_500)),
    ("redaction.enabled", Kind::Flag),
    ("redaction.prefixes", Kind::Beginnings),
    ("brakes.hops", Kind::Whole(0, 10_000)),
    ("brakes.pair_per_minute", Kind::Whole(0, 60_000_000)),
    ("brakes.pair_burst", Kind::Whole(1, 10_000_000)),
    ("brakes.duplicate_ms", Kind::Whole(0, DAY_MS)),
    ("brakes.acknowledgement_ms", Kind::Whole(0, DAY_MS)),
    ("asks.reminders", Kind::Whole(0, 100)),
    ("asks.first_reminder_ms", Kind::Whole(1000, 30 * DAY_MS)),
    ("agents.wakers", Kind::Names),
    ("agents.wake_timeout_ms", Kind::Whole(1000, DAY_MS)),
    ("agents.wake_again_ms", Kind::Whole(1000, DAY_MS)),
    ("spawn.roots", Kind::Folders),
    ("spawn.profiles", Kind::Profiles),
    ("spawn.by", Kind::Name),
    ("spawn.per_hour", Kind::Whole(0, 10_000)),
    ("spawn.live", Kind::Whole(0, 10_000)),
    ("spawn.depth", Kind::Whole(1, 100)),
    ("limits.recipients", Kind::Whole(1, 10_000)),
    ("limits.ttl_ms", Kind::Whole(1000, 3650 * DAY_MS)),
    ("limits.broadcast_ttl_ms", Kind::Whole(1000, 3650 * DAY_MS)),
    ("limits.max_ttl_ms", Kind::Whole(1000, 3650 * DAY_MS)),
    ("limits.credit", Kind::Whole(1, 10_000)),
    ("limits.in_flight", Kind::Whole(1, 100_000)),
    ("limits.rates.human.per_second", Kind::Whole(1, 1_000_000)),
    ("limits.rates.human.burst", Kind::Whole(1, 10_000_000)),
    ("limits.rates.agent.per_second", Kind::Whole(1, 1_000_000)),
    ("limits.rates.agent.burst", Kind::Whole(1, 10_000_000)),
    ("limits.rates.service.per_second", Kind::Whole(1, 1_000_000)),
    ("limits.rates.service.burst", Kind::Whole(1, 10_000_000)),
    ("limits.rates.plugin.per_second", Kind::Whole(1, 1_000_000)),
    ("limits.rates.plugin.burst", Kind::Whole(1, 10_000_000)),
    ("limits.broadcast_rate.per_minute", Kind::Whole(1, 1_000_000)),
    ("limits.broadcast_rate.burst", Kind::Whole(1, 1_000_000)),
    ("delivery.ack_wait_ms", Kind::Whole(100, 10 * 60 * 1000)),
    ("delivery.max_attempts", Kind::Whole(1, 10_000)),
    ("delivery.retry_min_ms", Kind::Whole(1, DAY_MS)),
    ("delivery.retry_max_ms", Kind::Whole(1, 30 * DAY_MS)),
    ("plugins.trust", Kind::OneOf(TRUST)),
    ("log.filter", Kind::Filter),
    ("log.format", Kind::OneOf(FORMATS)),
];

/// Short environment names beside the regular ones.
const SHORT: &[(&str, &str)] = &[("TIELINE_LISTEN", "server.listen"), ("TIELINE_LOG", "log.filter")];

/// Returns the path of every key, those below `plugins` with `NAME` and `KEY` for what the reader fills in.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    let plugins = [
        "plugins.NAME.enabled",
        "plugins.NAME.isolation",
        "plugins.NAME.memory_mib",
        "plugins.NAME.open_files",
        "plugins.NAME.scopes",
        "plugins.NAME.circle",
        "plugins.NAME.settings.KEY",
    ];
    KEYS.iter().map(|(path, _)| *path).chain(plugins)
}

/// Returns the environment form of a key path: `TIELINE_SERVER__LISTEN` for `server.listen`.
pub fn env_name(key: &str) -> String {
    format!("TIELINE_{}", key.replace('.', "__").replace('-', "_").to_uppercase())
}

/// The path of a key, level by level. A level of a plugin's settings may contain any character.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(pub Vec<String>);

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, level) in self.0.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            let is_bare = !level.is_empty() && level.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if is_bare { write!(f, "{dot}{level}")? } else { write!(f, "{dot}{level:?}")? }
        }
        Ok(())
    }
}

impl KeyPath {
    /// Reads `server.listen`.
    pub fn parse(path: &str) -> Self {
        Self(path.split('.').map(str::to_owned).collect())
    }

    /// Returns this path with one more level.
    pub fn child(&self, level: &str) -> Self {
        Self(self.0.iter().cloned().chain([level.to_owned()]).collect())
    }

    fn levels(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// Says whether this would be the table of a plugin that cannot be called so: the name is that of a key.
    pub fn is_reserved_plugin_name(&self) -> bool {
        self.levels().as_slice() == ["plugins", "trust"]
    }

    /// Returns what the key takes; nothing when there is no such key.
    pub fn kind(&self) -> Option<Kind> {
        match self.levels().as_slice() {
            ["plugins", "trust", _, ..] => None,
            ["plugins", _, "enabled"] => Some(Kind::Flag),
            ["plugins", _, "isolation"] => Some(Kind::OneOf(ISOLATIONS)),
            ["plugins", _, "memory_mib"] => Some(Kind::Whole(32, 1024 * 1024)),
            ["plugins", _, "open_files"] => Some(Kind::Whole(16, 1024 * 1024)),
            ["plugins", _, "scopes"] => Some(Kind::Words(PLUGIN_SCOPES)),
            ["plugins", _, "circle"] => Some(Kind::Circle),
            ["plugins", _, "settings", _, ..] => Some(Kind::Anything),
            _ => {
                let path = self.to_string();
                KEYS.iter().find(|(known, _)| *known == path).map(|(_, kind)| *kind)
            }
        }
    }

    /// Says whether keys stand below this path, so that a file has a table here.
    pub fn is_section(&self) -> bool {
        match self.levels().as_slice() {
            ["plugins", "trust", ..] => false,
            [] | ["plugins"] | ["plugins", _] | ["plugins", _, "settings"] => true,
            _ => {
                let prefix = format!("{self}.");
                KEYS.iter().any(|(known, _)| known.starts_with(&prefix))
            }
        }
    }

    /// Says whether this is the name of a plugin that could not be one.
    pub fn is_bad_plugin_name(&self) -> bool {
        let is_fine = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
        };
        matches!(self.levels().as_slice(), ["plugins", name, ..] if !is_fine(name))
    }

    /// Says what could be meant by this path, which is no key: the nearest name, else the same name in other sections,
    /// else all names of that level.
    pub fn meant(&self) -> String {
        let known: Vec<String> = match self.levels().as_slice() {
            ["plugins", name, ..] => {
                let keys = ["enabled", "isolation", "memory_mib", "open_files", "scopes", "circle", "settings"];
                keys.map(|key| format!("plugins.{name}.{key}")).into()
            }
            _ => known_keys().flat_map(prefixes).collect(),
        };
        let names = || known.iter().map(String::as_str);
        if let Some(name) = crate::near::nearest(&self.to_string(), names()) {
            return format!("`{name}`");
        }
        let elsewhere = self.elsewhere(&known);
        let meant = if elsewhere.is_empty() { self.siblings(&known) } else { elsewhere };
        if let [name] = meant.as_slice() { name.clone() } else { format!("one of {}", meant.join(", ")) }
    }

    /// Lists the keys of other sections whose own name is nearest to this one's.
    fn elsewhere(&self, known: &[String]) -> Vec<String> {
        let own = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let names: Vec<String> = known.iter().map(|name| own(name)).collect();
        let last = self.0.last().map(String::as_str).unwrap_or_default();
        let Some(nearest) = crate::near::nearest(last, names.iter().map(String::as_str)) else { return Vec::new() };
        let mut found: Vec<String> =
            known.iter().filter(|name| own(name) == nearest).map(|name| format!("`{name}`")).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Lists the names that exist on the deepest level that this path gets right.
    fn siblings(&self, known: &[String]) -> Vec<String> {
        let right = (0..self.0.len()).rev().map(|n| Self(self.0[..n].to_vec())).find(Self::is_section);
        let right = right.unwrap_or_default();
        let depth = right.0.len();
        let below = if depth == 0 { String::new() } else { format!("{right}.") };
        let mut names: Vec<String> = Vec::new();
        for key in known.iter().filter(|key| key.starts_with(&below)) {
            let name = format!("`{}`", key.split('.').take(depth + 1).collect::<Vec<_>>().join("."));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Returns `a`, `a.b`, `a.b.c` for `a.b.c`, so that a slip in a section's name is recognised too.
fn prefixes(path: &'static str) -> impl Iterator<Item = String> {
    let cuts = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    cuts.map(|at| path[..at].to_owned())
}

/// Finds the key behind an environment variable. `plugins` are the names that the file uses: the environment has no case
/// and no `-`.
pub(crate) fn key_of_variable(variable: &str, plugins: &[String]) -> Option<KeyPath> {
    if let Some((_, key)) = SHORT.iter().find(|(short, _)| *short == variable) {
        return Some(KeyPath::parse(key));
    }
    if let Some((key, _)) = KEYS.iter().find(|(key, _)| env_name(key) == variable) {
        return Some(KeyPath::parse(key));
    }
    let levels: Vec<&str> = variable.strip_prefix("TIELINE_PLUGINS__")?.split("__").collect();
    let (name, rest) = levels.split_first()?;
    if name.is_empty() || *variable != variable.to_uppercase() {
        return None;
    }
    let written = plugins.iter().find(|plugin| plugin.replace('-', "_").to_uppercase() == *name).cloned();
    let name = written.unwrap_or_else(|| name.to_lowercase().replace('_', "-"));
    let path = ["plugins".to_owned(), name].into_iter().chain(rest.iter().map(|level| level.to_lowercase()));
    let path = KeyPath(path.collect());
    (path.kind().is_some() && !path.is_bad_plugin_name()).then_some(path)
}

/// Says which variable could be meant by one that has no meaning.
pub(crate) fn variable_meant(variable: &str, others: &[&str]) -> String {
    let mut known: BTreeMap<String, ()> = known_keys().map(|key| (env_name(key), ())).collect();
    known.extend(SHORT.iter().map(|(short, _)| ((*short).to_owned(), ())));
    known.extend(others.iter().map(|other| ((*other).to_owned(), ())));
    if variable.starts_with(crate::SECRET_VARIABLES) {
        return format!("`{}<PLUGIN>__<NAME>`, in capitals and with `_` for `-`", crate::SECRET_VARIABLES);
    }
    match crate::near::nearest(variable, known.keys().map(String::as_str)) {
        Some(name) => format!("`{name}`"),
        None => "`TIELINE_` and a key path in capitals with `__` between its levels, such as `TIELINE_SERVER__LISTEN`"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layers, Plugin, load, testing::*};
    use std::collections::BTreeSet;

    /// `default.toml` with the part on plugins, which is a comment there, brought to life.
    fn with_plugins() -> String {
        let is_key =
            |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let uncomment = |line: &str| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) => rest.replace("NAME", "name"),
            _ => line.to_owned(),
        };
        crate::DEFAULT_TOML.lines().map(|line| uncomment(line) + "\n").collect()
    }

    /// The keys of a text, and those of them that have no comment in the line before.
    fn keys_of(text: &str) -> (BTreeSet<String>, Vec<String>) {
        let (mut section, mut keys, mut bare, mut has_comment) = (String::new(), BTreeSet::new(), Vec::new(), false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']').to_owned();
            } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
                let key = format!("{section}.{key}");
                if !has_comment {
                    bare.push(key.clone());
                }
                keys.insert(key);
            }
            has_comment = line.starts_with("# ");
        }
        (keys, bare)
    }

    #[test]
    fn every_key_stands_in_default_toml_with_a_comment() {
        let (keys, bare) = keys_of(&with_plugins());
        assert_eq!(bare, [""; 0], "keys without a comment");
        let known = known_keys().filter(|key| !key.ends_with("KEY")).map(|key| key.replace("NAME", "name"));
        assert_eq!(keys, known.collect());
    }

    #[test]
    fn every_key_of_default_toml_has_an_environment_form_that_sets_it() {
        let table: toml::Table = with_plugins().parse().unwrap();
        let (keys, _) = keys_of(&with_plugins());
        for key in keys {
            let value = key.split('.').fold(&toml::Value::Table(table.clone()), |at, level| &at[level]).clone();
            let text = match &value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(items) => items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            let loaded = load(&Layers { env: vec![(env_name(&key), text)], ..Layers::default() }).unwrap();
            assert_eq!(loaded.values[&KeyPath::parse(&key)].0, value, "{key}");
            assert_eq!(loaded.origin(&key).unwrap().to_string(), format!("variable {}", env_name(&key)));
        }
    }

    #[test]
    fn what_default_toml_says_of_plugins_is_true() {
        let loaded = load(&Layers { file: file(&with_plugins()), ..Layers::default() }).unwrap();
        let plugin = &loaded.config.plugins["name"];
        assert_eq!(Plugin { isolation: None, ..plugin.clone() }, Plugin::default());
    }

    #[test]
    fn default_toml_is_a_configuration_file_that_changes_nothing() {
        let loaded = load(&Layers { file: file(crate::DEFAULT_TOML), ..Layers::default() }).unwrap();
        assert_eq!(loaded.config, crate::Config::default());
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let names: BTreeSet<String> = known_keys().map(env_name).collect();
        assert_eq!(names.len(), known_keys().count());
    }
}
