//! The settings file, with the same grammar in every program. `docs/settings.md` describes it.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// The largest settings file.
pub const MAX_BYTES: usize = 64 << 10;

/// The error for a file that is too large, as the end of a sentence about it.
pub const TOO_LARGE: &str = "is larger than 64 KiB, so it is no settings file";

/// The settings of a file, by key.
#[derive(Clone, Debug, Default)]
pub struct SettingsFile(Vec<Setting>);

#[derive(Clone, Debug)]
struct Setting {
    key: String,
    /// Some values are passwords.
    value: Secret,
    /// The line, counted from 1.
    line: usize,
}

/// Why a file is refused. Does not quote the file, because a line may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with the line and what to do.
    pub problem: &'static str,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

const UTF_16: &str = "the file is UTF-16; save it as UTF-8";
const NOT_UTF_8: &str = "this is not UTF-8 (perhaps GBK); save the file as UTF-8";
const NUL: &str = "there is a NUL byte, as in UTF-16; save the file as UTF-8";
const CONTROL: &str = "there is a control character; remove it";
const NO_EQUALS: &str = "there is no =; a line is KEY=VALUE, or begins with # as a comment";
const BAD_KEY: &str = "the text before = is no name; a name has letters, digits and _";
const UNCLOSED: &str = "a quote is not closed on this line; a value that has a ' goes into \"…\", \
                        one that has a \" into '…'";
const AFTER_QUOTE: &str = "there is text after the closing quote; put the whole value into one pair \
                           of quotes (\\ does not escape one), and a blank before a comment's #";
const QUOTE_INSIDE: &str = "there is a quote inside a value that is not quoted; put the whole value \
                            into '…', or into \"…\" if it has a '";

/// Both quotes, and those that a word processor replaces them with.
const QUOTES: [char; 6] = ['\'', '"', '‘', '’', '“', '”'];

impl SettingsFile {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Fails if a line does not follow the grammar or the file is not UTF-8.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadFile> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(BadFile { line: 1, problem: UTF_16 });
        }
        let bad_at = |at: usize, problem| {
            let before = bytes.get(..at).unwrap_or_default();
            BadFile { line: 1 + before.iter().filter(|byte| **byte == b'\n').count(), problem }
        };
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            return Err(bad_at(at, NUL));
        }
        let text =
            core::str::from_utf8(bytes).map_err(|error| bad_at(error.valid_up_to(), NOT_UTF_8))?;
        let mut file = Self::default();
        for (index, line) in lines(text).enumerate() {
            let pair = pair(line).map_err(|problem| BadFile { line: index + 1, problem })?;
            if let Some((key, value)) = pair {
                file.set(Setting { key: key.to_owned(), value, line: index + 1 });
            }
        }
        Ok(file)
    }

    /// Returns the value of a key. If several lines set it, the last one counts.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Returns the line that sets a key, counted from 1.
    #[must_use]
    pub fn line(&self, key: &str) -> Option<usize> {
        self.0.iter().find(|setting| setting.key == key).map(|setting| setting.line)
    }

    /// Returns every key once, with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|setting| (setting.key.as_str(), setting.value.expose()))
    }

    fn set(&mut self, setting: Setting) {
        match self.0.iter_mut().find(|held| held.key == setting.key) {
            Some(held) => *held = setting,
            None => self.0.push(setting),
        }
    }
}

/// Splits a text into lines, which end with LF, CR LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Reads the key and the value of a line. `None` if the line is blank or a comment.
fn pair(line: &str) -> Result<Option<(&str, Secret)>, &'static str> {
    let has_control = line.contains(|mark: char| mark.is_control() && mark != '\t');
    // If files were concatenated, a byte order mark may be at the start of any line.
    let line = line.trim_matches(|mark: char| mark == '\u{feff}' || mark.is_whitespace());
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if has_control {
        return Err(CONTROL);
    }
    let (key, rest) = line.split_once('=').ok_or(NO_EQUALS)?;
    let key = key.trim_end();
    let key = match key.strip_prefix("export") {
        Some(exported) if exported.starts_with(char::is_whitespace) => exported.trim(),
        _ => key,
    };
    let is_name = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    let starts_well = key.starts_with(|mark: char| !mark.is_ascii_digit());
    if !starts_well || !key.bytes().all(is_name) {
        return Err(BAD_KEY);
    }
    Ok(Some((key, value(rest)?)))
}

/// Reads the value after the `=` of a line.
fn value(rest: &str) -> Result<Secret, &'static str> {
    let start = rest.trim_start();
    if start.starts_with(['\'', '"']) { quoted(start) } else { unquoted(rest) }
}

/// Reads everything up to a comment, without the blanks around it.
fn unquoted(rest: &str) -> Result<Secret, &'static str> {
    let is_comment = |(at, _): &(usize, _)| {
        rest.get(..*at).is_some_and(|before: &str| before.ends_with(char::is_whitespace))
    };
    let end = rest.match_indices('#').find(is_comment).map_or(rest.len(), |(at, _)| at);
    let value = rest.get(..end).unwrap_or_default().trim();
    if value.contains(QUOTES) { Err(QUOTE_INSIDE) } else { Ok(Secret::new(value)) }
}

/// Reads quoted parts that follow each other without a blank, as in a shell.
fn quoted(mut rest: &str) -> Result<Secret, &'static str> {
    // Never grows, so that no copy of a password stays in memory.
    let mut value = String::with_capacity(rest.len());
    while let Some(quote) = rest.chars().next().filter(|mark| matches!(mark, '\'' | '"')) {
        let opened = rest.get(1..).unwrap_or_default();
        let (part, after) = opened.split_once(quote).ok_or(UNCLOSED)?;
        value.push_str(part);
        rest = after;
    }
    let value = Secret::new(value);
    let after = rest.trim_start();
    let is_comment = after.starts_with('#') && after.len() < rest.len();
    if after.is_empty() || is_comment { Ok(value) } else { Err(AFTER_QUOTE) }
}
