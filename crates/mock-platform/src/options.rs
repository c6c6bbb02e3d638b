//! The options of a mock.

use std::fmt;
use std::time::Duration;

/// How a mock behaves. [`Default`] is the usual behaviour of the platform.
///
/// ```
/// use std::time::Duration;
/// let options = oge_mock_platform::Options::default()
///     .token_lifetime(Duration::from_secs(60))
///     .single_session(true);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) port: u16,
    pub(crate) token_lifetime: Duration,
    pub(crate) single_session: bool,
    pub(crate) credentials: Credentials,
    pub(crate) token_style: TokenStyle,
    pub(crate) latency: Duration,
    pub(crate) record: bool,
    pub(crate) task_states: Vec<String>,
    pub(crate) locks_account: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            token_lifetime: Duration::from_secs(2 * 60 * 60),
            single_session: false,
            credentials: Credentials::default(),
            token_style: TokenStyle::default(),
            latency: Duration::ZERO,
            record: true,
            task_states: ["starting", "running", "success"].map(str::to_owned).into(),
            locks_account: false,
        }
    }
}

impl Options {
    /// Sets the port on 127.0.0.1. Default: 0, which takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets how long a token is valid, which its `exp` also states. Default: two hours.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Sets whether each new token ends all tokens before it. Default: no.
    pub fn single_session(mut self, single: bool) -> Self {
        self.single_session = single;
        self
    }

    /// Sets the credentials that a login needs.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets the protocol of the token endpoint. Default: [`TokenStyle::Oge`].
    pub fn token_style(mut self, style: TokenStyle) -> Self {
        self.token_style = style;
        self
    }

    /// Sets the time before every response. Default: none.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sets whether requests are recorded for [`Mock::requests`](crate::Mock::requests). They are always
    /// counted. Default: yes. Benchmarks switch it off.
    pub fn record(mut self, record: bool) -> Self {
        self.record = record;
        self
    }

    /// Sets whether a login with wrong credentials gets HTTP 200 and code 50000, and the fifth locks the
    /// account, as on the public platform. Default: no.
    pub fn locks_account(mut self, locks: bool) -> Self {
        self.locks_account = locks;
        self
    }

    /// Sets the states that successive queries of a task return. The last one is repeated.
    /// Default: `starting`, `running`, `success`.
    pub fn task_states(mut self, states: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.task_states = states.into_iter().map(Into::into).collect();
        self
    }
}

/// The mock's only account. Its `Debug` is a constant.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `OGE_TOKEN_USERNAME` and `OGE_USERNAME`.
    pub username: String,
    /// `OGE_TOKEN_PASSWORD`.
    pub password: String,
    /// `OGE_CLIENT_ID`.
    pub client_id: String,
    /// `OGE_CLIENT_SECRET`.
    pub client_secret: String,
    /// `OGE_USER_ID`, the account's number.
    pub user_id: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            username: "mock-user".to_owned(),
            password: "mock-password-6b1f".to_owned(),
            client_id: "mock-client".to_owned(),
            client_secret: "mock-client-secret-93d2".to_owned(),
            user_id: "f950cff2-07c8-461a-9c24-9162d59e2666".to_owned(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(***)")
    }
}

/// The protocol of the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenStyle {
    /// The platform's own: all credentials in the query, name and password also as JSON, and the token in
    /// `data.token`.
    #[default]
    Oge,
    /// RFC 6749: a form with the grant `client_credentials` or `password`, the client in the form or as
    /// `Basic`, and the token in `access_token`.
    Rfc6749,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_text_has_a_credential() {
        let secret = || "MARKER".to_owned();
        let options = Options::default().credentials(Credentials {
            username: secret(),
            password: secret(),
            client_id: secret(),
            client_secret: secret(),
            user_id: secret(),
        });
        assert!(!format!("{options:?}").contains("MARKER"));
    }
}
