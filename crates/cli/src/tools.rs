//! The tools as subcommands, with their MCP names and the core's arguments as flags.

use std::process::ExitCode;

use clap::Subcommand;
use oge_tools::for_each_tool;
use oge_tools::tools::{self, Tool};

use crate::call::Pending;

macro_rules! commands {
    ($($module:ident, $name:literal, $tool:ident;)*) => {
        /// A tool and its arguments. What is left out takes its default.
        #[derive(Debug, Subcommand)]
        pub(crate) enum ToolCommand {
            $(
                #[command(name = <tools::$tool as Tool>::NAME, alias = $name)]
                $tool(tools::$module::Arguments),
            )*
        }

        impl ToolCommand {
            /// Runs the tool.
            pub(crate) async fn run(self, call: Pending) -> anyhow::Result<ExitCode> {
                match self {
                    $(Self::$tool(arguments) => call.run::<tools::$tool>(&arguments).await,)*
                }
            }
        }
    };
}

for_each_tool!(commands);
