//! Puts the layers on top of each other and checks what two keys must agree on.

use crate::{Config, Layer, Layers, Problem, Problems, key::KeyPath, layers::Given};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// A configuration and where each of its values comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    pub(crate) values: Values,
}

impl Loaded {
    /// Returns the layer that a key's value comes from; nothing when there is no such key.
    pub fn origin(&self, key: &str) -> Option<&Layer> {
        self.values.get(&KeyPath::parse(key)).map(|(_, layer)| layer)
    }
}

pub(crate) type Values = BTreeMap<KeyPath, (Value, Layer)>;

/// A mistake in the settings of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingMistake {
    /// The keys below the plugin's settings that lead to it.
    pub path: Vec<String>,
    /// What stands there.
    pub found: String,
    /// What would be right.
    pub wanted: String,
}

/// Says what is wrong with the settings of a plugin, which are given by its name.
pub type SettingsCheck<'a> = dyn Fn(&str, &serde_json::Value) -> Vec<SettingMistake> + 'a;

/// Loads the configuration, or says everything that is wrong with it, but for what only plugins know.
pub fn load(layers: &Layers) -> Result<Loaded, Problems> {
    load_with(layers, &[], &|_, _| Vec::new())
}

/// Loads the configuration, or says everything that is wrong with it. The settings of `plugins`, and of those that the
/// configuration names, are checked by `check`.
pub fn load_with(layers: &Layers, plugins: &[String], check: &SettingsCheck<'_>) -> Result<Loaded, Problems> {
    let reading = layers.read();
    let mut values = Values::new();
    reading.given.into_iter().for_each(|given| lay(&mut values, given));
    let mut problems = reading.problems;
    problems.extend(disagreements(&values));
    problems.extend(setting_problems(&values, plugins, check));
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let config = Config::deserialize(table(&values)).expect("every value was checked against its key");
    Ok(Loaded { config, values })
}

/// Lays one value on top. In a plugin's settings a value replaces a table at the same place, and the other way round.
fn lay(values: &mut Values, Given { path, value, layer }: Given) {
    values.retain(|known, _| !known.0.starts_with(&path.0) && !path.0.starts_with(&known.0));
    values.insert(path, (value, layer));
}

/// Pairs of which the first may not be larger than the second.
const ORDERED: &[(&str, &str)] = &[
    ("limits.text_bytes", "server.max_body_bytes"),
    ("limits.ttl_ms", "limits.max_ttl_ms"),
    ("limits.broadcast_ttl_ms", "limits.max_ttl_ms"),
    ("delivery.retry_min_ms", "delivery.retry_max_ms"),
];

fn disagreements(values: &Values) -> Vec<Problem> {
    ORDERED.iter().filter_map(|(small, large)| disagreement(values, small, large)).collect()
}

/// Blames the key that was set; when both were, the smaller one.
fn disagreement(values: &Values, small: &str, large: &str) -> Option<Problem> {
    let number = |key: &str| match values.get(&KeyPath::parse(key)) {
        Some((Value::Integer(number), layer)) => Some((*number, layer)),
        _ => None,
    };
    let ((less, less_layer), (more, more_layer)) = (number(small)?, number(large)?);
    let problem = |key: &str, found: i64, wanted: String, layer: &Layer| Problem {
        key: key.into(),
        found: found.to_string(),
        wanted,
        layer: layer.clone(),
    };
    (less > more).then(|| match less_layer {
        Layer::Default => problem(large, more, format!("at least {less}, the value of `{small}`"), more_layer),
        _ => problem(small, less, format!("at most {more}, the value of `{large}`"), less_layer),
    })
}

