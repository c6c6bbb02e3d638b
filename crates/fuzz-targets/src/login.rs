//! The authority's response to a login.

use oge_token::{Credentials, LoginError};
use oge_tools::jwt::Claims;
use oge_tools::response::Response;

use crate::input;
use crate::response::STATUSES;

const PASSWORD: &str = "pässword \"MARKER\" & more";

/// Input: a digit for the grant, a digit for the status, and the body. A backtick is the password.
pub(crate) fn target(data: &[u8]) {
    let (grant, rest) = input::choice(data, &["oge", "password", "client_credentials"]);
    let (status, rest) = input::choice(rest, &STATUSES);
    let credentials = Credentials::read(|key| {
        let value = match key {
            "OGE_TOKEN_URL" => "http://oge.test/token",
            "OGE_TOKEN_GRANT" => grant,
            "OGE_TOKEN_USERNAME" | "OGE_CLIENT_ID" => "name",
            "OGE_TOKEN_PASSWORD" | "OGE_CLIENT_SECRET" => PASSWORD,
            _ => return None,
        };
        Some(value.to_owned())
    });
    let body = input::with_secret(rest, PASSWORD);
    let answer =
        credentials.unwrap().read_response(Response { status, body, ..Response::default() });
    match answer {
        Ok(issued) => {
            assert_eq!(status, 200, "a token was read from a failed login");
            let value = issued.authorization.expose();
            let (scheme, token) = value.split_once(' ').expect("a scheme and a token");
            for part in [scheme, token] {
                assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            assert_eq!(issued.claims, Claims::read(token).unwrap_or_default());
        }
        Err(LoginError::NotConfigured(_)) => panic!("no setting is missing"),
        Err(error) if input::gives_itself_away(rest) => drop(error),
        Err(error) => input::assert_hides(&format!("{error:?}")),
    }
}
