//! Everything that is not Linux, by a crate that knows them.

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use crate::Process;

pub fn find(pid: u32) -> Option<Process> {
    let wanted = Pid::from_u32(pid);
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[wanted]), true, ProcessRefreshKind::nothing());
    let process = system.process(wanted)?;
    if matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead) {
        return None;
    }
    Some(Process {
        pid,
        started: process.start_time(),
        parent: process.parent().map_or(0, Pid::as_u32),
        name: process.name().to_string_lossy().into_owned(),
    })
}
