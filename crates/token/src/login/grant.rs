//! The grants: the platform's own login, and two grants of RFC 6749.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oge_tools::request::{Header, Method, Request};
use oge_tools::secret::Secret;
use oge_tools::url::Url;
use zeroize::Zeroizing;

use crate::login::digest::Digest;
use crate::timing::LOGIN_TIMEOUT;

const OPERATION: &str = "获取Token";

/// The user that logs in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: Secret,
}

/// The OAuth client that logs in.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) auth: ClientAuth,
}

/// How a request of RFC 6749 authenticates its client. The platform's own login ignores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// In the `Authorization` header, like `client_secret_basic` of OpenID Connect.
    Basic,
    /// In the form, like `client_secret_post`.
    Post,
}

/// The kind of a login and its credentials.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    /// The platform's own login.
    Oge { user: User, client: Client, scopes: String },
    /// RFC 6749, section 4.3. `None` is a public client.
    Password { user: User, client: Option<Client>, scopes: Option<String> },
    /// RFC 6749, section 4.4.
    ClientCredentials { client: Client, scopes: Option<String> },
}

impl Grant {
    pub(crate) fn request(&self, url: &Url) -> Request {
        match self {
            Self::Oge { user, client, scopes } => oge(url, user, client, scopes),
            Self::Password { user, client, scopes } => {
                let user = [("username", user.name.as_str()), ("password", user.password.expose())];
                standard(url, "password", &user, client.as_ref(), scopes.as_deref())
            }
            Self::ClientCredentials { client, scopes } => {
                standard(url, "client_credentials", &[], Some(client), scopes.as_deref())
            }
        }
    }

    /// Returns the grant's name, as `OGE_TOKEN_GRANT` has it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Oge { .. } => "oge",
            Self::Password { .. } => "password",
            Self::ClientCredentials { .. } => "client_credentials",
        }
    }

    /// Adds the parts that identify an account: grant, user, client and scopes.
    pub(crate) fn identify(&self, digest: Digest) -> Digest {
        let (user, client, scopes) = match self {
            Self::Oge { user, client, scopes } => (Some(user), Some(client), Some(scopes)),
            Self::Password { user, client, scopes } => {
                (Some(user), client.as_ref(), scopes.as_ref())
            }
            Self::ClientCredentials { client, scopes } => (None, Some(client), scopes.as_ref()),
        };
        digest
            .part(self.name())
            .optional(user.map(|user| &*user.name))
            .optional(client.map(|client| &*client.id))
            .optional(scopes.map(|scopes| &**scopes))
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let (user, client) = match self {
            Self::Oge { user, client, .. } => (Some(user), Some(client)),
            Self::Password { user, client, .. } => (Some(user), client.as_ref()),
            Self::ClientCredentials { client, .. } => (None, Some(client)),
        };
        user.map(|user| &user.password).into_iter().chain(client.map(|client| &client.secret))
    }

    pub(crate) const fn settings_to_check(&self) -> &'static str {
        match self {
            Self::Oge { .. } | Self::Password { client: Some(_), .. } => {
                "OGE_TOKEN_USERNAME, OGE_TOKEN_PASSWORD, OGE_CLIENT_ID and OGE_CLIENT_SECRET"
            }
            Self::Password { client: None, .. } => "OGE_TOKEN_USERNAME and OGE_TOKEN_PASSWORD",
            Self::ClientCredentials { .. } => "OGE_CLIENT_ID and OGE_CLIENT_SECRET",
        }
    }
}

/// Builds the platform's own login: everything in the query, name and password also in a JSON body, and no
/// `Authorization`.
fn oge(url: &Url, user: &User, client: &Client, scopes: &str) -> Request {
    let (username, password) = (user.name.as_str(), user.password.expose());
    let url = url.clone().with_queries(&[
        ("scopes", scopes),
        ("client_secret", client.secret.expose()),
        ("client_id", &client.id),
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ]);
    // Serializing a string never fails.
    let quoted = |text: &str| Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
    let (username, password) = (quoted(username), quoted(password));
    let body = ["{\"username\":", &username, ",\"password\":", &password, "}"].concat();
    Request::json(OPERATION, Method::post(), url, Some(body), LOGIN_TIMEOUT)
}