fn setting_problems(values: &Values, plugins: &[String], check: &SettingsCheck<'_>) -> Vec<Problem> {
    // Beside the tables of plugins stands one key, which is no table.
    let of_plugins = values.keys().filter(|path| path.0[0] == "plugins" && path.0.len() > 2);
    let named = of_plugins.map(|path| path.0[1].clone());
    let names: BTreeSet<String> = named.chain(plugins.iter().cloned()).collect();
    let mut problems = Vec::new();
    for name in names {
        let section = KeyPath(vec!["plugins".to_owned(), name.clone(), "settings".to_owned()]);
        let own = values.iter().filter(|(path, _)| path.0.starts_with(&section.0));
        let table = table(own.map(|(path, value)| (KeyPath(path.0[3..].to_vec()), value)));
        for SettingMistake { path, found, wanted } in check(&name, &crate::show::json(&Value::Table(table))) {
            let path = KeyPath(section.0.iter().cloned().chain(path).collect());
            problems.push(Problem { key: path.to_string(), found, wanted, layer: nearest(values, &path) });
        }
    }
    problems
}

/// Returns the layer of the value that a path leads to or into; of what is missing, that of its nearest neighbour.
fn nearest(values: &Values, path: &KeyPath) -> Layer {
    let shared = |other: &KeyPath| other.0.iter().zip(&path.0).take_while(|(a, b)| a == b).count();
    let of_plugin = values.iter().filter(|(other, _)| shared(other) >= 2);
    // The first of those that share most: sections begin there.
    let found = of_plugin.rev().max_by_key(|(other, _)| shared(other));
    found.map_or(Layer::Default, |(_, (_, layer))| layer.clone())
}

