//! Whatever dies between two steps of a setup, or of undoing it, whoever comes next brings it to its end.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tieline_agents::{
    Agent,
    setup::{Roots, Wiring},
};

use super::*;

const AGENTS: [Agent; 2] = [Agent::Claude, Agent::Codex];

struct Machine {
    dir: tempfile::TempDir,
    roots: Roots,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots::new(&dir.path().join("home"), |_| None);
        let machine = Self { dir, roots };
        fs::create_dir_all(&machine.roots.claude).unwrap();
        fs::write(machine.roots.claude.join("settings.json"), "{\"model\": \"opus\"}").unwrap();
        fs::write(&machine.roots.claude_state, "{\n  \"numStartups\": 3\n}\n").unwrap();
        machine
    }

    fn record(&self) -> Record {
        Record::open(&self.dir.path().join("data")).unwrap()
    }

    /// All files of the home, with what is in them.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    found.insert(path.clone(), "a folder".into());
                    walk(&path, found);
                } else {
                    found.insert(path.clone(), fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.dir.path().join("home"), &mut found);
        found
    }

    /// Sets up, and dies after `steps` files. Tells whether that was before the end.
    fn set_up(&self, program: &str, steps: usize) -> bool {
        let wiring =
            Wiring { program: program.into(), env: BTreeMap::new(), may_use_tools: false, keeps_codex_daemon: false };
        let mut record = self.record();
        let plan = plan(&AGENTS, &self.roots, &wiring, &record).unwrap();
        if !plan.changes.is_empty() {
            record.prepare(&plan.changes, &without_us(&AGENTS, &self.roots, &record).unwrap()).unwrap();
        }
        let steps = plan.changes.len().min(steps);
        write_all(&plan.changes[..steps], |_| None).unwrap();
        steps < plan.changes.len()
    }

    /// Undoes, and dies after `steps` files. Tells whether that was before the end.
    fn undo(&self, steps: usize) -> bool {
        let mut record = self.record();
        let plan = undo(&AGENTS, &self.roots, &record).unwrap();
        let known = undone(&AGENTS, &record);
        let steps = plan.changes.len().min(steps);
        write_all(&plan.changes[..steps], |_| None).unwrap();
        if steps < plan.changes.len() {
            return true;
        }
        record.forget(&known).unwrap();
        record.drop_folders().unwrap();
        false
    }
}

#[test]
fn a_setup_that_died_is_finished_by_the_next_one_or_undone() {
    let whole = Machine::new();
    assert!(!whole.set_up("/bin/tieline", 99));
    let wanted: Vec<String> = whole.files().into_values().collect();
    for steps in 0..4 {
        for program in ["/bin/tieline", "/other/tieline"] {
            let machine = Machine::new();
            let before = machine.files();
            assert!(machine.set_up(program, steps), "{steps}");
            assert!(!machine.undo(99));
            assert_eq!(machine.files(), before, "undone after {steps}");
            machine.set_up(program, steps);
            assert!(!machine.set_up("/bin/tieline", 99));
            // Hashes are over commands, and keys over paths, which are of another folder here.
            let found = machine.files().into_values().map(|text| text.replace(&shown(&machine), &shown(&whole)));
            assert_eq!(found.collect::<Vec<_>>(), wanted, "finished after {steps}");
            assert!(!machine.undo(99));
            assert_eq!(machine.files(), before, "undone after a second run");
        }
    }
}

fn shown(machine: &Machine) -> String {
    machine.dir.path().to_string_lossy().into_owned()
}

#[test]
fn undoing_that_died_is_finished_by_the_next_one() {
    for steps in 0..4 {
        let machine = Machine::new();
        let before = machine.files();
        machine.set_up("/bin/tieline", 99);
        assert!(machine.undo(steps), "{steps}");
        assert!(!machine.undo(99));
        assert_eq!(machine.files(), before);
        assert!(!machine.dir.path().join("data/setup").exists(), "no copy of anybody's settings is left");
    }
}

#[test]
fn a_file_that_somebody_changed_keeps_their_change() {
    let machine = Machine::new();
    machine.set_up("/bin/tieline", 99);
    let state = &machine.roots.claude_state;
    let counted = fs::read_to_string(state).unwrap().replace("\"numStartups\": 3", "\"numStartups\": 4");
    fs::write(state, counted).unwrap();
    machine.set_up("/new/tieline", 99);
    assert!(fs::read_to_string(state).unwrap().contains("/new/tieline"));
    machine.undo(99);
    assert_eq!(fs::read_to_string(state).unwrap(), "{\n  \"numStartups\": 4\n}\n");
    assert_eq!(fs::read_to_string(machine.roots.claude.join("settings.json")).unwrap(), "{\"model\": \"opus\"}");
    assert!(!machine.roots.codex.exists());
}

#[test]
fn a_file_that_changed_between_look_and_write_is_not_overwritten() {
    let machine = Machine::new();
    let wiring = Wiring {
        program: "/bin/tieline".into(),
        env: BTreeMap::new(),
        may_use_tools: false,
        keeps_codex_daemon: false,
    };
    let plan = plan(&AGENTS, &machine.roots, &wiring, &machine.record()).unwrap();
    fs::write(&machine.roots.claude_state, "{}").unwrap();
    let failed = write_all(&plan.changes, |_| None).unwrap_err().to_string();
    assert!(failed.contains(".claude.json: it has changed since it was read"), "{failed}");
    assert_eq!(fs::read_to_string(&machine.roots.claude_state).unwrap(), "{}");
}
