//! The export `api`.

use alloc::string::String;

use super::to_wit::ToWit;
use super::{client, read_settings};
use crate::api;
use crate::secret::Secret;
use crate::wasi::bindings::{Component, api as wit};
use crate::wasi::wait::block_on;

impl wit::Guest for Component {
    fn call(url: String, options: wit::Options) -> Result<wit::Response, wit::Failure> {
        let secret = |(name, value): (String, String)| (name, Secret::new(value));
        let arguments = api::Arguments {
            url,
            method: options.method,
            json: options.json,
            query: options.query,
            headers: options.headers.map(|headers| headers.into_iter().map(secret).collect()),
            timeout_seconds: options.timeout_seconds,
            auto_retry_on_token_expire: options.auto_retry_on_token_expire,
            use_intranet_token: options.use_intranet_token,
            auth_token: options.auth_token.map(Secret::new),
        };
        read_settings(api::OPERATION)
            .and_then(|settings| block_on(client(settings).call_api(arguments)))
            .to_wit()
    }
}

impl ToWit for api::Output {
    type Wit = wit::Response;

    fn to_wit(self) -> wit::Response {
        wit::Response {
            body: self.body,
            content_type: self.content_type,
            seconds: self.elapsed.as_secs_f64(),
            attempts: self.attempts,
        }
    }
}
