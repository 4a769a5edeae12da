//! `cargo xtask test`: everything that must pass before a change lands.

use crate::{
    agents, first_party, fuzz,
    workspace::{BINARY, Workspace},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Options of `test`: none, so that everybody means the same by it.
#[derive(clap::Args)]
pub struct Test {}

/// One thing that must pass.
struct Step {
    name: &'static str,
    command: Command,
    /// What to do when it fails.
    advice: &'static str,
}

impl Test {
    /// Takes the steps in order, and stops at the first that fails.
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        let started = Instant::now();
        for step in checks(&workspace) {
            step.take()?;
        }
        fault_injection_daemon(&workspace)?;
        // The tests start the binary and load the plugins, which `cargo test` alone would not put on disk.
        cargo(&workspace, "build", "build --workspace", "mend what the compiler names").take()?;
        first_party::record(&workspace.target_dir().join("debug"), &workspace.stock_libraries("debug"))?;
        python(&workspace)?;
        agent_programs(&workspace)?;
        agents::forget(&workspace)?;
        for step in tests(&workspace) {
            step.take()?;
        }
        agents::check()?;
        if fuzz::is_sanitized() {
            fuzz_targets(&workspace).take()?;
        }
        println!("\nAll passed in {}.", seconds(started.elapsed()));
        Ok(())
    }
}

impl Step {
    fn take(mut self) -> Result<()> {
        println!("\n== {}: {}", self.name, line(&self.command));
        let started = Instant::now();
        let status = self.command.status().with_context(|| format!("failed to start {}", line(&self.command)))?;
        if !status.success() {
            bail!("step `{}` failed after {}: {}", self.name, seconds(started.elapsed()), self.advice);
        }
        println!("== {}: passed in {}", self.name, seconds(started.elapsed()));
        Ok(())
    }
}

fn cargo(workspace: &Workspace, name: &'static str, args: &str, advice: &'static str) -> Step {
    let mut command = workspace.cargo();
    command.args(args.split(' '));
    Step { name, command, advice }
}

fn checks(workspace: &Workspace) -> [Step; 3] {
    [
        cargo(workspace, "format", "fmt --all --check", "run `cargo fmt` and look at what it changed"),
        cargo(
            workspace,
            "clippy",
            "clippy --workspace --all-targets -- -D warnings",
            "mend what clippy names; a ban's reason stands in clippy.toml",
        ),
        // Nothing of the workspace asks for this feature, so that nothing pays for it.
        cargo(
            workspace,
            "clippy of the asynchronous SDK",
            "clippy --package tieline-plugin-sdk --features async --all-targets -- -D warnings",
            "mend what clippy names; a ban's reason stands in clippy.toml",
        ),
    ]
}

/// Builds the daemon that can be made to die at named points, for `tests/crash`, and keeps it beside the usual one,
/// which the next build puts back in its place. Cargo keeps what it compiled for both.
fn fault_injection_daemon(workspace: &Workspace) -> Result<()> {
    let args = "build --workspace --features tieline-cli/failpoints";
    cargo(workspace, "fault-injection daemon", args, "mend what the compiler names").take()?;
    let folder = workspace.target_dir().join("debug");
    let (built, kept) = (folder.join(BINARY), folder.join(format!("{BINARY}-failpoints")));
    let context = || format!("failed to copy `{}` to `{}`", built.display(), kept.display());
    // A new file: the old one may still be running somewhere.
    match fs::remove_file(&kept) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(context),
        _ => fs::copy(&built, &kept).map(drop).with_context(context),
    }
}

fn tests(workspace: &Workspace) -> [Step; 4] {
    let doc = cargo(workspace, "doctests", "test --doc --workspace", "an example in the docs no longer works: mend it");
    let has_nextest = workspace
        .cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let advice = "read the failed test above; run it alone with `cargo test -p PACKAGE NAME`";
    let args = if has_nextest { "nextest run --workspace" } else { "test --workspace --lib --bins --tests --examples" };
    let of_sdk = if has_nextest {
        "nextest run --package tieline-plugin-sdk --features async"
    } else {
        "test --package tieline-plugin-sdk --features async --lib --tests --examples"
    };
    let doc_of_sdk = "test --doc --package tieline-plugin-sdk --features async";
    [
        cargo(workspace, "tests", args, advice),
        doc,
        cargo(workspace, "tests of the asynchronous SDK", of_sdk, advice),
        cargo(
            workspace,
            "doctests of the asynchronous SDK",
            doc_of_sdk,
            "an example in the docs no longer works: mend it",
        ),
    ]
}

/// The tests have run them once already; a read beyond what a plugin has lent is seen by the sanitizer alone.
fn fuzz_targets(workspace: &Workspace) -> Step {
    let advice = "the sanitizer says above what was touched; CONTRIBUTING.md says what to do with the input";
    Step { name: "fuzz targets under AddressSanitizer", command: fuzz::command(workspace, ""), advice }
}

/// Makes the Python environment that the foreign clients of `tests/clients` run in: `venv` in the target directory.
/// It is kept until the list of requirements changes.
fn python(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.root().join("tests/clients/requirements.txt");
    let venv = workspace.target_dir().join("venv");
    let stamp = venv.join("requirements.txt");
    let Ok(wanted) = fs::read(&requirements) else { return Ok(()) };
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    make_venv(&venv).take()?;
    install_requirements(&venv, &requirements).take()?;
    fs::write(&stamp, wanted).with_context(|| format!("failed to write `{}`", stamp.display()))
}

/// Installs the agent programs that `tests/agents` drives: `agents` in the target directory. They are kept until the list
/// of their versions changes.
fn agent_programs(workspace: &Workspace) -> Result<()> {
    let (source, folder) = (workspace.root().join("tests/agents"), workspace.target_dir().join("agents"));
    let (list, lock) = ("package.json", "package-lock.json");
    let stamp = folder.join("installed.json");
    let Ok(wanted) = fs::read(source.join(lock)) else { return Ok(()) };
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("failed to make `{}`", folder.display()))?;
    for file in [list, lock] {
        let (from, to) = (source.join(file), folder.join(file));
        fs::copy(&from, &to).with_context(|| format!("failed to copy `{}` to `{}`", from.display(), to.display()))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(&folder);
    let advice =
        "install Node.js 20 or newer with npm, and see above what npm says (on Debian: the packages nodejs and npm)";
    Step { name: "agent programs", command: npm, advice }.take()?;
    fs::write(&stamp, wanted).with_context(|| format!("failed to write `{}`", stamp.display()))
}

fn make_venv(venv: &Path) -> Step {
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(venv);
    let advice = "install Python 3 with its venv module (on Debian: the package python3-venv)";
    Step { name: "python", command, advice }
}

fn install_requirements(venv: &Path, requirements: &Path) -> Step {
    let python: PathBuf = venv.join("bin/python");
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    Step { name: "python packages", command, advice: "is the package index in reach? pip says above what is missing" }
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = [program].into_iter().chain(command.get_args()).map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
