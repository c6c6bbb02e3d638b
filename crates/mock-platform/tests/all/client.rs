//! A client that sends exactly the given request.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use oge_mock_platform::{Mock, Options, Route};
use serde_json::{Value, json};
use tokio::net::TcpStream;

pub(crate) const PROCESS: &str = "/gateway/computation-api/process";
pub(crate) const EXECUTE_CODE: &str = "/api/oge-dag-22/executeCode";
pub(crate) const ADD_TASK_RECORD: &str = "/api/oge-dag-22/addTaskRecord";
pub(crate) const GET_STATE: &str = "/api/oge-dag-22/getState?dagId=d1";
pub(crate) const TOKEN: &str = "/api/oauth/token";

/// Builds a request.
#[derive(Clone)]
pub(crate) struct TestRequest {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A response. The body is an error if it did not arrive completely.
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Result<Bytes, hyper::Error>,
}

impl TestRequest {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: vec![(CONTENT_TYPE.as_str(), "application/json".to_owned())],
            body: String::new(),
        }
    }

    /// Queries the state of the task `d1`.
    pub(crate) fn state(token: &str) -> Self {
        Self::new("GET", GET_STATE).token(token)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn token(self, authorization: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), authorization)
    }

    pub(crate) fn body(mut self, body: impl ToString) -> Self {
        self.body = body.to_string();
        self
    }

    /// Sends the request on a new connection.
    pub(crate) async fn send(self, mock: &Mock) -> TestResponse {
        self.try_send(mock).await.unwrap()
    }

    pub(crate) async fn try_send(self, mock: &Mock) -> Result<TestResponse, hyper::Error> {
        self.send_on(&mut connect(mock).await).await
    }

    pub(crate) async fn send_on(
        self,
        connection: &mut SendRequest<Full<Bytes>>,
    ) -> Result<TestResponse, hyper::Error> {
        let mut request =
            Request::builder().method(self.method).uri(self.target).header(HOST, "mock");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(self.body)).unwrap();
        let (parts, body) = connection.send_request(request).await?.into_parts();
        Ok(TestResponse {
            status: parts.status,
            content_type: parts.headers.get(CONTENT_TYPE).cloned(),
            body: body.collect().await.map(http_body_util::Collected::to_bytes),
        })
    }
}

impl TestResponse {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap()
    }
}

/// Builds an aspect analysis of a bounding box.
pub(crate) fn aspect(token: &str, bbox: &Value) -> TestRequest {
    let body = json!({
        "name": "Coverage.aspect",
        "args": {
            "coverage": {
                "type": "Coverage",
                "pretreatment": true,
                "preParams": {"bbox": bbox},
                "value": ["Platform:Product:ASTER_GDEM_DEM30"],
            },
            "radius": 1,
        },
        "dockerImageSource": "DOCKER_HUB",
    });
    TestRequest::new("POST", PROCESS).token(token).body(body)
}

pub(crate) async fn start() -> Mock {
    Mock::start(Options::default()).await.unwrap()
}

/// Starts a mock with the task `d1`. Returns it with a valid token.
pub(crate) async fn start_with_token() -> (Mock, String) {
    let mock = start().await;
    mock.start_task("d1");
    let token = mock.issue_token();
    (mock, token)
}

pub(crate) async fn open(mock: &Mock) -> TcpStream {
    let address = mock.origin().strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Opens a connection for one or more requests.
pub(crate) async fn connect(mock: &Mock) -> SendRequest<Full<Bytes>> {
    let (sender, connection) = http1::handshake(TokioIo::new(open(mock).await)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Returns the value of a setting.
pub(crate) fn setting(mock: &Mock, key: &str) -> String {
    let settings = mock.settings();
    settings.into_iter().find(|(k, _)| k == key).unwrap().1
}

/// Builds a login from the mock's settings.
pub(crate) fn login(mock: &Mock) -> TestRequest {
    let [name, password, client, secret] =
        ["OGE_TOKEN_USERNAME", "OGE_TOKEN_PASSWORD", "OGE_CLIENT_ID", "OGE_CLIENT_SECRET"]
            .map(|key| setting(mock, key));
    login_with(&name, &password, &client, &secret)
}

pub(crate) fn login_with(name: &str, password: &str, client: &str, secret: &str) -> TestRequest {
    let body = serde_json::json!({"username": name, "password": password});
    let [name, password, client, secret] = [name, password, client, secret].map(encode);
    let query = format!(
        "scopes=web&client_secret={secret}&client_id={client}&grant_type=password\
         &username={name}&password={password}"
    );
    TestRequest::new("POST", format!("{TOKEN}?{query}")).body(body)
}

/// Returns the `Authorization` value of a login's response.
pub(crate) fn granted(response: &TestResponse) -> String {
    let data = &response.json()["data"];
    let head = data["tokenHead"].as_str().unwrap().trim_end();
    format!("{head} {}", data["token"].as_str().unwrap())
}

pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub(crate) fn outcomes(mock: &Mock, route: Route) -> Vec<oge_mock_platform::Outcome> {
    mock.requests(route).iter().map(|r| r.outcome).collect()
}
