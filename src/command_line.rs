//! How a command line writes the arguments of the tools, with the feature `clap`.

use alloc::vec::Vec;
use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::secret::Secret;

/// Reads numbers as people write a box: separated by commas, with blanks and brackets or not.
pub(crate) fn numbers(text: &str) -> Result<Vec<f64>, &'static str> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let numbers = inner.split([',', '，']).map(|number| number.trim().parse());
    let problem =
        "it must be four numbers: min lon, min lat, max lon, max lat, such as -74,40,-73,41";
    numbers.collect::<Result<_, _>>().map_err(|_| problem)
}

/// Reads a secret from the environment variable that is named: every process can read a command line.
#[derive(Clone, Debug)]
pub(crate) struct SecretFromVariable;

impl TypedValueParser for SecretFromVariable {
    type Value = Secret;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, name: &OsStr) -> Result<Secret, Error> {
        // The name is not repeated: it may be a token that was pasted in its place.
        let error = |problem: &str| {
            let message = ["the variable that --auth-token-env names ", problem, "\n"].concat();
            Error::raw(ErrorKind::ValueValidation, message)
        };
        let value = std::env::var_os(name).ok_or_else(|| error("is not set"))?;
        value.into_string().map(Secret::new).map_err(|_| error("is not UTF-8"))
    }
}
