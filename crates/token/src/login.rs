//! What a token request says and what its answer means.
//!
//! Pure: whoever holds the token sends [`Credentials::request`] as it sends any other request, and
//! hands the response to [`Credentials::answer`].

mod answer;
mod credentials;
mod digest;
mod error;
mod given;
mod grant;
mod refusal;
mod said;

pub use answer::Issued;
pub use credentials::Credentials;
pub use error::LoginError;
pub use given::Given;
