//! The settings of the tools. Each shell reads them from its own source, once a call.

pub mod list;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use time::UtcOffset;

use crate::error::Fault;
use crate::json;
use crate::log::{Format, Level, Log};
use crate::url::{Origin, Url};

/// The key under which a shell reports why it cannot read the settings file. It is not a setting. It
/// prevents the misleading error that a setting is missing when it is in that file.
pub const FILE_PROBLEM: &str = "OGE_SETTINGS_FILE_PROBLEM";

/// The default of `OGE_MAX_REPLY_BYTES`.
pub const DEFAULT_MAX_REPLY_BYTES: usize = 32 << 20;

/// The longest time limit that can be set: a day.
pub const MAX_TIMEOUT_SECONDS: u32 = 86_400;

/// The settings of a deployment. A missing endpoint is an error only for the tools that use it.
#[derive(Clone, Debug)]
pub struct Settings {
    api_url: Option<Url>,
    dag_url: Option<Url>,
    user_id: Option<String>,
    username: Option<String>,
    timeout: Option<Duration>,
    allowed_origins: Vec<Origin>,
    /// Body codes that mean that the token has expired.
    pub expired_codes: Vec<i64>,
    /// The largest response, in bytes.
    pub max_reply_bytes: usize,
    /// What the log shows, and how.
    pub log: Log,
    /// The offset of names that are made from the time.
    pub utc_offset: UtcOffset,
}

impl Settings {
    /// Reads the settings through `get`, which returns a key's value. A blank value counts as unset.
    ///
    /// # Errors
    /// The error names the first key whose value is bad.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        if let Some(problem) = get(FILE_PROBLEM) {
            return Err(Fault::Setting("OGE_SETTINGS_FILE", problem));
        }
        let get = |key: &str| {
            debug_assert!(list::TOOLS.contains(&key), "{key} is not in the list");
            get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let url = |key: &'static str| get(key).map(|value| parse_url(key, &value)).transpose();
        let api_url = url("OGE_API_URL")?;
        let dag_url = url("OGE_DAG_URL")?;
        if dag_url.as_ref().is_some_and(Url::has_query) {
            return Err(setting("OGE_DAG_URL", "must be a base URL without a query"));
        }
        Ok(Self {
            api_url,
            dag_url,
            user_id: get("OGE_USER_ID"),
            username: get("OGE_USERNAME"),
            timeout: get("OGE_TIMEOUT_SECONDS").map(|value| parse_timeout(&value)).transpose()?,
            allowed_origins: list(get("OGE_ALLOWED_ORIGINS"), |value| {
                Origin::parse(value).map_err(|error| {
                    setting("OGE_ALLOWED_ORIGINS", &["has an entry that ", error.0].concat())
                })
            })?,
            expired_codes: list(
                get("OGE_EXPIRED_CODES").or_else(|| Some("40003".to_owned())),
                |value| {
                    json::integer(value).ok_or_else(|| {
                        setting("OGE_EXPIRED_CODES", "must be whole numbers, comma separated")
                    })
                },
            )?,
            max_reply_bytes: get("OGE_MAX_REPLY_BYTES")
                .map_or(Ok(DEFAULT_MAX_REPLY_BYTES), |value| parse_max_response(&value))?,
            log: Log {
                level: get("OGE_LOG").map_or(Ok(Level::Info), |value| {
                    Level::parse(&value).ok_or_else(|| {
                        setting("OGE_LOG", "must be one of off, error, warn, info, debug")
                    })
                })?,
                format: get("OGE_LOG_FORMAT").map_or(Ok(Format::Text), |value| {
                    Format::parse(&value)
                        .ok_or_else(|| setting("OGE_LOG_FORMAT", "must be text or json"))
                })?,
            },
            utc_offset: parse_offset(get("OGE_UTC_OFFSET").as_deref().unwrap_or("+08:00"))?,
        })
    }

    /// Returns the URL of the computation API.
    ///
    /// # Errors
    /// Fails if `OGE_API_URL` is not set.
    pub fn api_url(&self) -> Result<&Url, Fault> {
        let missing = "is not set: the URL of the platform's computation API";
        self.api_url.as_ref().ok_or_else(|| setting("OGE_API_URL", missing))
    }

    /// Returns the base URL of the DAG batch API.
    ///
    /// # Errors
    /// Fails if `OGE_DAG_URL` is not set.
    pub fn dag_url(&self) -> Result<&Url, Fault> {
        let missing = "is not set: the base URL of the platform's DAG batch API";
        self.dag_url.as_ref().ok_or_else(|| setting("OGE_DAG_URL", missing))
    }

    /// Returns the default of the argument `user_id`.
    ///
    /// # Errors
    /// Fails if `OGE_USER_ID` is not set.
    pub fn user_id(&self) -> Result<String, Fault> {
        let missing = "is not set, and no user_id was passed";
        self.user_id.clone().ok_or_else(|| setting("OGE_USER_ID", missing))
    }

    /// Returns the default of the argument `username`.
    ///
    /// # Errors
    /// Fails if `OGE_USERNAME` is not set.
    pub fn username(&self) -> Result<String, Fault> {
        let missing = "is not set, and no username was passed";
        self.username.clone().ok_or_else(|| setting("OGE_USERNAME", missing))
    }

    /// Returns the time limit of one attempt: `OGE_TIMEOUT_SECONDS` if it is set, else `seconds`.
    #[must_use]
    pub fn timeout(&self, seconds: u32) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(seconds.into()))
    }

    /// Returns whether the store's token may be sent to `origin`.
    #[must_use]
    pub fn may_get_token(&self, origin: &Origin) -> bool {
        self.origins().any(|trusted| trusted == origin)
    }

    /// Returns the origins that may get the store's token: those of the endpoints and the allowed ones.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        let endpoints = self.api_url.iter().chain(&self.dag_url).map(Url::origin);
        endpoints.chain(&self.allowed_origins)
    }
}

