//! Parsers for the tools' arguments on a command line, with the feature `clap`.

use alloc::vec::Vec;
use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::secret::Secret;

/// Reads numbers separated by commas. Blanks and surrounding brackets are allowed.
pub(crate) fn numbers(text: &str) -> Result<Vec<f64>, &'static str> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let numbers = inner.split([',', '，']).map(|number| number.trim().parse());
    let problem =
        "it must be four numbers: min lon, min lat, max lon, max lat, such as -74,40,-73,41";
    numbers.collect::<Result<_, _>>().map_err(|_| problem)
}

/// Reads a secret from a named environment variable, because every process can read a command line.
#[derive(Clone, Debug)]
pub(crate) struct SecretFromVariable;

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
