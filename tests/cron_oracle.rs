//! When cron expressions are due is what another library says, which was written by somebody else: in `tests/clients`, in Python.
//! `cargo xtask test` makes the environment that it runs in. What happens when clocks change is compared elsewhere.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use serde_json::json;
use tieline_model::{TimestampMs, schedule::Spec};
use tieline_tests::{python, rng::Rng};

const EXPRESSIONS: u64 = 2_000;
const INSTANTS: usize = 15;
/// 2024-01-01, and so many days of which one is where it begins.
const BEGIN: u64 = 1_704_067_200;
const DAYS: u64 = 2_500;

/// Chance that can be had again.
struct Chance(Rng);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0.below(usize::try_from(end).unwrap()) as u64
    }

    /// A field whose numbers go from `first` to `last`.
    fn field(&mut self, first: u64, last: u64, names: &[&str]) -> String {
        let span = last - first + 1;
        let number = |chance: &mut Self| first + chance.below(span);
        let range = |chance: &mut Self| {
            // A range of one number with a step means more to that library than to anybody else.
            let low = first + chance.below(span - 1);
            (low, low + 1 + chance.below(last - low))
        };
        match self.below(8) {
            0 | 1 => "*".to_owned(),
            2 => format!("*/{}", 1 + self.below(span / 2)),
            3 => {
                let (low, high) = range(self);
                format!("{low}-{high}")
            }
            4 => {
                let (low, high) = range(self);
                format!("{low}-{high}/{}", 1 + self.below(span / 2))
            }
            5 => (0..=self.below(4)).map(|_| number(self).to_string()).collect::<Vec<_>>().join(","),
            6 if !names.is_empty() => names[usize::try_from(self.below(names.len() as u64)).unwrap()].to_owned(),
            _ => number(self).to_string(),
        }
    }

    fn expression(&mut self) -> String {
        let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
        [
            self.field(0, 59, &[]),
            self.field(0, 23, &[]),
            self.field(1, 28, &[]),
            self.field(1, 12, &months),
            self.field(0, 6, &weekdays),
        ]
        .join(" ")
    }
}

#[test]
fn expressions_are_due_when_another_implementation_says() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/cron_oracle.py");
    let mut oracle = Command::new(python());
    let mut oracle = oracle.arg("-B").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut chance = Chance(Rng::new(2_024));
    let asked: Vec<(String, u64)> =
        (0..EXPRESSIONS).map(|_| (chance.expression(), BEGIN + chance.below(DAYS * 86_400))).collect();
    let lines: String = asked
        .iter()
        .map(|(expression, after)| {
            json!({"expression": expression, "after": after, "count": INSTANTS}).to_string() + "\n"
        })
        .collect();
    let mut input = oracle.stdin.take().unwrap();
    let writing = thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = oracle.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers: Vec<Vec<i64>> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), asked.len());
    for ((expression, after), theirs) in asked.into_iter().zip(answers) {
        let spec = Spec::Cron { expression: expression.clone(), zone: "UTC".to_owned() };
        let first = spec.next(TimestampMs(i64::try_from(after).unwrap() * 1_000));
        let ours = std::iter::successors(first, |at| spec.next(*at)).map(|at| at.0 / 1_000).take(INSTANTS);
        assert_eq!(ours.collect::<Vec<_>>(), theirs, "`{expression}` after {after}");
    }
}
