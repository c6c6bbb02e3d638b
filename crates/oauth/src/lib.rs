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
mod digest;
mod given;
mod grant;
mod login_error;
mod refusal;
mod said;

pub use answer::{Issued, MAX_RETRY_AFTER};
pub use credentials::{Credentials, TIMEOUT};
pub use given::Given;
pub use login_error::LoginError;
