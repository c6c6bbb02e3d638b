//! The tools as subcommands. Their options, descriptions and examples come from the MCP server's schemas.

mod options;

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, ArgMatches, Command, Error, FromArgMatches, Subcommand};
use oge_mcp_server::arguments;
use oge_tools::error::Failure;
use oge_tools::for_each_tool;
use oge_tools::secret::Secret;
use oge_tools::tools::{self, ExecuteDagWorkflow, QueryTaskStatus, Tool};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::options::{LARGE, TOKEN, WAIT, example_of_use, file_option, from_file, option};
use crate::call::Pending;

/// A tool and its arguments. What is left out takes its default.
pub(crate) struct ToolCommand {
    name: String,
    given: Map<String, Value>,
    wait: Duration,
}

impl fmt::Debug for ToolCommand {
    /// Omits the arguments, which may have a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCommand").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Subcommand for ToolCommand {
    fn augment_subcommands(command: Command) -> Command {
        let command = command.subcommand_required(true).arg_required_else_help(true);
        command.subcommands(oge_mcp_server::tools::all().iter().map(|tool| {
            let name = &*tool.name;
            let required = |argument: &str| {
                let required = tool.input_schema.get("required").and_then(Value::as_array);
                required.is_some_and(|required| required.iter().any(|name| name == argument))
            };
            let command = Command::new(name.to_owned())
                .alias(name.replace('_', "-"))
                .about(tool.description.as_deref().unwrap_or_default().to_owned());
            let mut example = format!("oge call {name}");
            let (mut options, mut groups) = (Vec::new(), Vec::new());
            for (argument, schema) in properties(name) {
                if required(argument) {
                    example.push(' ');
                    example.push_str(&example_of_use(argument, schema));
                }
                options.push(option(argument, schema, required(argument)));
                if LARGE.contains(&argument.as_str()) {
                    options.push(from_file(argument, required(argument)));
                    let either = [argument.clone(), file_option(argument)];
                    let group = ArgGroup::new(format!("{argument}_or_file")).args(either);
                    groups.push(group.required(required(argument)));
                }
            }
            match name {
                QueryTaskStatus::NAME => example.push_str(" --wait 600"),
                ExecuteDagWorkflow::NAME => example.push_str(" --wait"),
                _ => {}
            }
            command.args(options).groups(groups).after_help(format!("Example:\n  {example}"))
        }))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        oge_mcp_server::tools::all().iter().any(|tool| tool.name == name)
    }
}

impl FromArgMatches for ToolCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let missing = || Error::raw(ErrorKind::MissingSubcommand, "a tool is missing\n");
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let mut tool = Self { name: name.to_owned(), given: Map::new(), wait: Duration::default() };
        for (argument, schema) in properties(name) {
            let value = match argument.as_str() {
                WAIT => {
                    let seconds = matches.get_one::<u32>(WAIT).copied().unwrap_or_default();
                    tool.wait = Duration::from_secs(seconds.into());
                    continue;
                }
                TOKEN => {
                    let token = matches.get_one::<Secret>(TOKEN);
                    token.map(|token| Value::from(token.expose()))
                }
                argument => {
                    let from_file =
                        || matches.try_get_one::<String>(&file_option(argument)).ok()?;
                    let text = matches.get_one::<String>(argument).or_else(from_file);
                    text.map(|text| value_of(text, schema))
                }
            };
            tool.given.extend(value.map(|value| (argument.clone(), value)));
        }
        Ok(tool)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ToolCommand {
    /// Returns whether the tool changes something on the platform.
    pub(crate) fn changes_something(&self) -> bool {
        let tool = oge_mcp_server::tools::all().iter().find(|tool| tool.name == self.name);
        let annotations = tool.and_then(|tool| tool.annotations.as_ref());
        !annotations.and_then(|annotations| annotations.read_only_hint).unwrap_or(false)
    }

    /// Runs the tool.
    pub(crate) async fn run(self, call: Pending) -> anyhow::Result<ExitCode> {
        let Self { name, given, wait } = self;
        if name == QueryTaskStatus::NAME {
            let arguments = read::<QueryTaskStatus>(given);
            return call.watch(arguments, wait).await;
        }
        macro_rules! dispatch {
            ($($module:ident, $name:literal, $tool:ident;)*) => {
                match &*name {
                    $(tools::$tool::NAME => call.run::<tools::$tool>(read::<tools::$tool>(given)).await,)*
                    // Excluded by the subcommands.
                    _ => anyhow::bail!("there is no tool {name}"),
                }
            };
        }
        for_each_tool!(dispatch)
    }
}

/// Returns the schema of each argument of a tool.
fn properties(tool: &str) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let tool = oge_mcp_server::tools::all().iter().find(|known| known.name == tool);
    tool.and_then(|tool| tool.input_schema.get("properties")?.as_object()).into_iter().flatten()
}

/// Converts the text of an option to the value that an MCP client would send.
fn value_of(text: &str, schema: &Value) -> Value {
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => {
            let text =
                text.trim().trim_matches(['[', ']', '(', ')', '【', '】', '（', '）', '［', '］']);
            let is_between = |character: char| {
                [',', '，', '、'].contains(&character) || character.is_whitespace()
            };
            text.split(is_between).filter(|item| !item.is_empty()).collect()
        }
        // A number is quoted in an error without quotation marks.
        Some("integer") => {
            serde_json::from_str(text.trim()).map_or_else(|_| text.into(), Value::Number)
        }
        _ => text.into(),
    }
}

/// Reads the arguments of a tool as the MCP server does. But a blank text is not left out: it may come from a
/// variable that a script forgot to set.
fn read<T: Tool<Arguments: DeserializeOwned>>(
    given: Map<String, Value>,
) -> Result<T::Arguments, Failure> {
    let is_blank =
        |(_, value): &(&String, &Value)| value.as_str().is_some_and(|text| text.trim().is_empty());
    let blank: Vec<_> = given.iter().filter(is_blank).map(|(name, _)| name.clone()).collect();
    let mut checked = arguments::checked::<T>(given)?;
    checked.extend(blank.into_iter().map(|name| (name, Value::from(""))));
    arguments::take::<T>(checked)
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    /// Returns the options of each tool.
    fn options() -> impl Iterator<Item = (&'static str, Arg)> {
        let command = ToolCommand::augment_subcommands(Command::new("call"));
        let tools: Vec<_> = oge_mcp_server::tools::all().iter().map(|tool| &*tool.name).collect();
        tools.into_iter().flat_map(move |tool| {
            let command = command.find_subcommand(tool).unwrap().clone();
            command.get_arguments().map(|option| (tool, option.clone())).collect::<Vec<_>>()
        })
    }

    #[test]
    fn each_argument_of_a_schema_is_an_option_and_no_other() {
        let arguments =
            oge_mcp_server::tools::all().iter().map(|tool| properties(&tool.name).count());
        let is = |ending: bool| {
            move |(_, option): &(&str, Arg)| option.get_id().as_str().ends_with("_file") == ending
        };
        let files = options().filter(is(true)).count();
        let large = options().filter(|(_, option)| LARGE.contains(&option.get_id().as_str()));
        assert_eq!(files, large.count());
        assert_eq!(options().filter(is(false)).count(), arguments.sum::<usize>());
    }

    #[test]
    fn each_option_has_a_description_and_a_default_or_an_example() {
        for (tool, option) in options() {
            let help = option.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains('('), "{tool} {option}: {help}");
            let has = |mark: &str| help.contains(mark);
            assert!(has("[default: ") || has("[example: "), "{tool} {option}: {help}");
        }
    }
}
