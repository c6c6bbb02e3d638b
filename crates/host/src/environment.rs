//! The settings in this process's environment.

use std::ffi::OsString;

use oge_tools::error::{Failure, FailureKind};

/// Returns the variables whose names begin with `OGE_`. `std::env::vars` would panic on a variable that is not
/// UTF-8.
///
/// # Errors
/// Fails if the value of such a variable is not UTF-8. The error names the variable.
pub fn environment() -> Result<Vec<(String, String)>, Failure> {
    ours(std::env::vars_os())
}

fn ours(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Failure> {
    let names = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    names
        .filter(|(name, _)| name.starts_with("OGE_"))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => {
                let problem = format!("{name} is not UTF-8; set it again in a UTF-8 locale");
                Err(Failure::new(FailureKind::NotConfigured, "settings", problem))
            }
        })
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn pair(name: &str, value: &[u8]) -> (OsString, OsString) {
        (name.into(), OsString::from_vec(value.to_vec()))
    }

    #[test]
    fn a_variable_that_is_not_utf8_is_named_in_the_error() {
        let other = pair("PATH", b"/\xff");
        let good = pair("OGE_USER_ID", b"u");
        let read = ours([other.clone(), good.clone()].into_iter()).unwrap();
        assert_eq!(read, [("OGE_USER_ID".to_owned(), "u".to_owned())]);
        let error = ours([other, good, pair("OGE_TOKEN_PASSWORD", b"\xc3\xdc")].into_iter());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("OGE_TOKEN_PASSWORD is not UTF-8"), "{error}");
    }
}
