//! The login at the authority that the settings name.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oge_token::{Credentials, Issued, LoginError, not_configured};
use oge_tools::client::{Transport as _, TransportError};
use oge_tools::error::Fault;

use crate::client::HttpClient;
use crate::store::{Authority, StoreTransport};

/// Logs in with the credentials of the settings.
pub struct PasswordLogin {
    transport: StoreTransport,
    /// An error names the missing setting: a store that starts with a given token may never need credentials.
    credentials: Result<Credentials, Fault>,
}

impl PasswordLogin {
    /// Reads the credentials from the settings. `get` returns a setting's value.
    #[must_use]
    pub fn new(client: HttpClient, get: impl Fn(&str) -> Option<String>) -> Self {
        Self { transport: StoreTransport(client), credentials: Credentials::read(get) }
    }

    /// Returns the account's name, if there are credentials.
    pub(crate) fn account(&self) -> Option<String> {
        self.credentials.as_ref().ok().map(Credentials::account)
    }
}

impl Authority for PasswordLogin {
    fn can_log_in(&self) -> bool {
        self.credentials.is_ok()
    }

    fn digest(&self, salt: &[u8]) -> String {
        self.credentials.as_ref().map_or_else(|_| String::new(), |known| known.digest(salt))
    }

    fn timed_out(&self, limit: Duration) -> LoginError {
        match &self.credentials {
            Ok(credentials) => credentials.no_response(&TransportError::Timeout { after: limit }),
            Err(fault) => LoginError::NotConfigured(not_configured(fault.clone())),
        }
    }

    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            let credentials = self.credentials.as_ref();
            let credentials = credentials
                .map_err(|fault| LoginError::NotConfigured(not_configured(fault.clone())))?;
            match self.transport.send(&credentials.request(), None).await {
                Ok(response) => credentials.read_response(response),
                Err(error) => Err(credentials.no_response(&error)),
            }
        }
        .boxed()
    }
}
