//! Linux: `/proc/PID/stat`, see proc_pid_stat(5).

use std::fs;

use crate::Process;

/// Fields of `stat` that are counted after the name: the state is the first.
const PARENT: usize = 1;
const START: usize = 19;

pub fn find(pid: u32) -> Option<Process> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name is in brackets and may hold anything, brackets too; everything after the last one is numbers.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
    // A zombie has ended; it waits for its parent.
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Process {
        pid,
        started: fields.get(START)?.parse().ok()?,
        parent: fields.get(PARENT)?.parse().ok()?,
        name: stat.get(open + 1..close)?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        let process = parse(7, stat).unwrap();
        assert_eq!((process.parent, process.started, process.name.as_str()), (3, 4242, "a) b (c"));
    }

    #[test]
    fn who_has_ended_is_not_there() {
        assert_eq!(parse(7, "7 (a) Z 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2"), None);
        assert_eq!(parse(7, ""), None);
    }
}
