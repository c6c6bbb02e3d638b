//! The settings of etcd.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use oge_tools::error::Fault;
use oge_tools::secret::Secret;
use oge_tools::settings::list::ETCD;
use oge_tools::url::Url;

/// The key if `OGE_TOKEN_ETCD_KEY` is not set.
const DEFAULT_KEY: &str = "oge/token";
/// The longest key. etcd itself has no limit.
const MAX_KEY_BYTES: usize = 512;

/// Where the state is kept in etcd, and who reads it there.
#[derive(Clone, Debug)]
pub struct EtcdSettings {
    /// The endpoints of one cluster: origins, without a path.
    pub(super) endpoints: Vec<String>,
    /// The key, without the account.
    pub(super) key: String,
    /// The user of etcd's own authentication, and its password.
    pub(super) user: Option<(String, Secret)>,
}

impl EtcdSettings {
    /// Reads the settings through `get`, which returns a key's value. A blank value counts as unset. `None` if
    /// `OGE_TOKEN_ETCD` is not set.
    ///
    /// # Errors
    /// The error names the first setting that is missing or bad.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Fault> {
        let get = |key: &'static str| {
            debug_assert!(ETCD.contains(&key), "{key} is not in the list");
            get(key).map(Secret::new).filter(|value| !value.expose().trim().is_empty())
        };
        let Some(endpoints) = get("OGE_TOKEN_ETCD") else { return Ok(None) };
        let endpoints =
            endpoints.expose().split(',').map(str::trim).filter(|part| !part.is_empty());
        let endpoints = endpoints.map(endpoint).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(bad("OGE_TOKEN_ETCD", &format!("has no endpoint; {EXAMPLE}")));
        }
        let key = get("OGE_TOKEN_ETCD_KEY");
        let key = key.as_ref().map_or(DEFAULT_KEY, |key| key.expose().trim());
        if key.len() > MAX_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = "must be at most 512 visible ASCII characters without blanks";
            return Err(bad("OGE_TOKEN_ETCD_KEY", problem));
        }
        let user = match (get("OGE_TOKEN_ETCD_USERNAME"), get("OGE_TOKEN_ETCD_PASSWORD")) {
            (None, None) => None,
            (Some(name), Some(password)) => Some((name.expose().to_owned(), password)),
            (Some(_), None) => return Err(bad("OGE_TOKEN_ETCD_PASSWORD", NOT_SET)),
            (None, Some(_)) => return Err(bad("OGE_TOKEN_ETCD_USERNAME", NOT_SET)),
        };
        Ok(Some(Self { endpoints, key: key.to_owned(), user }))
    }

    /// Returns the endpoints, for messages.
    #[must_use]
    pub fn endpoints(&self) -> String {
        self.endpoints.join(", ")
    }
}

const EXAMPLE: &str = "write for example https://a:2379,https://b:2379";
const NOT_SET: &str = "is not set";

fn bad(key: &'static str, problem: &str) -> Fault {
    Fault::Setting(key, problem.to_owned())
}

/// Reads an endpoint. Its path may only be `/`.
fn endpoint(text: &str) -> Result<String, Fault> {
    let problem = |why: &str| {
        // Not quoted: it may have a password.
        bad("OGE_TOKEN_ETCD", &format!("has an endpoint that cannot be used: it {why}; {EXAMPLE}"))
    };
    let url = Url::parse(text).map_err(|error| problem(error.0))?;
    if url.path_and_query() != "/" {
        return Err(problem("must be only a scheme, a host and a port"));
    }
    Ok(url.origin().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<EtcdSettings>, Fault> {
        EtcdSettings::read(|key| {
            set.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn endpoints_and_key_are_read() {
        let etcd = read(&[("OGE_TOKEN_ETCD", " http://A:2379/, https://b ,")]).unwrap().unwrap();
        assert_eq!(etcd.endpoints, ["http://a:2379", "https://b"]);
        assert_eq!((etcd.key.as_str(), etcd.user), ("oge/token", None));
        assert!(read(&[("OGE_TOKEN_ETCD", " "), ("OGE_TOKEN_ETCD_KEY", "a b")]).unwrap().is_none());
    }

    #[test]
    fn a_bad_setting_is_named_and_never_quoted() {
        const ETCD: (&str, &str) = ("OGE_TOKEN_ETCD", "http://a:2379");
        for (set, named) in [
            (&[("OGE_TOKEN_ETCD", ",")][..], "OGE_TOKEN_ETCD"),
            (&[("OGE_TOKEN_ETCD", "a:2379")], "OGE_TOKEN_ETCD"),
            (&[("OGE_TOKEN_ETCD", "http://u:MARKER@a")], "OGE_TOKEN_ETCD"),
            (&[("OGE_TOKEN_ETCD", "http://a/MARKER")], "OGE_TOKEN_ETCD"),
            (&[("OGE_TOKEN_ETCD", "http://a?MARKER")], "OGE_TOKEN_ETCD"),
            (&[("OGE_TOKEN_ETCD", "http://a http://b")], "OGE_TOKEN_ETCD"),
            (&[ETCD, ("OGE_TOKEN_ETCD_KEY", "a b")], "OGE_TOKEN_ETCD_KEY"),
            (&[ETCD, ("OGE_TOKEN_ETCD_KEY", "密钥")], "OGE_TOKEN_ETCD_KEY"),
            (&[ETCD, ("OGE_TOKEN_ETCD_USERNAME", "u")], "OGE_TOKEN_ETCD_PASSWORD"),
            (&[ETCD, ("OGE_TOKEN_ETCD_PASSWORD", "MARKER")], "OGE_TOKEN_ETCD_USERNAME"),
        ] {
            let Err(Fault::Setting(key, problem)) = read(set) else { panic!("{set:?} was read") };
            assert_eq!(key, named, "{set:?}");
            assert!(!problem.contains("MARKER"), "{problem}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let etcd = read(&[
            ("OGE_TOKEN_ETCD", "http://a:2379"),
            ("OGE_TOKEN_ETCD_USERNAME", "u"),
            ("OGE_TOKEN_ETCD_PASSWORD", "MARKER"),
        ]);
        assert!(!format!("{etcd:?}").contains("MARKER"));
    }
}
