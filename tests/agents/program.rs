//! An agent program in a home of its own, pointed at the scripted model. What is set here a person has set long ago: that
//! the folder is trusted, and where the model is.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

/// A key that is none.
const KEY: &str = "sk-ant-a-key-for-tests-that-opens-nothing";

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// OpenCode.
    Opencode,
    /// pi.
    Pi,
}

impl Kind {
    /// All that are tested.
    pub const ALL: [Kind; 5] = [Kind::Claude, Kind::Codex, Kind::Gemini, Kind::Opencode, Kind::Pi];

    /// Returns its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Claude => "claude",
            Kind::Codex => "codex",
            Kind::Gemini => "gemini",
            Kind::Opencode => "opencode",
            Kind::Pi => "pi",
        }
    }

    /// Returns how it is started for a person.
    pub const fn command(self) -> &'static str {
        match self {
            Kind::Claude => "claude --permission-mode manual",
            Kind::Codex => "codex",
            Kind::Gemini => "gemini",
            Kind::Opencode => "opencode",
            Kind::Pi => "pi --provider scripted --model scripted",
        }
    }

    /// Returns what it shows when it takes a prompt.
    pub const fn is_ready(self) -> &'static str {
        match self {
            Kind::Claude => "? for shortcuts",
            Kind::Codex => "Ask Codex",
            Kind::Gemini => "Type your message",
            Kind::Opencode => "ctrl+p commands",
            Kind::Pi => "%/128k",
        }
    }

    /// Returns what it shows while it asks for a permission.
    pub const fn dialog(self) -> &'static str {
        match self {
            Kind::Claude => "Do you want to proceed?",
            Kind::Codex => "Would you like to run",
            Kind::Gemini => "Allow execution",
            Kind::Opencode => "Permission required",
            Kind::Pi => "pi asks for no permissions",
        }
    }

    /// Tells whether its session begins with the program, and not with its first prompt.
    pub const fn starts_at_once(self) -> bool {
        !matches!(self, Kind::Codex | Kind::Opencode)
    }

    /// Tells whether a plugin inside it prompts it, so that no terminal has to.
    pub const fn listens(self) -> bool {
        matches!(self, Kind::Opencode | Kind::Pi)
    }

    /// Returns the key that says no to what it asks for.
    pub const fn refusal(self) -> &'static str {
        "Escape"
    }

    /// Writes what a person has set before.
    pub fn furnish(self, home: &Path, folder: &Path, model: &str) {
        let write = |name: &str, text: &str| {
            let path = home.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        match self {
            Kind::Claude => {
                let seen = json!({
                    "hasCompletedOnboarding": true,
                    "customApiKeyResponses": {"approved": [&KEY[KEY.len() - 20..]], "rejected": []},
                    "projects": {folder.to_str().expect("a path"): {"hasTrustDialogAccepted": true}},
                });
                write(".claude.json", &seen.to_string());
            }
            Kind::Codex => {
                let text = format!(
                    "# mine\nmodel = \"scripted\"\nmodel_provider = \"scripted\"\ncheck_for_update_on_startup = false\n\n\
                     [model_providers.scripted]\nname = \"scripted\"\nbase_url = \"{model}/v1\"\nwire_api = \"responses\"\n\
                     request_max_retries = 0\nstream_max_retries = 0\n\n[projects.{folder:?}]\ntrust_level = \"trusted\"\n"
                );
                write(".codex/config.toml", &text);
            }
            Kind::Gemini => {
                let settings = json!({
                    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}},
                    "general": {"enableAutoUpdate": false}, "privacy": {"usageStatisticsEnabled": false},
                    "telemetry": {"enabled": false}, "model": {"name": "gemini-2.5-flash"},
                });
                write(".gemini/settings.json", &settings.to_string());
            }
            Kind::Opencode => {
                let scripted = json!({
                    "npm": "@ai-sdk/openai-compatible", "name": "scripted",
                    "options": {"baseURL": format!("{model}/v1"), "apiKey": "a-key-for-tests"},
                    "models": {"scripted": {"limit": {"context": 200_000, "output": 8_000}}},
                });
                let config = json!({
                    "autoupdate": false, "share": "disabled", "model": "scripted/scripted",
                    "small_model": "scripted/scripted", "enabled_providers": ["scripted"],
                    "provider": {"scripted": scripted}, "permission": {"bash": {"*": "allow", "touch *": "ask"}},
                });
                write(".config/opencode/opencode.json", &config.to_string());
                // What it would fetch at its start: types for people who write plugins. It looks at the lists only.
                let types = json!({"@opencode-ai/plugin": "*"});
                write(".config/opencode/package.json", &json!({"dependencies": types}).to_string());
                let lock = json!({"lockfileVersion": 3, "packages": {"": {"dependencies": types}}});
                write(".config/opencode/package-lock.json", &lock.to_string());
                write(".config/opencode/node_modules/.package-lock.json", &lock.to_string());
            }
            Kind::Pi => {
                let scripted = json!({
                    "baseUrl": format!("{model}/v1"), "api": "openai-completions", "apiKey": "a-key-for-tests",
                    "models": [{"id": "scripted"}],
                });
                write(".pi/agent/models.json", &json!({"providers": {"scripted": scripted}}).to_string());
            }
        }
    }

    /// Returns the environment that points it at the model.
    pub fn environment(self, model: &str) -> BTreeMap<String, String> {
        let pairs: &[(&str, &str)] = match self {
            Kind::Claude => &[
                ("ANTHROPIC_BASE_URL", model),
                ("ANTHROPIC_API_KEY", KEY),
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
                ("DISABLE_AUTOUPDATER", "1"),
                ("CLAUDE_CODE_MAX_RETRIES", "1"),
            ],
            Kind::Codex => &[],
            Kind::Gemini => &[
                ("GOOGLE_GEMINI_BASE_URL", model),
                ("GEMINI_API_KEY", "a-key-for-tests"),
                ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
                ("GEMINI_CLI_NO_RELAUNCH", "true"),
            ],
            Kind::Opencode => &[
                ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
                ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
                ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
            ],
            Kind::Pi => &[("PI_OFFLINE", "1")],
        };
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Returns the line by which a shell starts it with exactly this environment, and the pane's own.
    pub fn line(self, environment: &BTreeMap<String, String>) -> String {
        self.line_with("TMUX=\"$TMUX\" TMUX_PANE=\"$TMUX_PANE\" ", environment)
    }

    /// Returns the line without the pane's own.
    pub fn line_elsewhere(self, environment: &BTreeMap<String, String>) -> String {
        self.line_with("", environment)
    }

    fn line_with(self, pane: &str, environment: &BTreeMap<String, String>) -> String {
        let pairs: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        format!("exec env -i {pane}{} {}", pairs.join(" "), self.command())
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Returns the folder that npm put the programs into.
pub fn programs() -> PathBuf {
    let folder =
        tieline_tests::daemon::build_dir().parent().expect("the target folder").join("agents/node_modules/.bin");
    for kind in Kind::ALL {
        let program = folder.join(kind.name());
        assert!(program.exists(), "`{}` is not there; `cargo xtask test` installs it", program.display());
    }
    folder
}
