//! The tools as subcommands. Their options, descriptions and examples come from the MCP server's schemas.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PathBufValueParser, TypedValueParser, ValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgGroup, ArgMatches, Command, Error, FromArgMatches, Subcommand, value_parser};
use oge_mcp::arguments;
use oge_tools::error::Failure;
use oge_tools::for_each_tool;
use oge_tools::secret::Secret;
use oge_tools::tools::{self, QueryTaskStatus, Tool};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::call::Pending;
use crate::file;

/// Arguments that may be large. Each also has an option that reads it from a file.
const LARGE: [&str; 3] = ["code", "query", "script"];

/// The argument that the command itself handles.
const WAIT: &str = "wait_seconds";
/// The argument that is read from a variable, because every process can read a command line.
const TOKEN: &str = "auth_token";

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
        command.subcommands(oge_mcp::tools::all().iter().map(|tool| {
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
            if name == QueryTaskStatus::NAME {
                example.push_str(" --wait 600");
            }
            command.args(options).groups(groups).after_help(format!("Example:\n  {example}"))
        }))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        oge_mcp::tools::all().iter().any(|tool| tool.name == name)
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
        let tool = oge_mcp::tools::all().iter().find(|tool| tool.name == self.name);
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
    let tool = oge_mcp::tools::all().iter().find(|known| known.name == tool);
    tool.and_then(|tool| tool.input_schema.get("properties")?.as_object()).into_iter().flatten()
}

/// Returns the option of an argument.
fn option(argument: &str, schema: &Value, required: bool) -> Arg {
    let is_large = LARGE.contains(&argument);
    let option = Arg::new(argument.to_owned())
        .long(option_name(argument))
        .value_name(argument.to_ascii_uppercase())
        .allow_hyphen_values(true)
        .required(required && !is_large)
        .display_order(usize::from(!required))
        .help(help(schema));
    match argument {
        WAIT => option.value_name("SECONDS").value_parser(value_parser!(u32)),
        TOKEN => option.value_name("NAME").value_parser(ValueParser::new(SecretFromVariable)).help(
            format!("{} [环境变量名 (the name of its variable)] [example: MY_TOKEN]", help(schema)),
        ),
        "bbox" => option.value_name("LON,LAT,LON,LAT"),
        _ if is_large => option.value_parser(ValueParser::new(InlineText {
            file_option: option_name(&file_option(argument)),
        })),
        _ if schema.get("type").is_some_and(|kind| kind == "string") => option,
        // A blank text is refused by the tool, with the argument's name.
        _ => option.value_parser(NonEmptyStringValueParser::new()),
    }
}

/// Returns the option that reads a large argument from a file.
fn from_file(argument: &str, required: bool) -> Arg {
    let id = file_option(argument);
    let read = |path: PathBuf| file::text(&path).map_err(|error| format!("{error:#}"));
    let help = format!(
        "从 UTF-8 文件读取 {argument}，- 为标准输入 (reads {argument} from a UTF-8 file; - is standard \
         input) [example: {}]",
        if argument == "query" { "query.sql" } else { "my.py" }
    );
    Arg::new(id.clone())
        .long(option_name(&id))
        .value_name("FILE")
        .value_parser(PathBufValueParser::new().try_map(read))
        .display_order(usize::from(!required))
        .help(help)
}

/// Returns the name of an argument's option.
fn option_name(argument: &str) -> String {
    match argument {
        WAIT => "wait".to_owned(),
        TOKEN => "auth-token-env".to_owned(),
        argument => argument.replace('_', "-"),
    }
}

fn file_option(argument: &str) -> String {
    format!("{argument}_file")
}

/// Returns an argument's description with its default and an example.
fn help(schema: &Value) -> String {
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let default = schema.get("default").map(shown).map(|default| match &*default {
        "" => " [default: empty]".to_owned(),
        default => format!(" [default: {default}]"),
    });
    let example = schema.get("examples").and_then(|examples| examples.get(0)).map(shown);
    let example = example.map(|example| format!(" [example: {}]", first_line(&example)));
    [description, &default.unwrap_or_default(), &example.unwrap_or_default()].concat()
}

/// Returns a value as it is written on a command line.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => text.to_owned(),
    }
}

fn example_of_use(argument: &str, schema: &Value) -> String {
    if LARGE.contains(&argument) {
        return format!("--{} FILE", option_name(&file_option(argument)));
    }
    let example = schema.get("examples").and_then(|examples| examples.get(0)).map(shown);
    format!("--{} {}", option_name(argument), example.unwrap_or_default())
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

/// Accepts a text, but not the name of a file, which would be sent as the text.
#[derive(Clone, Debug)]
struct InlineText {
    file_option: String,
}

impl TypedValueParser for InlineText {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        let not_utf8 = || Error::new(ErrorKind::InvalidUtf8).with_cmd(command);
        let text = value.to_str().ok_or_else(not_utf8)?;
        let line = !text.contains('\n');
        let what = if line && text == "-" {
            "- is not read"
        } else if line && text.starts_with('@') {
            "a text that starts with @ is not a file"
        } else if line && Path::new(text).exists() {
            "this is the name of a file"
        } else {
            return Ok(text.to_owned());
        };
        let named = text.strip_prefix('@').unwrap_or(text);
        let option = arg.map(ToString::to_string).unwrap_or_default();
        let message = format!("{option}: {what}; use --{} {named}\n", self.file_option);
        Err(Error::raw(ErrorKind::ValueValidation, message).with_cmd(command))
    }
}

/// Reads a secret from a named environment variable.
#[derive(Clone, Debug)]
struct SecretFromVariable;

impl TypedValueParser for SecretFromVariable {
    type Value = Secret;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, name: &OsStr) -> Result<Secret, Error> {
        // The name is not quoted: a user may have pasted a token in its place.
        let error = |problem: &str| {
            let message = ["the variable that --auth-token-env names ", problem, "\n"].concat();
            Error::raw(ErrorKind::ValueValidation, message)
        };
        let value = std::env::var_os(name).ok_or_else(|| error("is not set"))?;
        value.into_string().map(Secret::new).map_err(|_| error("is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the options of each tool.
    fn options() -> impl Iterator<Item = (&'static str, Arg)> {
        let command = ToolCommand::augment_subcommands(Command::new("call"));
        let tools: Vec<_> = oge_mcp::tools::all().iter().map(|tool| &*tool.name).collect();
        tools.into_iter().flat_map(move |tool| {
            let command = command.find_subcommand(tool).unwrap().clone();
            command.get_arguments().map(|option| (tool, option.clone())).collect::<Vec<_>>()
        })
    }

    #[test]
    fn each_argument_of_a_schema_is_an_option_and_no_other() {
        let arguments = oge_mcp::tools::all().iter().map(|tool| properties(&tool.name).count());
        let files = options().filter(|(_, option)| option.get_id().as_str().ends_with("_file"));
        assert_eq!(files.count(), LARGE.len());
        assert_eq!(options().count(), arguments.sum::<usize>() + LARGE.len());
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
