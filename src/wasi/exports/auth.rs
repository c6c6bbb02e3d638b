//! The export `auth`.

use super::to_wit::ToWit;
use crate::auth;
use crate::client::Clock as _;
use crate::log::{Event, Log};
use crate::wasi::bindings::{Component, auth as wit};
use crate::wasi::clock::WasiClock;
use crate::wasi::token_store::WitTokenStore;
use crate::wasi::wait::block_on;
use crate::wasi::{settings, stderr};

impl wit::Guest for Component {
    fn refresh_token() -> Result<wit::TokenInfo, wit::Failure> {
        let result = block_on(auth::refresh(&WitTokenStore, WasiClock.wall()));
        if let Err(failure) = &result {
            let log = Log::read(settings::source());
            stderr::write(log, auth::OPERATION, Event::Failed(failure), None);
        }
        result.to_wit()
    }

    fn token_status() -> wit::TokenInfo {
        block_on(auth::status(&WitTokenStore, WasiClock.wall())).to_wit()
    }
}

impl ToWit for auth::TokenInfo {
    type Wit = wit::TokenInfo;

    fn to_wit(self) -> wit::TokenInfo {
        wit::TokenInfo {
            present: self.present,
            generation: self.generation,
            expires_at: self.expires_at,
            expired: self.expired,
            user_name: self.user_name,
        }
    }
}