fn table<'a>(values: impl IntoIterator<Item = (impl std::borrow::Borrow<KeyPath>, &'a (Value, Layer))>) -> Table {
    let mut root = Table::new();
    for (path, (value, _)) in values {
        let path = path.borrow();
        let (last, sections) = path.0.split_last().expect("a key has at least one level");
        let mut at = &mut root;
        for section in sections {
            let entry = at.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            at = entry.as_table_mut().expect("no key is the beginning of another one");
        }
        at.insert(last.clone(), value.clone());
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Isolation, Synchronous, Trust, testing::*};

    fn problems(layers: &Layers) -> Vec<String> {
        load(layers).unwrap_err().0.iter().map(Problem::to_string).collect()
    }

    fn in_file(text: &str) -> Vec<String> {
        problems(&Layers { file: file(text), ..Layers::default() })
    }

    #[test]
    fn the_defaults_are_those_of_the_design() {
        let config = Config::default();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8435");
        assert_eq!((config.server.socket, config.server.workers, config.server.max_body_bytes), (None, 1, 1 << 20));
        assert_eq!((config.store.synchronous, config.store.wal_limit_mib), (Synchronous::Full, 128));
        assert_eq!((config.limits.inbox_bytes, config.limits.ttl_ms), (64 << 20, 7 * 86_400_000));
        assert_eq!((config.limits.rates.agent.per_second, config.limits.rates.service.burst), (20, 1000));
        assert_eq!((config.delivery.max_attempts, config.log.filter.as_str()), (20, "info"));
        assert_eq!((config.plugins.len(), config.plugins.trust), (0, Trust::FirstParty));
    }

    #[test]
    fn five_mistakes_are_reported_together() {
        let text = "[server]\nworkers = 0\nlistne = \"127.0.0.1:1\"\n\n[store]\nsynchronous = true\n";
        let env = pairs(&[("TIELINE_LIMITS__CREDIT", "many")]);
        let flags = pairs(&[("server.listen", "0.0.0.0:8435")]);
        assert_eq!(
            load(&Layers { file: file(text), env, flags }).unwrap_err().to_string(),
            "the configuration has 5 problems:\n  \
             server.workers: found 0, wanted a whole number from 1 to 64 (tieline.toml:2)\n  \
             server.listne: found an unknown key, wanted `server.listen` (tieline.toml:3)\n  \
             store.synchronous: found true, wanted \"full\" or \"normal\" (tieline.toml:6)\n  \
             limits.credit: found \"many\", wanted a whole number from 1 to 10000 (variable TIELINE_LIMITS__CREDIT)\n  \
             server.listen: found \"0.0.0.0:8435\", wanted a loopback address with its port, such as \
             \"127.0.0.1:8435\" or \"[::1]:0\" (flag)"
        );
    }

    #[test]
    fn a_broken_line_does_not_hide_the_problems_of_the_others() {
        let found = in_file("[server]\nworkers =\nhello_ms = 1\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("(syntax): ") && found[0].ends_with("wanted TOML (tieline.toml:2)"), "{found:?}");
        assert!(found[1].starts_with("server.hello_ms: found 1,"), "{found:?}");
    }

    #[test]
    fn unknown_keys_and_wrong_shapes_say_what_was_meant() {
        assert_eq!(
            in_file("[sevrer]\nlisten = 1\n"),
            ["sevrer: found an unknown key, wanted `server` (tieline.toml:1)"]
        );
        assert_eq!(
            in_file("max_body_byte = 1\n"),
            ["max_body_byte: found an unknown key, wanted `server.max_body_bytes` (tieline.toml:1)"]
        );
        assert!(in_file("[limits]\nper_minutes = 1\n")[0].contains("wanted `limits.broadcast_rate.per_minute` ("));
        assert!(
            in_file("[limits.rates]\nper_second = 1\n")[0].contains("wanted one of `limits.rates.agent.per_second`, ")
        );
        assert_eq!(in_file("log = \"debug\"\n"), ["log: found string, wanted a table `[log]` (tieline.toml:1)"]);
        assert_eq!(
            in_file("[log]\nfilter = { a = 1 }\n")[0].split(", wanted").next(),
            Some("log.filter: found { a = 1 }")
        );
        assert_eq!(
            in_file("[log]\ncolour = true\n"),
            ["log.colour: found an unknown key, wanted one of `log.filter`, `log.format` (tieline.toml:2)"]
        );
        assert_eq!(
            in_file("[plugins.websocket]\nisolaton = \"process\"\n"),
            ["plugins.websocket.isolaton: found an unknown key, wanted `plugins.websocket.isolation` (tieline.toml:2)"]
        );
        assert!(in_file("[plugins.Web]\nenabled = true\n")[0].contains("a plugin's name"));
        assert_eq!(
            in_file("[plugins.trust]\nenabled = true\n"),
            [
                "plugins.trust: found a table, wanted \"ask\" or \"first-party\" or \"any\"; no plugin can be called `trust`, \
              which is the name of this key (tieline.toml:1)"
            ]
        );
        let flags = pairs(&[("log.fliter", "debug"), ("server", "1")]);
        let found = problems(&Layers { flags, ..Layers::default() });
        assert_eq!(found[0], "log.fliter: found an unknown key, wanted `log.filter` (flag)");
        assert!(found[1].starts_with("server: found an unknown key"), "{found:?}");
    }

    #[test]
    fn two_keys_that_disagree_are_a_problem_of_the_one_that_was_set() {
        assert_eq!(
            in_file("[limits]\nttl_ms = 2592000001\n"),
            [
                "limits.ttl_ms: found 2592000001, wanted at most 2592000000, the value of `limits.max_ttl_ms` (tieline.toml:2)"
            ]
        );
        assert_eq!(
            in_file("[delivery]\nretry_max_ms = 10\n"),
            [
                "delivery.retry_max_ms: found 10, wanted at least 1000, the value of `delivery.retry_min_ms` (tieline.toml:2)"
            ]
        );
    }

    #[test]
    fn plugins_are_set_in_the_file_and_in_the_environment() {
        let text = "[plugins.my_echo.settings]\nretries = 1\n[plugins.my_echo.settings.deep]\na = 1\nb = 2\n";
        let env = pairs(&[
            ("TIELINE_PLUGINS__MY_ECHO__SETTINGS__RETRIES", "2"),
            ("TIELINE_PLUGINS__MY_ECHO__SETTINGS__DEEP__B", "[3]"),
            ("TIELINE_PLUGINS__MY_ECHO__SETTINGS__MOTTO", "as it comes"),
            ("TIELINE_PLUGINS__OTHER_ONE__ISOLATION", "in-process"),
            ("TIELINE_PLUGINS__OTHER_ONE__ENABLED", "false"),
            ("TIELINE_PLUGINS__TRUST", "ask"),
        ]);
        let plugins = load(&Layers { file: file(text), env, flags: vec![] }).unwrap().config.plugins;
        assert_eq!(plugins.trust, Trust::Ask);
        assert_eq!(
            plugins["my_echo"].settings_json(),
            serde_json::json!({"retries": 2, "deep": {"a": 1, "b": [3]}, "motto": "as it comes"})
        );
        assert!(plugins["my_echo"].enabled && plugins["my_echo"].isolation.is_none());
        assert_eq!((plugins["other-one"].enabled, plugins["other-one"].isolation), (false, Some(Isolation::InProcess)));
    }

    #[test]
    fn a_setting_replaces_a_table_at_its_place() {
        let text = "[plugins.echo.settings.reply]\na = 1\nb = 2\n";
        let flags = pairs(&[("plugins.echo.settings.reply", "short")]);
        let plugins = load(&Layers { file: file(text), env: vec![], flags }).unwrap().config.plugins;
        assert_eq!(plugins["echo"].settings_json(), serde_json::json!({"reply": "short"}));
    }

    /// Wants `retries` to be a number, `url` to be there, and every `x` in `list` to be true.
    fn check(name: &str, settings: &serde_json::Value) -> Vec<SettingMistake> {
        let mistake = |path: &[&str], found: &str| SettingMistake {
            path: path.iter().map(|level| (*level).to_owned()).collect(),
            found: found.to_owned(),
            wanted: format!("what `{name}` wants"),
        };
        let mut found = Vec::new();
        if settings.get("retries").is_some_and(|retries| !retries.is_number()) {
            found.push(mistake(&["retries"], "no number"));
        }
        if settings.get("url").is_none() {
            found.push(mistake(&["url"], "nothing"));
        }
        for (i, item) in settings["list"].as_array().into_iter().flatten().enumerate() {
            if item["x"] != true {
                found.push(mistake(&["list", &i.to_string(), "x"], "no"));
            }
        }
        found
    }

    #[test]
    fn mistakes_in_the_settings_of_plugins_stand_with_all_others_and_know_their_place() {
        let text = "[server]\nworkers = 0\n\n[plugins.echo]\nenabled = true\n[plugins.echo.settings]\n\
                    list = [{ x = true }, { x = 7 }]\n\n[plugins.fine.settings]\nurl = \"x\"\n";
        let env = pairs(&[("TIELINE_PLUGINS__ECHO__SETTINGS__RETRIES", "many")]);
        let layers = Layers { file: file(text), env, flags: vec![] };
        let names = ["bare".to_owned(), "fine".to_owned()];
        let found: Vec<String> =
            load_with(&layers, &names, &check).unwrap_err().0.iter().map(Problem::to_string).collect();
        assert_eq!(
            found,
            [
                "server.workers: found 0, wanted a whole number from 1 to 64 (tieline.toml:2)",
                "plugins.bare.settings.url: found nothing, wanted what `bare` wants (default)",
                "plugins.echo.settings.retries: found no number, wanted what `echo` wants \
                 (variable TIELINE_PLUGINS__ECHO__SETTINGS__RETRIES)",
                "plugins.echo.settings.url: found nothing, wanted what `echo` wants (tieline.toml:7)",
                "plugins.echo.settings.list.1.x: found no, wanted what `echo` wants (tieline.toml:7)",
            ]
        );
    }
}
