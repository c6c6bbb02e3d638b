//! What a token request says and what its answer means.
//!
//! Pure: whoever holds the token sends [`Credentials::request`] as it sends any other request, and
//! hands the reply to [`Credentials::answer`]. When to do so is `oge-token-cache`'s to say.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod credentials;
mod given;
mod grant;

pub use answer::Issued;
pub use credentials::{Credentials, KEYS, TIMEOUT};
pub use given::Given;
