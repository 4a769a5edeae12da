//! Where values come from: the layers, and reading each of them.

use crate::{
    DEFAULT_TOML, Home, Problem,
    file::{self, Reading},
    key::{self, KeyPath},
};
use serde::Serialize;
use std::{
    fmt, io,
    path::{Path, PathBuf},
};
use toml::Value;

/// Variables that begin with `TIELINE_` and are no configuration keys: other parts of the program read them.
pub const OTHER_VARIABLES: &[&str] = &["TIELINE_HOME", "TIELINE_TOKEN", "TIELINE_TOKEN_FILE", "TIELINE_FAILPOINTS"];

/// What the variables of plugins' secrets begin with: `TIELINE_SECRET_<PLUGIN>__<NAME>`.
pub const SECRET_VARIABLES: &str = "TIELINE_SECRET_";

/// Where a value or a problem stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Layer {
    /// `default.toml`.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The environment.
    Env {
        /// The variable's name.
        variable: String,
    },
    /// The command line.
    Flag,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Default => write!(f, "default"),
            Layer::File { path, line } => write!(f, "{}:{line}", path.display()),
            Layer::Env { variable } => write!(f, "variable {variable}"),
            Layer::Flag => write!(f, "flag"),
        }
    }
}

/// What lies on top of the defaults.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The configuration file and its text, when there is one.
    pub file: Option<(PathBuf, String)>,
    /// The environment; names that do not begin with `TIELINE_` are passed over.
    pub env: Vec<(String, String)>,
    /// Key paths and values from the command line.
    pub flags: Vec<(String, String)>,
}

/// The configuration file is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the configuration file `{path}`")]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Layers {
    /// Reads the file of `home`, when there is one, and puts `env` and `flags` on top.
    pub fn gather(home: &Home, env: Vec<(String, String)>, flags: Vec<(String, String)>) -> Result<Self, Unreadable> {
        let path = home.config_file();
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(Unreadable { path, source }),
        };
        Ok(Self { file, env, flags })
    }
}

/// Returns this process's variables that begin with `TIELINE_`. What is not UTF-8 is replaced, and then refused by its key.
pub fn environment() -> Vec<(String, String)> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let all = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
    all.filter(|(name, _)| name.starts_with("TIELINE_")).collect()
}

/// A value as a layer gives it, already checked against its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub path: KeyPath,
    pub value: Value,
    pub layer: Layer,
}

/// Tells whether a variable is named as that of a plugin's secret.
fn is_secret(variable: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let is_name = |name: &str| name.split('_').all(is_word);
    let names = variable.strip_prefix(SECRET_VARIABLES).and_then(|rest| rest.split_once("__"));
    names.is_some_and(|(plugin, name)| is_name(plugin) && is_name(name))
}

impl Layers {
    /// Reads all layers, lowest first.
    pub(crate) fn read(&self) -> Reading {
        let mut all = file::read(Path::new("default.toml"), DEFAULT_TOML);
        all.given.iter_mut().for_each(|given| given.layer = Layer::Default);
        let mut add = |reading: Reading| {
            all.given.extend(reading.given);
            all.problems.extend(reading.problems);
        };
        let mut plugins = Vec::new();
        if let Some((path, text)) = &self.file {
            let reading = file::read(path, text);
            let in_file = reading.given.iter().filter(|given| given.path.0[0] == "plugins");
            plugins.extend(in_file.map(|given| given.path.0[1].clone()));
            add(reading);
        }
        add(self.read_env(&plugins));
        add(self.read_flags());
        all
    }

    fn read_env(&self, plugins: &[String]) -> Reading {
        let mut reading = Reading { given: Vec::new(), problems: Vec::new() };
        let mut env: Vec<_> = self.env.iter().filter(|(name, _)| name.starts_with("TIELINE_")).collect();
        env.sort();
        for (variable, text) in env {
            let layer = Layer::Env { variable: variable.clone() };
            match key::key_of_variable(variable, plugins) {
                Some(path) => reading.take(path, text, layer),
                None if OTHER_VARIABLES.contains(&variable.as_str()) => {}
                None if is_secret(variable) => {}
                None => reading.problems.push(Problem {
                    key: variable.clone(),
                    found: "an unknown variable".into(),
                    wanted: key::variable_meant(variable, OTHER_VARIABLES),
                    layer,
                }),
            }
        }
        reading
    }

    fn read_flags(&self) -> Reading {
        let mut reading = Reading { given: Vec::new(), problems: Vec::new() };
        for (key, text) in &self.flags {
            let path = KeyPath::parse(key);
            if path.kind().is_some() && !path.is_bad_plugin_name() {
                reading.take(path, text, Layer::Flag);
            } else {
                let (found, wanted) = ("an unknown key".into(), path.meant());
                reading.problems.push(Problem { key: path.to_string(), found, wanted, layer: Layer::Flag });
            }
        }
        reading
    }
}

impl Reading {
    /// Takes one value that came as text, for a key that exists.
    fn take(&mut self, path: KeyPath, text: &str, layer: Layer) {
        let Some(kind) = path.kind() else { return };
        let value = kind.read(text);
        let problem =
            |wanted| Problem { key: path.to_string(), found: file::found(&value), wanted, layer: layer.clone() };
        if !kind.accepts(&value) {
            self.problems.push(problem(kind.wanted()));
            return;
        }
        // The short and the long name of one key, saying different things.
        let other = self.given.iter().find(|given| matches!(layer, Layer::Env { .. }) && given.path == path);
        if let Some(Given { value: before, layer: Layer::Env { variable }, .. }) = other
            && *before != value
        {
            self.problems.push(problem(format!("{before} as in {variable}, or one of the two variables only")));
            return;
        }
        self.given.push(Given { path, value, layer });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Problems, load, testing::*};

