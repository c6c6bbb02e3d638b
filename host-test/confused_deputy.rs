//! Confused deputy: no argument of a caller sends the store's token to another server.

use std::sync::{Arc, Mutex};

use oge_host::CallError;
use oge_mock_platform::{Options, Route};
use oge_tools::api::Arguments;
use oge_tools::error::FailureKind;
use oge_tools::secret::Secret;
use oge_tools::url::Origin;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::Fixture;

/// A server that records each request and sends the same response to all.
struct Listener {
    authority: String,
    heads: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Listener {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&heads);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let place = {
                    let mut noted = noted.lock().unwrap();
                    noted.push(String::new());
                    noted.len() - 1
                };
                let head = head(&stream).await;
                noted.lock().unwrap()[place] = head;
                let _ = stream.try_write(answer.as_bytes());
            }
        });
        Self { authority, heads, serving }
    }

    fn origin(&self) -> Origin {
        Origin::parse(&format!("http://{}", self.authority)).unwrap()
    }

    /// Returns the received request heads, with an empty one for each connection that sent nothing.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Reads up to the blank line.
async fn head(stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1024];
        if stream.readable().await.is_err() {
            break;
        }
        match stream.try_read(&mut part) {
            Ok(0) => break,
            Ok(length) => bytes.extend(&part[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Starts a logged-in fixture and another server whose origin the host allows.
async fn two_servers() -> (Fixture, Listener) {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let elsewhere = Listener::start(answer.to_owned()).await;
    let origin = elsewhere.origin();
    let fixture = Fixture::with(Options::default(), |builder| builder.allow(origin)).await;
    fixture.host.refresh_token().await.unwrap();
    fixture.mock.clear_requests();
    (fixture, elsewhere)
}

fn with_the_token(url: String) -> Arguments {
    let method = Some("GET".to_owned());
    Arguments { url, method, use_intranet_token: Some(true), ..Arguments::default() }
}

async fn assert_refused(fixture: &Fixture, arguments: &Arguments, what: &str) {
    match fixture.host.call_api(arguments).await {
        Err(CallError::Failure(failure)) => {
            assert_eq!(
                (failure.kind, failure.attempts),
                (FailureKind::InvalidArgument, 0),
                "{what}: {failure}"
            );
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn no_url_spelling_sends_the_token_to_another_server() {
    let (fixture, elsewhere) = two_servers().await;
    let (here, there) = (fixture.mock.origin().trim_start_matches("http://"), &elsewhere.authority);
    let (_, port) = there.split_once(':').unwrap();
    let (_, own_port) = here.split_once(':').unwrap();
    for url in [
        format!("http://{there}/"),
        format!("HTTP://{there}/"),
        format!("http://{here}@{there}/"),
        format!("http://{here}:x@{there}/"),
        format!("http://@{there}/"),
        format!("http://{here}%40{there}/"),
        format!("http://{here}\\@{there}/"),
        format!("http://{there}\\@{here}/"),
        format!("http://{there}#@{here}/"),
        format!("http://{there}?@{here}/"),
        format!("http://{there}/@{here}/"),
        format!("http://{there}%2f@{here}/"),
        format!("http://{here}:{port}/"),
        format!("http://{here},{there}/"),
        format!("http://{here} {there}/"),
        format!("http://{here}\t.{there}/"),
        format!("http://{here}\r\nHost: {there}/"),
        format!("http://{here}%00.{there}/"),
        format!("http:{there}/"),
        format!("http:/{there}/"),
        format!("http:///{there}/"),
        format!("//{there}/"),
        format!("http:\\\\{there}\\"),
        format!("ht\ntp://{there}/"),
        format!(" http://{there}/"),
        format!("https://{here}/"),
        format!("http://127.1:{port}/"),
        format!("http://127.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0x7f.0.0.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://127.0.0.01:{port}/"),
        format!("http://127.0.0.1.:{port}/"),
        format!("http://127.0.0.1%2e:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://[::1%25lo]:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://LocalHost.:{port}/"),
        format!("http://①②⑦.⓪.⓪.①:{port}/"),
        format!("http://127。0。0。1:{port}/"),
        format!("http://xn--127-:{port}/"),
        // The platform's own address in spellings that parsers read differently.
        format!("http://127.1:{own_port}/"),
        format!("http://0x7f.0.0.1:{own_port}/"),
        format!("http://[::ffff:127.0.0.1]:{own_port}/"),
        format!("http://127.0.0.1:+{own_port}/"),
        format!("http://127.0.0.1:{own_port}a/"),
        "http://127.0.0.1:/".to_owned(),
        "http://127.0.0.1:65536/".to_owned(),
        "file:///etc/hostname".to_owned(),
    ] {
        assert_refused(&fixture, &with_the_token(url.clone()), &url).await;
    }
    assert_eq!(elsewhere.heads(), [""; 0]);
    fixture.nothing_sent();
}

#[tokio::test]
async fn a_host_in_path_or_query_does_not_change_the_server() {
    let (fixture, elsewhere) = two_servers().await;
    let (here, there) = (fixture.mock.origin().trim_start_matches("http://"), &elsewhere.authority);
    let (_, port) = here.split_once(':').unwrap();
    let urls = [
        format!("http://{here}//{there}/x"),
        format!("http://{here}/..//{there}/x"),
        format!("http://{here}/%2e%2e/%2f{there}"),
        format!("http://{here}/@{there}/"),
        format!("http://{here}/http://{there}/"),
        format!("http://{here}?http://{there}/"),
        format!("http://{here}/x;@{there}"),
        format!("HTTP://127.0.0.1:0{port}/x?@{there}"),
    ];
    for url in &urls {
        let response = fixture.host.call_api(&with_the_token(url.clone())).await;
        assert!(response.is_ok(), "{url}: {response:?}");
    }
    let requests = fixture.mock.requests(Route::Other);
    assert_eq!(requests.len(), urls.len());
    for request in requests {
        assert_eq!(request.header("host"), Some(here), "{}", request.path);
        assert!(request.authorized);
    }
    assert_eq!(elsewhere.heads(), [""; 0]);
}

#[tokio::test]
async fn no_header_method_or_query_smuggles_a_second_request() {
    let (fixture, elsewhere) = two_servers().await;
    let there = &elsewhere.authority;
    let to = with_the_token(format!("{}/x", fixture.mock.origin()));
    for (name, value) in [
        ("Host", there.as_str()),
        ("hOsT", there),
        (":authority", there),
        ("X-A\r\nHost", there),
        ("X-A", &format!("b\r\nHost: {there}")),
        ("X-A", &format!("b\r\n\r\nGET http://{there}/ HTTP/1.1\r\nHost: {there}\r\n\r\n")),
        ("X-A", &format!("b\nHost: {there}")),
        ("X-A", &format!("b\rHost: {there}")),
        ("X-A", "b\r\n folded"),
        ("X-A", "b\n\tfolded"),
        ("X-A", "b\0c"),
        ("X-A", "b\u{85}c"),
        ("X-A ", "b"),
        ("X-A:", "b"),
        ("\tX-A", "b"),
        ("", "b"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Transfer_Encoding\u{b}", "chunked"),
        ("Connection", "Authorization"),
        ("Proxy-Connection", "keep-alive"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Trailer", "Authorization"),
        ("Expect", "100-continue"),
    ] {
        let headers = Some(vec![(name.to_owned(), Secret::new(value))]);
        let arguments = Arguments { headers, ..to.clone() };
        assert_refused(&fixture, &arguments, &format!("{name:?}: {value:?}")).await;
    }
    for method in [
        "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\nGET",
        "GET /",
        "GET\t",
        "CONNECT",
        "connect",
        "TRACE",
        "",
    ] {
        let arguments = Arguments { method: Some(method.to_owned()), ..to.clone() };
        assert_refused(&fixture, &arguments, method).await;
    }
    fixture.nothing_sent();

    let smuggled = format!(" HTTP/1.1\r\nHost: {there}\r\n\r\n");
    let query = Some(vec![("a\r\nb".to_owned(), smuggled), ("#@".to_owned(), "\0".to_owned())]);
    fixture.host.call_api(&Arguments { query, ..to }).await.unwrap();
    let request = fixture.only(Route::Other);
    assert!(request.raw_query.unwrap().bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(elsewhere.heads(), [""; 0]);
}

#[tokio::test]
async fn no_redirect_sends_the_token_to_another_server() {
    for status in [300, 301, 302, 303, 305, 307, 308] {
        let elsewhere = Listener::start(String::new()).await;
        let away = format!(
            "HTTP/1.1 {status} Away\r\nlocation: http://{there}/\r\nrefresh: 0; url=http://{there}/\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
            there = elsewhere.authority,
        );
        let platform = Listener::start(away).await;
        let (api_url, origin) = (format!("http://{}/x", platform.authority), elsewhere.origin());
        let fixture = Fixture::with(Options::default(), |builder| {
            let settings = [("OGE_API_URL", api_url.as_str()), ("OGE_TOKEN", "given")];
            builder.settings(settings).allow(origin)
        })
        .await;
        let Err(CallError::Failure(failure)) =
            fixture.host.call_api(&with_the_token(api_url.clone())).await
        else {
            panic!("a redirect was no failure");
        };
        assert_eq!((failure.kind, failure.http_status), (FailureKind::Api, Some(status)));
        let heads = platform.heads();
        assert_eq!(heads.len(), 1);
        assert!(heads[0].contains("authorization: Bearer given\r\n"), "{}", heads[0]);
        assert_eq!(elsewhere.heads(), [""; 0]);
    }
}
