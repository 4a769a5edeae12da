//! Runs a target: first with its corpus, then with changes of it, and says which input was the last one.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{Seek, Write},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use super::mutate::{Chance, mutate};

/// A run that takes longer hangs.
const LONGEST_RUN: Duration = Duration::from_secs(30);
/// More inputs with an outcome of their own are not kept.
const MOST_KEPT: usize = 4096;

/// Runs the target `rounds` times, or for `TIELINE_FUZZ_SECONDS`. It returns a mark of what happened: an input with a mark
/// that is new is changed further. No input is longer than `longest`.
pub(super) fn fuzz(name: &str, rounds: u32, longest: usize, target: impl Fn(&[u8]) -> u64) {
    let mut last = Last::begin(name);
    let mut marks = HashSet::new();
    let mut pool = Vec::new();
    let mut run = |input: Vec<u8>, is_seed: bool| {
        last.runs(&input);
        let is_new = marks.insert(target(&input)) && marks.len() < MOST_KEPT;
        (is_new || is_seed).then_some(input)
    };
    for seed in corpus(name) {
        pool.extend(run(seed, true));
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let until = number("TIELINE_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("TIELINE_FUZZ_SEED").unwrap_or(1);
    let mut chance = Chance(seed);
    let mut done = 0u32;
    while until.map_or(done < rounds, |until| Instant::now() < until) {
        let input = mutate(&mut chance, &pool, longest);
        pool.extend(run(input, false));
        done += 1;
    }
    println!("{name}: {done} changed inputs with the seed {seed}, {} outcomes", marks.len());
    last.ends();
}

/// Reads the files of a target, in order. One that is named after another, as `child-frames` is, has the same.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let name = name.split('-').next().unwrap_or(name);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz").join(name);
    let entries = fs::read_dir(&folder).expect("the target has a folder under tests/fuzz");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "tests/fuzz/{name} is empty");
    files.iter().map(|file| fs::read(file).expect("a file of the corpus")).collect()
}

/// Keeps the input that runs in a file, so that it is there when the process is not any more, and ends a process in which
/// it hangs.
struct Last {
    path: PathBuf,
    file: File,
    runs: Sender<()>,
}

impl Last {
    fn begin(name: &str) -> Last {
        let exe = std::env::current_exe().expect("the path of this test");
        let folder = exe.ancestors().nth(2).expect("it is below the target folder").join("fuzz");
        fs::create_dir_all(&folder).expect("a folder for the last input");
        let path = folder.join(name);
        let file = File::create(&path).expect("a file for the last input");
        let (runs, running) = mpsc::channel();
        let said = path.clone();
        std::thread::spawn(move || {
            loop {
                match running.recv_timeout(LONGEST_RUN) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("{} hangs", said.display());
                        std::process::abort();
                    }
                }
            }
        });
        Last { path, file, runs }
    }

    fn runs(&mut self, input: &[u8]) {
        self.file.rewind().and_then(|()| self.file.set_len(0)).expect("the last input can be written");
        self.file.write_all(input).expect("the last input can be written");
        self.runs.send(()).expect("somebody watches");
    }

    fn ends(self) {
        fs::remove_file(&self.path).expect("the last input can be removed");
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}: see CONTRIBUTING.md", self.path.display());
        }
    }
}
