//! The `oge` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    oge_cli::main()
}
