//! Whether the settings are complete: a part of what `/readyz` checks.

use oge_token::{ConfiguredToken, Credentials};
use oge_tools::error::Fault;
use oge_tools::settings::{FILE_PROBLEM, Settings};

use crate::result::Limits;

/// Checks that the settings are good, and that both endpoints and a way to get a token are among them. `get`
/// returns the value of a key.
///
/// # Errors
/// Names the first setting that is bad or missing.
pub fn check_settings(get: impl Fn(&str) -> Option<String>) -> Result<(), Fault> {
    if let Some(problem) = get(FILE_PROBLEM) {
        return Err(Fault::Setting("OGE_SETTINGS_FILE", problem));
    }
    let settings = Settings::read(&get)?;
    settings.api_url()?;
    settings.dag_url()?;
    Limits::read(&get, usize::MAX)?;
    match (Credentials::read(&get), ConfiguredToken::read(&get)?) {
        (Err(missing), None) => Err(missing),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 7] = [
        ("OGE_API_URL", "http://oge.test/api"),
        ("OGE_DAG_URL", "http://oge.test/dag"),
        ("OGE_TOKEN_URL", "http://oge.test/token"),
        ("OGE_TOKEN_USERNAME", "user"),
        ("OGE_TOKEN_PASSWORD", "password"),
        ("OGE_CLIENT_ID", "client"),
        ("OGE_CLIENT_SECRET", "secret"),
    ];

    fn check(pairs: &[(&str, &str)]) -> Result<(), Fault> {
        check_settings(|key| {
            let last = pairs.iter().rev().find(|(known, _)| *known == key);
            last.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_missing_or_bad_setting_is_named() {
        assert_eq!(check(&COMPLETE), Ok(()));
        for changed in [
            ("OGE_API_URL", ""),
            ("OGE_DAG_URL", "no URL"),
            ("OGE_TOKEN_URL", ""),
            ("OGE_TOKEN_PASSWORD", ""),
            ("OGE_LOG", "loud"),
            ("OGE_MCP_MAX_RESULT_BYTES", "4k"),
        ] {
            let fault = check(&[&COMPLETE[..], &[changed]].concat()).unwrap_err();
            assert!(matches!(fault, Fault::Setting(key, _) if key == changed.0), "{fault:?}");
        }
        let fault = check(&[&COMPLETE[..], &[(FILE_PROBLEM, "is missing")]].concat());
        assert!(matches!(fault, Err(Fault::Setting("OGE_SETTINGS_FILE", _))), "{fault:?}");
    }

    #[test]
    fn a_configured_token_needs_no_login() {
        let token = [COMPLETE[0], COMPLETE[1], ("OGE_TOKEN", "a-token")];
        assert_eq!(check(&token), Ok(()));
    }
}