/// Builds a login of RFC 6749: a form, and the client in the header or in the form.
fn standard(
    url: &Url,
    grant: &str,
    user: &[(&str, &str)],
    client: Option<&Client>,
    scopes: Option<&str>,
) -> Request {
    let scope = scopes.map(|scopes| ("scope", scopes));
    let pairs = core::iter::once(("grant_type", grant)).chain(user.iter().copied()).chain(scope);
    let in_form = client.filter(|client| client.auth == ClientAuth::Post);
    let in_form = in_form
        .map(|client| [("client_id", &*client.id), ("client_secret", client.secret.expose())]);
    let pairs = pairs.chain(in_form.into_iter().flatten());
    let body = form(&pairs.collect::<Vec<_>>());
    let mut request =
        Request::json(OPERATION, Method::post(), url.clone(), Some(body), LOGIN_TIMEOUT);
    let header =
        |name: &str, value: String| Header { name: name.to_owned(), value: Secret::new(value) };
    request.headers =
        alloc::vec![header("content-type", "application/x-www-form-urlencoded".to_owned())];
    if let Some(client) = client.filter(|client| client.auth == ClientAuth::Basic) {
        let (id, secret) = (encoded(&client.id), encoded(client.secret.expose()));
        let pair = Secret::new([&*id, ":", &secret].concat());
        let pair = Secret::new(STANDARD.encode(pair.expose()));
        request.headers.push(header("authorization", ["Basic ", pair.expose()].concat()));
    }
    request
}

/// Encodes pairs as `application/x-www-form-urlencoded`. The string never grows, because an old buffer would
/// not be wiped.
fn form(pairs: &[(&str, &str)]) -> String {
    let longest = |(name, value): &(&str, &str)| 2 + name.len() + 3 * value.len();
    let mut form = String::with_capacity(pairs.iter().map(longest).sum());
    for (name, value) in pairs {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        form.push_str(&encoded(value));
    }
    form
}

/// Percent-encodes a value of a form. Blanks become `%20`, which every parser of forms accepts.
fn encoded(value: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * value.len()));
    encoded.extend(oge_tools::url::encode(value));
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::Credentials;
    use crate::login::response::tests::credentials;
    use core::time::Duration;

    #[test]
    fn the_platforms_login_sends_credentials_in_query_and_body() {
        let request = credentials().request();
        assert_eq!(
            request.url.path_and_query(),
            "/api/oauth/token?scopes=web&client_secret=c%26s&client_id=cid&grant_type=password&username=%E5%BC%A0%E4%B8%89&password=p%22%20w"
        );
        assert_eq!(request.body.as_deref(), Some(r#"{"username":"张三","password":"p\" w"}"#));
        assert!(request.headers.iter().all(|header| header.name == "content-type"));
        assert_eq!(request.timeout, Duration::from_secs(30));
    }

    fn standard_request(grant: &str, auth: &str) -> Zeroizing<Request> {
        let value = |key: &str| match key {
            "OGE_TOKEN_URL" => Some("http://h/token"),
            "OGE_TOKEN_GRANT" => Some(grant),
            "OGE_TOKEN_CLIENT_AUTH" => Some(auth),
            "OGE_TOKEN_USERNAME" => Some("a b"),
            "OGE_TOKEN_PASSWORD" => Some("p&w=坡"),
            "OGE_CLIENT_ID" => Some("c:d"),
            "OGE_CLIENT_SECRET" => Some("s+t"),
            "OGE_TOKEN_SCOPES" => Some("read write"),
            _ => None,
        };
        let credentials = Credentials::read(|key| value(key).map(ToOwned::to_owned));
        credentials.unwrap().request()
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        let found = request.headers.iter().find(|header| header.name == name);
        found.map(|header| header.value.expose())
    }

    #[test]
    fn the_client_is_in_the_form_when_asked_for() {
        let request = standard_request("client_credentials", "post");
        let body =
            "grant_type=client_credentials&scope=read%20write&client_id=c%3Ad&client_secret=s%2Bt";
        assert_eq!(request.body.as_deref(), Some(body));
        assert_eq!(header(&request, "authorization"), None);
    }

    #[test]
    fn a_standard_login_is_a_form_with_the_client_as_basic() {
        for (grant, body) in [
            (
                "password",
                "grant_type=password&username=a%20b&password=p%26w%3D%E5%9D%A1&scope=read%20write",
            ),
            ("client_credentials", "grant_type=client_credentials&scope=read%20write"),
        ] {
            let request = standard_request(grant, "");
            assert_eq!(request.body.as_deref(), Some(body));
            assert_eq!(request.url.path_and_query(), "/token", "no secret in a standard URL");
            assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
            let basic = header(&request, "authorization").unwrap().strip_prefix("Basic ").unwrap();
            assert_eq!(STANDARD.decode(basic).unwrap(), b"c%3Ad:s%2Bt");
        }
    }
}
