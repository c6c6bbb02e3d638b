//! The settings of the login, and the request they make.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use oge_tools::authorization::bearer;
use oge_tools::call::SendError;
use oge_tools::error::Fault;
use oge_tools::request::{Method, Request};
use oge_tools::secret::{Redactor, Secret};
use oge_tools::token::TokenError;
use oge_tools::url::{Origin, Url};
use serde::Serialize;

/// The settings of a token store. The tools never see them.
pub const KEYS: [&str; 7] = [
    "OGE_TOKEN_URL",
    "OGE_TOKEN_USERNAME",
    "OGE_TOKEN_PASSWORD",
    "OGE_CLIENT_ID",
    "OGE_CLIENT_SECRET",
    "OGE_TOKEN_SCOPES",
    "OGE_TOKEN",
];

/// For one whole token request.
const TIMEOUT: Duration = Duration::from_secs(30);
const OPERATION: &str = "获取Token";

/// Who logs in, and where.
#[derive(Clone, Debug)]
pub struct Credentials {
    url: Url,
    username: String,
    password: Secret,
    client_id: String,
    client_secret: Secret,
    scopes: String,
}

/// The login's JSON body.
#[derive(Serialize)]
struct Body<'a> {
    username: &'a str,
    password: &'a str,
}

impl Credentials {
    /// Reads the credentials through `get`, which answers a key's value. A blank value is no value.
    ///
    /// # Errors
    /// Names the first setting that is missing or bad.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let get = |key: &'static str| {
            get(key)
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| Fault::Setting(key, "is not set".to_owned()))
        };
        let url = Url::parse(get("OGE_TOKEN_URL")?.trim())
            .map_err(|error| Fault::Setting("OGE_TOKEN_URL", error.0.to_owned()))?;
        Ok(Self {
            url,
            username: get("OGE_TOKEN_USERNAME")?,
            password: Secret::new(get("OGE_TOKEN_PASSWORD")?),
            client_id: get("OGE_CLIENT_ID")?,
            client_secret: Secret::new(get("OGE_CLIENT_SECRET")?),
            scopes: get("OGE_TOKEN_SCOPES").unwrap_or_else(|_| "web".to_owned()),
        })
    }

    /// Where the login goes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.url.origin()
    }

    /// The login, as the platform wants it: everything in the query, name and password in the body
    /// too, and no `Authorization`.
    #[must_use]
    pub fn request(&self) -> Request {
        let (password, client_secret) = (self.password.expose(), self.client_secret.expose());
        let url = [
            ("scopes", self.scopes.as_str()),
            ("client_secret", client_secret),
            ("client_id", &self.client_id),
            ("grant_type", "password"),
            ("username", &self.username),
            ("password", password),
        ]
        .into_iter()
        .fold(self.url.clone(), |url, (name, value)| url.with_query(name, value));
        // Two strings always have a JSON form.
        let body = serde_json::to_string(&Body { username: &self.username, password }).ok();
        Request::json(OPERATION, Method::post(), url, body, TIMEOUT)
    }

    /// Why there is no reply.
    #[must_use]
    pub fn unanswered(&self, error: &SendError) -> TokenError {
        let origin = self.origin();
        let why = match error {
            SendError::Timeout { after } => {
                format!("no complete answer from {origin} within {} s", after.as_secs())
            }
            SendError::Network(how) => {
                format!("no answer from {origin}: {}", self.redactor().excerpt(how))
            }
            SendError::TooLarge { limit } => {
                format!("the answer from {origin} is larger than {limit} bytes")
            }
        };
        TokenError::Unavailable(why)
    }

    /// Hides the credentials in what the authority says.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::default().hide(&self.password).hide(&self.client_secret)
    }
}

/// The token that `OGE_TOKEN` starts with, scheme in front or not, as a header value.
///
/// # Errors
/// Where it cannot be sent.
pub fn given_token(get: impl Fn(&str) -> Option<String>) -> Result<Option<Secret>, Fault> {
    let token = get("OGE_TOKEN").map(Secret::new);
    let token = token.filter(|token| !token.expose().trim().is_empty());
    token
        .map(|token| {
            bearer(&token).map_err(|problem| Fault::Setting("OGE_TOKEN", problem.to_owned()))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::credentials;

    #[test]
    fn the_login_says_all_in_the_query_and_name_and_password_in_the_body() {
        let request = credentials().request();
        assert_eq!(
            request.url.path_and_query(),
            "/api/oauth/token?scopes=web&client_secret=c%26s&client_id=cid&grant_type=password&username=%E5%BC%A0%E4%B8%89&password=p%22%20w"
        );
        assert_eq!(request.body.as_deref(), Some(r#"{"username":"张三","password":"p\" w"}"#));
        assert!(request.headers.iter().all(|header| header.name == "content-type"));
        assert_eq!(request.timeout, Duration::from_secs(30));
    }

    #[test]
    fn a_missing_setting_is_named() {
        for missing in KEYS.iter().take(5) {
            let get = |key: &str| (key != *missing).then(|| "http://h".to_owned());
            let Err(Fault::Setting(named, _)) = Credentials::read(get) else {
                panic!("nobody missed {missing}");
            };
            assert_eq!(named, *missing);
        }
    }

    #[test]
    fn a_given_token_gets_its_scheme() {
        let given = |value: &str| given_token(|_| Some(value.to_owned()));
        assert_eq!(given("abc").unwrap(), Some(Secret::new("Bearer abc")));
        assert_eq!(given("Bearer abc").unwrap(), Some(Secret::new("Bearer abc")));
        assert_eq!(given(" \n").unwrap(), None);
        assert!(matches!(given("a\nb"), Err(Fault::Setting("OGE_TOKEN", _))));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?}", credentials(), credentials().request());
        assert!(!shown.contains("c&s") && !shown.contains("p\\\" w"), "{shown}");
    }
}