fn setting(key: &'static str, problem: &str) -> Fault {
    Fault::Setting(key, problem.to_owned())
}

fn parse_url(key: &'static str, value: &str) -> Result<Url, Fault> {
    Url::parse(value).map_err(|error| setting(key, error.0))
}

fn parse_timeout(value: &str) -> Result<Duration, Fault> {
    let seconds =
        value.parse::<u32>().ok().filter(|seconds| (1..=MAX_TIMEOUT_SECONDS).contains(seconds));
    seconds.map(|seconds| Duration::from_secs(seconds.into())).ok_or_else(|| {
        setting("OGE_TIMEOUT_SECONDS", "must be a whole number of seconds from 1 to 86400")
    })
}

fn parse_max_response(value: &str) -> Result<usize, Fault> {
    let bytes = value.parse::<usize>().ok().filter(|bytes| (1..=1 << 30).contains(bytes));
    bytes.ok_or_else(|| {
        setting("OGE_MAX_REPLY_BYTES", "must be a whole number of bytes from 1 to 1073741824")
    })
}

/// Reads an offset such as `+08:00`: a sign, two digits of hours, two digits of minutes.
fn parse_offset(value: &str) -> Result<UtcOffset, Fault> {
    let parse = || {
        let (sign, rest) = match value.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let number = |text: &str| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i8>().ok().filter(|_| digits)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let real = hours < 24 && minutes < 60;
        UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok().filter(|_| real)
    };
    parse().ok_or_else(|| setting("OGE_UTC_OFFSET", "must be an offset such as +08:00"))
}

/// Reads a comma-separated list. Blank entries are ignored.
///
/// # Errors
/// Fails if `parse` fails for an entry.
pub fn list<T, E>(
    value: Option<String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    let value = value.unwrap_or_default();
    value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(parse).collect()
}

#[cfg(test)]
pub(crate) mod test {
    use super::*;

