//! The export `token-store`: the store of this instance.

use spin::mutex::SpinMutex;

use super::bindings::Component;
use super::bindings::exports::oge::tools::token_store as wit;
use super::effects::{TokenStores, WasiEffects, from_settings};
use oge_token::Store;
use oge_tools::token::{Token, TokenError};
use oge_tools::wasi::wait::{Blocking, block_on};

/// The stores, created by the first call. Calls into an instance never overlap, so the mutex never spins.
static STORES: SpinMutex<TokenStores<Store<WasiEffects<Blocking>>>> =
    SpinMutex::new(TokenStores::new());

fn with_store<T>(
    use_store: impl FnOnce(&Store<WasiEffects<Blocking>>) -> T,
) -> Result<T, TokenError> {
    // A failure is not cached: each call reads a bad setting again.
    STORES.lock().newest(|| from_settings(Blocking)).map(use_store)
}

impl wit::Guest for Component {
    fn get() -> Result<wit::Token, wit::TokenError> {
        to_wit(with_store(|store| block_on(store.get())).flatten())
    }

    fn peek() -> Option<wit::Token> {
        with_store(Store::peek).ok().flatten().map(token_to_wit)
    }

    fn refresh(stale: Option<u64>) -> Result<wit::Token, wit::TokenError> {
        to_wit(with_store(|store| block_on(store.refresh(stale))).flatten())
    }
}

fn to_wit(result: Result<Token, TokenError>) -> Result<wit::Token, wit::TokenError> {
    result.map(token_to_wit).map_err(|error| match error {
        TokenError::NotConfigured(which) => wit::TokenError::NotConfigured(which),
        TokenError::Rejected(why) => wit::TokenError::Rejected(why),
        TokenError::Unavailable(why) => wit::TokenError::Unavailable(why),
    })
}

fn token_to_wit(token: Token) -> wit::Token {
    wit::Token { authorization: token.authorization.expose().into(), generation: token.generation }
}
