//! The request of a login and the meaning of its response.
//!
//! Pure: the shell sends [`Credentials::request`] like any other request and passes the response to
//! [`Credentials::answer`].

mod credentials;
mod digest;
mod error;
mod failure;
mod fields;
mod given;
mod grant;
mod response;

pub use credentials::Credentials;
pub use digest::Digest;
pub use error::LoginError;
pub use given::ConfiguredToken;
pub use response::Issued;
