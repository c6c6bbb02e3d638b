//! The roles of this program's processes.

use std::process::Command;

const VARIABLE: &str = "OGE_BENCH_ROLE";

/// The role of a process that does not measure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// Runs the mock.
    Mock,
    /// Makes calls and prints their memory.
    Host,
    /// Makes one call and exits.
    Start,
    /// Runs wasmtime's command line.
    Wasmtime,
    /// Runs the command `oge`.
    Oge,
}

impl Role {
    const ALL: [Self; 5] = [Self::Mock, Self::Host, Self::Start, Self::Wasmtime, Self::Oge];

    pub(crate) fn of_this_process() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// Returns the command of a process in this role, with an empty environment but for the role and `HOME`.
    pub(crate) fn command(self) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().env(VARIABLE, self.name());
        // The cache of compiled code is in the home directory.
        command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
        Ok(command)
    }
}
