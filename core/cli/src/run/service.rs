//! `tieline service`: writes the service's file and gives the commands, or prints both.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;
use tieline_agents::setup::quote;

use crate::{
    args::{Service, ServiceLogs, ServiceVerb},
    context::Context,
    exit::Failed,
    service::{Action, Manager, Unit, Words},
    setup::{mesh, own_program, replace, user_home},
};

/// What of the environment the daemon needs that a service would not have. The PATH, since it starts agents.
const PASSED: [&str; 3] = ["PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/// Runs it.
pub fn run(context: &Context, args: Service) -> Result<(), Failed> {
    let service = Of::this_user(context)?;
    match args.verb {
        ServiceVerb::Install(args) => service.install(args.dry_run),
        ServiceVerb::Start(args) => service.steer(Action::Start, args.dry_run, "started"),
        ServiceVerb::Stop(args) => service.steer(Action::Stop, args.dry_run, "stopped"),
        ServiceVerb::Restart(args) => service.steer(Action::Restart, args.dry_run, "restarted"),
        ServiceVerb::Status => service.status(),
        ServiceVerb::Logs(args) => service.logs(args),
        ServiceVerb::Uninstall(args) => service.uninstall(args.dry_run),
    }
}

struct Of<'a> {
    context: &'a Context,
    manager: Manager,
    unit: Unit,
    file: PathBuf,
}

