//! The request of a login and the meaning of its response.
//!
//! Pure: the shell sends [`Credentials::request`] like any other request and passes the response to
//! [`Credentials::answer`].

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