    /// Returns settings that are enough for every tool.
    pub(crate) fn settings() -> Settings {
        let value = |key: &str| match key {
            "OGE_API_URL" => Some("http://oge.test/process"),
            "OGE_DAG_URL" => Some("http://oge.test/dag/"),
            "OGE_USER_ID" => Some("user-1"),
            "OGE_USERNAME" => Some("name-1"),
            _ => None,
        };
        Settings::read(|key| value(key).map(ToOwned::to_owned)).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Fault> {
        Settings::read(|key| {
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn unset_and_blank_settings_take_their_defaults() {
        let settings = read(&[("OGE_LOG", " ")]).unwrap();
        assert_eq!(settings.expired_codes, [40003]);
        assert_eq!(settings.max_reply_bytes, 33_554_432);
        assert_eq!(settings.log, Log::default());
        assert_eq!(settings.utc_offset, UtcOffset::from_hms(8, 0, 0).unwrap());
        assert_eq!(settings.timeout(30), Duration::from_secs(30));
    }

    #[test]
    fn expired_codes_may_be_decimals_or_quoted() {
        let settings = read(&[("OGE_EXPIRED_CODES", " 40003.0, \"401\",-1 ,,")]).unwrap();
        assert_eq!(settings.expired_codes, [40003, 401, -1]);
    }

    #[test]
    fn an_unreadable_settings_file_is_reported_first() {
        let fault = read(&[(FILE_PROBLEM, "line 3: why")]).unwrap_err();
        assert_eq!(fault, Fault::Setting("OGE_SETTINGS_FILE", "line 3: why".to_owned()));
    }

    #[test]
    fn a_missing_endpoint_is_an_error_only_when_it_is_used() {
        let fault = read(&[]).unwrap().api_url().unwrap_err();
        assert!(matches!(fault, Fault::Setting("OGE_API_URL", _)));
    }

    #[test]
    fn a_bad_value_names_its_key_and_does_not_quote_it() {
        for (key, value) in [
            ("OGE_API_URL", "MARKER"),
            ("OGE_API_URL", "http://user:MARKER@h/"),
            ("OGE_DAG_URL", "http://h/?MARKER"),
            ("OGE_TIMEOUT_SECONDS", "0"),
            ("OGE_TIMEOUT_SECONDS", "MARKER"),
            ("OGE_EXPIRED_CODES", "1,MARKER"),
            ("OGE_ALLOWED_ORIGINS", "http://h/MARKER"),
            ("OGE_MAX_REPLY_BYTES", "-1"),
            ("OGE_LOG", "MARKER"),
            ("OGE_UTC_OFFSET", "8"),
            ("OGE_UTC_OFFSET", "+24:00"),
            ("OGE_UTC_OFFSET", "++1:00"),
            ("OGE_UTC_OFFSET", "坡"),
        ] {
            let Err(Fault::Setting(named, problem)) = read(&[(key, value)]) else {
                panic!("{key}={value} was accepted");
            };
            assert_eq!(named, key);
            assert!(!problem.contains("MARKER"), "{problem}");
        }
    }

    #[test]
    fn the_token_may_go_to_the_endpoints_and_the_allowed_origins() {
        let settings = read(&[
            ("OGE_API_URL", "http://a/x"),
            ("OGE_DAG_URL", "http://b:81/y"),
            ("OGE_ALLOWED_ORIGINS", "https://c, http://d:8080/,"),
        ])
        .unwrap();
        let trusts = |origin: &str| settings.may_get_token(&Origin::parse(origin).unwrap());
        assert!(["http://a", "http://b:81", "https://c", "http://d:8080"].into_iter().all(trusts));
        assert!(!["https://a", "http://b", "http://c", "http://e"].into_iter().any(trusts));
    }

    #[test]
    fn offsets_are_read_with_their_sign() {
        let offset = read(&[("OGE_UTC_OFFSET", "-03:30")]).unwrap().utc_offset;
        assert_eq!(offset.as_hms(), (-3, -30, 0));
    }
}
