//! The memory and handles of a process.

use std::fs;

/// Memory and handles at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// The resident set.
    pub memory_kib: u64,
    /// Open file descriptors: files, sockets, timers and the like.
    pub handles: usize,
}

pub fn footprint(process: u32) -> Footprint {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let memory_kib = resident.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    let handles = fs::read_dir(format!("/proc/{process}/fd")).expect("it is ours").count();
    Footprint { memory_kib, handles }
}