impl<'a> Of<'a> {
    fn this_user(context: &'a Context) -> Result<Self, Failed> {
        let manager = Manager::of_platform();
        let home = user_home()?;
        let named = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let mut env = mesh(&context.env)?;
        env.extend(PASSED.iter().filter_map(|name| Some(((*name).to_owned(), named(name)?))));
        let config = named("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
        let unit = Unit { program: own_program()?, env, home, uid: rustix::process::getuid().as_raw() };
        let file = manager.file(&unit, &config);
        Ok(Self { context, manager, unit, file })
    }

    fn install(&self, is_dry: bool) -> Result<(), Failed> {
        let text = self.manager.text(&self.unit);
        let commands = self.manager.commands(Action::Install, &self.unit);
        if is_dry {
            return self.show(&commands, Some(&text));
        }
        self.reach()?;
        if !self.is_running() && self.context.endpoint().is_listening() {
            return Err(Failed::No(format!(
                "a daemon that is no service listens at {} already; stop it first",
                self.context.endpoint()
            )));
        }
        if self.manager == Manager::Launchd && self.file.exists() {
            // What was loaded before stays as it was until it is unloaded; when it is not loaded, all the better.
            let _ = self.give(&self.manager.commands(Action::Uninstall, &self.unit));
        }
        self.write(&text)?;
        self.give(&commands)?;
        self.done(
            "installed and started",
            &format!("at every login it is started again; its file is {}", self.file.display()),
        )
    }

    fn uninstall(&self, is_dry: bool) -> Result<(), Failed> {
        let before = self.manager.commands(Action::Uninstall, &self.unit);
        let after = self.manager.commands(Action::Forget, &self.unit);
        if is_dry {
            let removal = vec![vec!["rm".to_owned(), self.file.to_string_lossy().into_owned()]];
            return self.show(&[before, removal, after].concat(), None);
        }
        self.wanted()?;
        self.reach()?;
        self.give(&before)?;
        fs::remove_file(&self.file).map_err(|error| broken(&self.file, &error))?;
        self.give(&after)?;
        self.done("uninstalled", "data and configuration are where they were")
    }

    fn steer(&self, action: Action, is_dry: bool, done: &str) -> Result<(), Failed> {
        let commands = self.manager.commands(action, &self.unit);
        if is_dry {
            return self.show(&commands, None);
        }
        self.wanted()?;
        self.reach()?;
        self.give(&commands)?;
        self.done(done, "")
    }

    fn status(&self) -> Result<(), Failed> {
        let is_installed = self.file.exists();
        if is_installed {
            self.reach()?;
        }
        let is_running = is_installed && self.is_running();
        let is_current = fs::read_to_string(&self.file).is_ok_and(|text| text == self.manager.text(&self.unit));
        if self.context.out.json {
            self.context.out.json(&json!({
                "file": self.file, "installed": is_installed, "running": is_running, "current": is_current
            }))?;
        } else {
            let words = match (is_installed, is_running) {
                (false, _) => "not installed",
                (true, true) => "installed, running",
                (true, false) => "installed, not running",
            };
            self.context.out.text(words)?;
            if is_installed && !is_current {
                self.context.out.note("its file is not the one that `tieline service install` would write now");
            }
        }
        if is_running { Ok(()) } else { Err(Failed::No(String::new())) }
    }

    fn logs(&self, args: ServiceLogs) -> Result<(), Failed> {
        let command = self.manager.logs(&self.unit, args.lines, args.follow);
        if args.dry_run {
            return self.show(&[command], None);
        }
        self.wanted()?;
        let status = process(&command).status().map_err(|error| self.unstarted(&command, &error))?;
        if status.success() { Ok(()) } else { Err(Failed::No(format!("`{}` ended with {status}", line(&command)))) }
    }

    /// Refuses what makes no sense before the service is installed.
    fn wanted(&self) -> Result<(), Failed> {
        if self.file.exists() {
            return Ok(());
        }
        let why =
            format!("the service is not installed: there is no {}; see `tieline service install`", self.file.display());
        Err(Failed::Input(why))
    }

    /// Finds out whether the manager answers, before anything is written.
    fn reach(&self) -> Result<(), Failed> {
        let probe = self.manager.probe(&self.unit);
        let output = process(&probe).output().map_err(|error| self.unstarted(&probe, &error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(self.unreachable(&format!("`{}` ended with {}: {said}", line(&probe), output.status)))
    }

    fn is_running(&self) -> bool {
        let running = self.manager.running(&self.unit);
        process(&running).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn give(&self, commands: &[Words]) -> Result<(), Failed> {
        for command in commands {
            let output = process(command).output().map_err(|error| self.unstarted(command, &error))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(Failed::No(format!("`{}` ended with {}: {said}", line(command), output.status)));
            }
        }
        Ok(())
    }

    fn write(&self, text: &str) -> Result<(), Failed> {
        let folder = self.file.parent().map_or(Ok(()), fs::create_dir_all);
        folder.and_then(|()| replace(&self.file, text, Some(0o600))).map_err(|error| broken(&self.file, &error))
    }

    fn show(&self, commands: &[Words], text: Option<&str>) -> Result<(), Failed> {
        if self.context.out.json {
            return self.context.out.json(&json!({ "file": self.file, "text": text, "commands": commands }));
        }
        let file = text.map(|text| format!("# {}\n{text}\n", self.file.display())).unwrap_or_default();
        let commands = commands.iter().map(|command| line(command) + "\n").collect::<String>();
        self.context.out.text(&format!("{file}{commands}"))
    }

    fn done(&self, words: &str, note: &str) -> Result<(), Failed> {
        if self.context.out.json {
            return self.context.out.json(&json!({ "file": self.file, "done": words }));
        }
        self.context.out.text(words)?;
        if !note.is_empty() {
            self.context.out.note(note);
        }
        Ok(())
    }

    fn unstarted(&self, command: &[String], error: &io::Error) -> Failed {
        self.unreachable(&format!("`{}` cannot be started: {error}", command[0]))
    }

    fn unreachable(&self, why: &str) -> Failed {
        Failed::No(format!(
            "the {} cannot be reached: {why}; nothing was done. `tieline serve` runs the daemon without it, and \
             `tieline service install --dry-run` prints what would be installed",
            self.manager.title()
        ))
    }
}

fn process(command: &[String]) -> Command {
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).stdin(Stdio::null());
    process
}

fn line(command: &[String]) -> String {
    command.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn broken(path: &Path, error: &io::Error) -> Failed {
    Failed::Other(anyhow::anyhow!("{}: it cannot be written: {error}", path.display()))
}
