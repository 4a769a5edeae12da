//! `cargo xtask agents`: writes what the tests have shown of real agent programs into `docs/agents.md`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// Options of `agents`.
#[derive(clap::Args)]
pub struct Agents {
    /// Fail when the page says something else than the tests have shown, and write nothing
    #[arg(long)]
    check: bool,
}

/// The programs, by their names on the command line, and their packages.
const PROGRAMS: [(&str, &str, &str); 5] = [
    ("claude", "Claude Code", "@anthropic-ai/claude-code"),
    ("codex", "Codex", "@openai/codex"),
    ("gemini", "Gemini CLI", "@google/gemini-cli"),
    ("opencode", "OpenCode", "opencode-ai"),
    ("pi", "pi", "@mariozechner/pi-coding-agent"),
];
/// What a program does not have, so that nothing can be shown of it.
const HAS_NONE: [(&str, &str); 1] = [("pi", "held during a dialog")];
/// What the tests show, as they call it.
const SHOWN: [&str; 8] =
    ["register", "wake", "own door", "mid-turn", "at turn end", "seen", "held during a dialog", "resume id known"];
const BEGIN: &str = "<!-- made by `cargo xtask agents` from what the tests have shown -->";
const END: &str = "<!-- end -->";

impl Agents {
    /// Writes the page, or checks it.
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        let page = workspace.root().join("docs/agents.md");
        let text = fs::read_to_string(&page).with_context(|| format!("failed to read `{}`", page.display()))?;
        let wanted = with_table(&text, &table(&workspace)?)?;
        if wanted == text {
            return Ok(());
        }
        if self.check {
            bail!("docs/agents.md does not say what the tests have shown: run `cargo xtask agents` after them");
        }
        fs::write(&page, wanted).with_context(|| format!("failed to write `{}`", page.display()))
    }
}

/// Checks the page after the tests.
pub fn check() -> Result<()> {
    Agents { check: true }.run()
}

/// Forgets what earlier tests have shown.
pub fn forget(workspace: &Workspace) -> Result<()> {
    let folder = shown(workspace);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("failed to empty `{}`", folder.display()))?;
    }
    Ok(())
}

fn shown(workspace: &Workspace) -> PathBuf {
    workspace.target_dir().join("agents/shown")
}

fn table(workspace: &Workspace) -> Result<String> {
    let list = workspace.root().join("tests/agents/package.json");
    let list: Value = serde_json::from_str(&fs::read_to_string(&list)?).context("tests/agents/package.json")?;
    let folder = shown(workspace);
    let mut out = format!("| program | version | {} |\n|---|---|{}\n", SHOWN.join(" | "), "---|".repeat(SHOWN.len()));
    for (name, title, package) in PROGRAMS {
        let version = list["dependencies"][package].as_str().with_context(|| format!("no version of {package}"))?;
        let cells = SHOWN.map(|what| match folder.join(format!("{name}.{what}")).exists() {
            true => "yes",
            false if HAS_NONE.contains(&(name, what)) => "n/a",
            false => "not shown",
        });
        out += &format!("| {title} | {version} | {} |\n", cells.join(" | "));
    }
    Ok(out)
}

fn with_table(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("docs/agents.md has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("docs/agents.md has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_the_place_of_the_old_one() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb");
        assert_eq!(with_table(&text, "new\n").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb"));
        assert!(with_table("a", "new").is_err());
    }
}
