//! What a process of this program is there for.

use std::process::Command;

const VARIABLE: &str = "OGE_BENCH_ROLE";

/// What a process of this program is there for, where it does not measure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// To be the platform.
    Mock,
    /// To run calls and tell how much memory they took.
    Host,
    /// To make one call and end.
    Start,
    /// To be wasmtime's command line.
    Wasmtime,
}

impl Role {
    const ALL: [Self; 4] = [Self::Mock, Self::Host, Self::Start, Self::Wasmtime];

    pub(crate) fn of_this_process() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// A process in this role, with no environment but the role.
    pub(crate) fn command(self) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().env(VARIABLE, self.name());
        // Where wasmtime keeps what it compiled.
        command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
        Ok(command)
    }
}
