//! The credentials, read from the settings of the login.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};

use oge_tools::client::TransportError;
use oge_tools::error::Fault;
use oge_tools::request::Request;
use oge_tools::secret::{Redactor, Secret};
use oge_tools::settings::list::LOGIN;
use oge_tools::url::{Origin, Url};
use zeroize::Zeroizing;

use crate::login::LoginError;
use crate::login::digest::Digest;
use crate::login::grant::{Client, ClientAuth, Grant, User};

/// The credentials of a login, its URL and its grant.
#[derive(Clone, Debug)]
pub struct Credentials {
    url: Url,
    grant: Grant,
    /// Whether `OGE_TOKEN_GRANT` is unset, so that the grant follows from the other settings.
    is_default_grant: bool,
}

impl Credentials {
    /// Reads the credentials through `get`, which returns a key's value. A blank value counts as unset.
    ///
    /// The grant is `OGE_TOKEN_GRANT`. If that is unset, it is `client_credentials` for a client without a
    /// user, else the platform's own login.
    ///
    /// # Errors
    /// The error names the first setting that is missing or bad.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        // Every value is a `Secret`, so that all of them are wiped.
        let get = |key: &str| {
            debug_assert!(LOGIN.contains(&key), "{key} is not in the list");
            get(key).map(Secret::new).filter(|value| !value.expose().trim().is_empty())
        };
        let text = |value: Secret| value.expose().to_owned();
        let need = |key: &'static str| {
            get(key).ok_or_else(|| Fault::Setting(key, "is not set".to_owned()))
        };
        let url = Url::parse(need("OGE_TOKEN_URL")?.expose().trim())
            .map_err(|error| Fault::Setting("OGE_TOKEN_URL", error.0.to_owned()))?;
        let user = || -> Result<User, Fault> {
            Ok(User {
                name: text(need("OGE_TOKEN_USERNAME")?),
                password: need("OGE_TOKEN_PASSWORD")?,
            })
        };
        let auth = get("OGE_TOKEN_CLIENT_AUTH");
        let auth = match auth.as_ref().map(|auth| auth.expose().trim()) {
            None | Some("basic") => ClientAuth::Basic,
            Some("post") => ClientAuth::Post,
            Some(_) => {
                let problem = "must be basic or post".to_owned();
                return Err(Fault::Setting("OGE_TOKEN_CLIENT_AUTH", problem));
            }
        };
        let client = || -> Result<Client, Fault> {
            let (id, secret) = (text(need("OGE_CLIENT_ID")?), need("OGE_CLIENT_SECRET")?);
            Ok(Client { id, secret, auth })
        };
        let scopes = get("OGE_TOKEN_SCOPES").map(|scopes| scopes.expose().trim().to_owned());
        let is_known = |key: &str| get(key).is_some();
        let has_user = is_known("OGE_TOKEN_USERNAME") || is_known("OGE_TOKEN_PASSWORD");
        let has_client = is_known("OGE_CLIENT_ID") || is_known("OGE_CLIENT_SECRET");
        let grant = get("OGE_TOKEN_GRANT");
        let is_default_grant = grant.is_none();
        let grant = match grant.as_ref().map(|grant| grant.expose().trim()) {
            None if has_client && !has_user => {
                Grant::ClientCredentials { client: client()?, scopes }
            }
            None | Some("oge") => {
                let scopes = scopes.unwrap_or_else(|| "web".to_owned());
                Grant::Oge { user: user()?, client: client()?, scopes }
            }
            Some("password") => {
                let client = has_client.then(client).transpose()?;
                Grant::Password { user: user()?, client, scopes }
            }
            Some("client_credentials") => Grant::ClientCredentials { client: client()?, scopes },
            Some(_) => {
                let problem = "must be one of oge, password, client_credentials";
                return Err(Fault::Setting("OGE_TOKEN_GRANT", problem.to_owned()));
            }
        };
        Ok(Self { url, grant, is_default_grant })
    }

    /// Returns the origin that the login is sent to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.url.origin()
    }

    /// Returns the request of the login. It is wiped on drop. Its timeout is
    /// [`LOGIN_TIMEOUT`](crate::timing::LOGIN_TIMEOUT).
    #[must_use]
    pub fn request(&self) -> Zeroizing<Request> {
        Zeroizing::new(self.grant.request(&self.url))
    }

    /// Returns the grant's name, as `OGE_TOKEN_GRANT` has it.
    #[must_use]
    pub fn grant(&self) -> &'static str {
        self.grant.name()
    }

    /// Returns the name of the account: 16 hex digits of a digest of the token URL, grant, user, client and
    /// scopes, without secrets. Accounts differ in their names, which are valid in file names.
    #[must_use]
    pub fn account(&self) -> String {
        self.identity().name()
    }

    /// Returns a salted digest, in hex, of everything that a login sends, including secrets. It changes when a
    /// setting of the login changes.
    #[must_use]
    pub fn digest(&self, salt: &[u8]) -> String {
        let request = self.request();
        let digest = self.identity().part(salt).part(request.url.path_and_query());
        let digest = digest.optional(request.body.as_deref());
        let values = request.headers.iter().map(|header| header.value.expose());
        values.fold(digest, Digest::part).hex()
    }

    fn identity(&self) -> Digest {
        let digest = Digest::default();
        let digest = digest.part(self.origin().to_string()).part(self.url.path_and_query());
        self.grant.identify(digest)
    }

    /// Returns the names of the settings to check if the credentials are rejected.
    pub(crate) fn settings_to_check(&self) -> &'static str {
        match self.grant {
            Grant::ClientCredentials { .. } if self.is_default_grant => {
                "OGE_CLIENT_ID and OGE_CLIENT_SECRET; OGE_TOKEN_USERNAME and OGE_TOKEN_PASSWORD are not set, \
                 so the grant is client_credentials: set them for the login of a user"
            }
            _ => self.grant.settings_to_check(),
        }
    }

    /// Returns the error for a login without a response.
    #[must_use]
    pub fn no_response(&self, error: &TransportError) -> LoginError {
        let origin = self.origin();
        let why = match error {
            TransportError::Timeout { after } => {
                format!("no complete answer from {origin} within {} s", after.as_secs())
            }
            TransportError::Network(how) => {
                format!("no answer from {origin}: {}", self.redactor().excerpt(how))
            }
            TransportError::TooLarge { limit } => {
                format!("the answer from {origin} is larger than {limit} bytes")
            }
        };
        LoginError::Unavailable { why, retry_after: None }
    }

    /// Returns a redactor that hides the credentials in texts of the authority.
    pub(crate) fn redactor(&self) -> Redactor {
        let redactor = self.grant.secrets().fold(Redactor::default(), Redactor::hide);
        // In `Authorization: Basic` the client's id and secret are encoded as one word.
        let request = self.request();
        let private = request.headers.iter().filter(|header| header.is_private());
        private.fold(redactor, |redactor, header| redactor.hide_authorization(&header.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::response::tests::credentials;

    #[test]
    fn a_missing_setting_is_named() {
        for missing in LOGIN.iter().take(5) {
            let is_set =
                |key: &str| key != *missing && LOGIN.iter().take(5).any(|need| *need == key);
            let get = |key: &str| is_set(key).then(|| "http://h".to_owned());
            let Err(Fault::Setting(named, _)) = Credentials::read(get) else {
                panic!("{missing} is not required");
            };
            assert_eq!(named, *missing);
        }
    }

    /// Returns the grant that these settings choose, or the setting that the error names.
    fn chosen(grant: Option<&str>, set: &[&str]) -> &'static str {
        let read = Credentials::read(|key| match key {
            "OGE_TOKEN_URL" => Some("http://h/token".to_owned()),
            "OGE_TOKEN_GRANT" => grant.map(ToOwned::to_owned),
            key => set.contains(&key).then(|| "x".to_owned()),
        });
        match read {
            Ok(Credentials { grant: Grant::Oge { .. }, .. }) => "oge",
            Ok(Credentials { grant: Grant::Password { client: None, .. }, .. }) => "public client",
            Ok(Credentials { grant: Grant::Password { .. }, .. }) => "password",
            Ok(Credentials { grant: Grant::ClientCredentials { .. }, .. }) => "client_credentials",
            Err(Fault::Setting(key, _) | Fault::Argument(key, _)) => key,
        }
    }

    #[test]
    fn the_settings_choose_the_grant() {
        const USER: [&str; 2] = ["OGE_TOKEN_USERNAME", "OGE_TOKEN_PASSWORD"];
        const CLIENT: [&str; 2] = ["OGE_CLIENT_ID", "OGE_CLIENT_SECRET"];
        let both = [USER, CLIENT].concat();
        for (grant, set, expected) in [
            (None, &both[..], "oge"),
            (None, &CLIENT, "client_credentials"),
            (None, &USER, "OGE_CLIENT_ID"),
            (None, &["OGE_CLIENT_ID"], "OGE_CLIENT_SECRET"),
            (None, &["OGE_CLIENT_ID", "OGE_TOKEN_USERNAME"], "OGE_TOKEN_PASSWORD"),
            (Some("password"), &both, "password"),
            (Some("password"), &USER, "public client"),
            (Some("password"), &CLIENT, "OGE_TOKEN_USERNAME"),
            (Some("client_credentials"), &both, "client_credentials"),
            (Some(" oge "), &both, "oge"),
            (Some("oge"), &CLIENT, "OGE_TOKEN_USERNAME"),
            (Some("implicit"), &both, "OGE_TOKEN_GRANT"),
        ] {
            assert_eq!(chosen(grant, set), expected, "{grant:?} {set:?}");
        }
    }

    /// Returns credentials with one changed setting.
    fn with(changed: &str, value: &str) -> Credentials {
        let get = |key: &str| match key {
            "OGE_TOKEN" => None,
            "OGE_TOKEN_URL" => Some("http://h/token"),
            "OGE_TOKEN_GRANT" => Some("password"),
            "OGE_TOKEN_CLIENT_AUTH" => Some("basic"),
            _ => Some("x"),
        };
        let changed = |key: &str| if key == changed { Some(value) } else { get(key) };
        Credentials::read(|key| changed(key).map(ToOwned::to_owned)).unwrap()
    }

    #[test]
    fn the_account_depends_on_all_settings_but_the_secrets() {
        let account = with("", "").account();
        assert!(account.len() == 16 && account.bytes().all(|byte| byte.is_ascii_hexdigit()));
        for (key, value) in [
            ("OGE_TOKEN_URL", "http://h/token2"),
            ("OGE_TOKEN_URL", "http://h2/token"),
            ("OGE_TOKEN_GRANT", "oge"),
            ("OGE_TOKEN_USERNAME", "y"),
            ("OGE_CLIENT_ID", "y"),
            ("OGE_TOKEN_SCOPES", "y"),
            ("OGE_TOKEN_SCOPES", ""),
        ] {
            assert_ne!(with(key, value).account(), account, "{key}");
        }
        for (key, value) in [
            ("OGE_TOKEN_URL", "HTTP://H:80/token"),
            ("OGE_TOKEN_PASSWORD", "y"),
            ("OGE_CLIENT_SECRET", "y"),
            ("OGE_TOKEN_CLIENT_AUTH", "post"),
        ] {
            assert_eq!(with(key, value).account(), account, "{key}");
        }
    }

    #[test]
    fn every_setting_of_the_login_changes_its_digest() {
        let digest = with("", "").digest(b"salt");
        assert_eq!(digest, with("", "").digest(b"salt"));
        assert_ne!(digest, with("", "").digest(b"salz"));
        for key in LOGIN.iter().filter(|key| **key != "OGE_TOKEN") {
            let value = match *key {
                "OGE_TOKEN_URL" => "http://h/token2",
                "OGE_TOKEN_GRANT" => "oge",
                "OGE_TOKEN_CLIENT_AUTH" => "post",
                _ => "y",
            };
            assert_ne!(with(key, value).digest(b"salt"), digest, "{key}");
        }
    }

    #[test]
    fn a_bad_client_auth_setting_is_named() {
        for grant in ["oge", "client_credentials"] {
            let read = Credentials::read(|key| match key {
                "OGE_TOKEN_URL" => Some("http://h/token".to_owned()),
                "OGE_TOKEN_GRANT" => Some(grant.to_owned()),
                _ => Some("header".to_owned()),
            });
            assert!(matches!(read, Err(Fault::Setting("OGE_TOKEN_CLIENT_AUTH", _))), "{grant}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?}", credentials(), credentials().request());
        assert!(!shown.contains("c&s") && !shown.contains("p\\\" w"), "{shown}");
    }
}