    #[test]
    fn each_layer_wins_over_the_one_below() {
        let mut layers = Layers::default();
        let workers = |layers: &Layers| load(layers).map(|loaded| loaded.config.server.workers);
        let origin = |layers: &Layers| load(layers).unwrap().origin("server.workers").unwrap().to_string();
        assert_eq!((workers(&layers), origin(&layers)), (Ok(1), "default".into()));
        layers.file = file("# mine\n[server]\nworkers = 3\n");
        assert_eq!((workers(&layers), origin(&layers)), (Ok(3), "tieline.toml:3".into()));
        layers.env = pairs(&[("TIELINE_SERVER__WORKERS", "4")]);
        assert_eq!((workers(&layers), origin(&layers)), (Ok(4), "variable TIELINE_SERVER__WORKERS".into()));
        layers.flags = pairs(&[("server.workers", "5")]);
        assert_eq!((workers(&layers), origin(&layers)), (Ok(5), "flag".into()));
    }

    #[test]
    fn listen_and_log_have_short_names() {
        let env = pairs(&[("TIELINE_LISTEN", "127.0.0.1:0"), ("TIELINE_LOG", "debug")]);
        let config = load(&Layers { env, ..Layers::default() }).unwrap().config;
        assert_eq!((config.server.listen.port(), config.log.filter.as_str()), (0, "debug"));
    }

    #[test]
    fn a_short_and_a_long_name_may_agree_but_not_differ() {
        let both = |other: &str| {
            let env = pairs(&[("TIELINE_LISTEN", "127.0.0.1:1"), ("TIELINE_SERVER__LISTEN", other)]);
            load(&Layers { env, ..Layers::default() })
        };
        assert!(both("127.0.0.1:1").is_ok());
        let Err(Problems(problems)) = both("127.0.0.1:2") else { panic!("two addresses were accepted") };
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].key.as_str(), problems[0].found.as_str()), ("server.listen", "\"127.0.0.1:2\""));
        assert!(problems[0].wanted.contains("TIELINE_LISTEN"), "{}", problems[0]);
    }

    #[test]
    fn variables_of_other_programs_and_parts_are_left_alone() {
        let mut env: Vec<_> = OTHER_VARIABLES.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        env.extend(pairs(&[("PATH", "/bin"), ("TIE_LINE", "1")]));
        assert_eq!(load(&Layers { env, ..Layers::default() }).map(|loaded| loaded.config), Ok(Config::default()));
    }

    #[test]
    fn an_unknown_variable_is_told_apart_without_its_value() {
        let env =
            pairs(&[("TIELINE_SERVER_LISTEN", "canary"), ("TIELINE_TOKN", "canary"), ("TIELINE_WEATHER", "canary")]);
        let problems = load(&Layers { env, ..Layers::default() }).unwrap_err();
        let wanted: Vec<&str> = problems.0.iter().map(|problem| problem.wanted.as_str()).collect();
        assert_eq!(wanted[..2], ["`TIELINE_SERVER__LISTEN`", "`TIELINE_TOKEN`"]);
        assert!(wanted[2].starts_with("`TIELINE_` and a key path"), "{}", wanted[2]);
        assert!(!problems.to_string().contains("canary"));
    }

    #[test]
    fn secrets_of_plugins_are_variables_without_a_key() {
        let env = pairs(&[("TIELINE_SECRET_MY_ECHO__API_KEY", "x"), ("TIELINE_SECRET_ECHO2__TOKEN", "x")]);
        assert_eq!(load(&Layers { env, ..Layers::default() }).map(|loaded| loaded.config), Ok(Config::default()));
        for name in ["TIELINE_SECRET_ECHO_KEY", "TIELINE_SECRET_", "TIELINE_SECRET_echo__KEY", "TIELINE_SECRET_A__"] {
            let problems = load(&Layers { env: pairs(&[(name, "canary")]), ..Layers::default() }).unwrap_err();
            assert!(problems.0[0].wanted.starts_with("`TIELINE_SECRET_<PLUGIN>__<NAME>`"), "{problems}");
            assert!(!problems.to_string().contains("canary"));
        }
    }

    #[test]
    fn lists_are_written_with_commas_in_the_environment() {
        let env = pairs(&[("TIELINE_SERVER__ALLOWED_HOSTS", "a.example, b.example")]);
        let config = load(&Layers { env, ..Layers::default() }).unwrap().config;
        assert_eq!(config.server.allowed_hosts, ["a.example", "b.example"]);
    }

    #[test]
    fn a_home_without_a_file_has_no_file_layer_and_a_directory_in_its_place_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::at(root.path());
        assert!(Layers::gather(&home, vec![], vec![]).unwrap().file.is_none());
        std::fs::create_dir_all(home.config_file()).unwrap();
        let error = Layers::gather(&home, vec![], vec![]).unwrap_err();
        assert!(error.to_string().contains("tieline.toml"), "{error}");
    }
}
