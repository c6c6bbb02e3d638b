//! The options of the tools' arguments: their help and how their values are read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::{NonEmptyStringValueParser, PathBufValueParser, TypedValueParser, ValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error, value_parser};
use oge_tools::secret::Secret;
use serde_json::Value;

use crate::file;

/// Arguments that may be large. Each also has an option that reads it from a file.
pub(super) const LARGE: [&str; 3] = ["code", "query", "script"];

/// The argument that the command itself handles.
pub(super) const WAIT: &str = "wait_seconds";
/// The argument that needs no value on a command line.
const WAIT_FOR_COMPLETION: &str = "wait_for_completion";
/// The argument that is read from a variable, because every process can read a command line.
pub(super) const TOKEN: &str = "auth_token";

/// Returns the option of an argument.
pub(super) fn option(argument: &str, schema: &Value, required: bool) -> Arg {
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
        WAIT_FOR_COMPLETION => option
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(NonEmptyStringValueParser::new()),
        "bbox" => option.value_name("LON,LAT,LON,LAT"),
        _ if is_large => {
            let value_name = format!("{}|@FILE", argument.to_ascii_uppercase());
            let file_option = option_name(&file_option(argument));
            option.value_name(value_name).value_parser(ValueParser::new(InlineText { file_option }))
        }
        _ if schema.get("type").is_some_and(|kind| kind == "string") => option,
        // A blank text is refused by the tool, with the argument's name.
        _ => option.value_parser(NonEmptyStringValueParser::new()),
    }
}

/// Returns the option that reads a large argument from a file.
pub(super) fn from_file(argument: &str, required: bool) -> Arg {
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
        WAIT | WAIT_FOR_COMPLETION => "wait".to_owned(),
        TOKEN => "auth-token-env".to_owned(),
        argument => argument.replace('_', "-"),
    }
}

pub(super) fn file_option(argument: &str) -> String {
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

pub(super) fn example_of_use(argument: &str, schema: &Value) -> String {
    if LARGE.contains(&argument) {
        return format!("--{} FILE", option_name(&file_option(argument)));
    }
    let example = schema.get("examples").and_then(|examples| examples.get(0)).map(shown);
    format!("--{} {}", option_name(argument), example.unwrap_or_default())
}

/// Accepts a text, or `@` and the name of a file that has it. A name without `@` is refused, because it would be
/// sent as the text.
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
        let option = arg.map(ToString::to_string).unwrap_or_default();
        let error = |problem: &str| {
            let message = format!("{option}: {problem}\n");
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        };
        let is_one_line = !text.contains('\n');
        if is_one_line && let Some(name) = text.strip_prefix('@') {
            if name.is_empty() {
                return Err(error("@ needs the name of a file, such as @my.py"));
            }
            return file::text(Path::new(name)).map_err(|why| error(&format!("{name}: {why:#}")));
        }
        let what = if is_one_line && text == "-" {
            "- is not read"
        } else if is_one_line && Path::new(text).exists() {
            "this is the name of a file"
        } else {
            return Ok(text.to_owned());
        };
        Err(error(&format!("{what}; use --{} {text}", self.file_option)))
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
