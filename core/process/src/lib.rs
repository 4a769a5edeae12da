//! Which processes are there, who started them, and since when.
//!
//! A number alone proves nothing: the system gives it to another process later. With the start it names one process for as
//! long as the machine runs.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod system;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;

/// The most ancestors that are looked at.
const MAX_DEPTH: usize = 64;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started: on Linux in clock ticks after the machine's start, elsewhere in seconds since 1970. Only
    /// good for being compared.
    pub started: u64,
    /// Who started it; 0 when nobody is known.
    pub parent: u32,
    /// The name of its program, possibly cut.
    pub name: String,
}

/// Returns a process, if it is there.
pub fn find(pid: u32) -> Option<Process> {
    system::find(pid)
}

/// Tells whether the process with this number is there and is the one that was started then.
pub fn is_alive(pid: u32, started: u64) -> bool {
    find(pid).is_some_and(|process| process.started == started)
}

/// Returns a process, who started it, who started that one, and so on.
pub fn line(pid: u32) -> Vec<Process> {
    std::iter::successors(find(pid), |process| find(process.parent)).take(MAX_DEPTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_itself_and_who_started_it() {
        let own = std::process::id();
        let line = line(own);
        assert_eq!(line[0].pid, own);
        assert!(line.len() > 1, "something has started the tests");
        assert_eq!(line[0].parent, line[1].pid);
        assert!(is_alive(own, line[0].started));
    }

    #[test]
    fn a_number_that_belongs_to_another_process_proves_nothing() {
        let own = find(std::process::id()).unwrap();
        assert!(!is_alive(own.pid, own.started + 1));
        assert!(!is_alive(u32::MAX, 0));
    }
}
