use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// What the server does with a request.
enum Does {
    /// Responds and keeps the connection.
    Respond(&'static str),
    /// Responds and closes the connection after this time, without announcing it.
    End(&'static str, Duration),
}

/// A server. It records the connection and the method of each request.
struct Peer {
    url: String,
    got: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Peer {
    /// Starts a server that treats the nth request as `does(n)`.
    async fn start(does: impl Fn(usize) -> Does + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<_>>> = Arc::default();
        let all = Arc::clone(&got);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, connection, does.clone(), Arc::clone(&all)));
            }
        });
        Self { url, got }
    }

    fn request(&self, method: Method) -> Request<WasiBody> {
        let is_get = method == Method::GET;
        let body = HttpClient::body(if is_get { "" } else { "{}" });
        Request::builder().method(method).uri(&self.url).body(body).unwrap()
    }

    fn login(&self) -> Request<Bytes> {
        Request::post(&self.url).body(Bytes::from_static(b"{}")).unwrap()
    }

    fn got(&self) -> Vec<(usize, String)> {
        self.got.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    does: impl Fn(usize) -> Does,
    got: Arc<Mutex<Vec<(usize, String)>>>,
) {
    let mut buffer = vec![0; 4096];
    loop {
        let mut length = 0;
        let is_whole = |head: &[u8]| {
            let body = if head.starts_with(b"GET") { "" } else { "{}" };
            head.ends_with(format!("\r\n\r\n{body}").as_bytes())
        };
        while !is_whole(&buffer[..length]) {
            match stream.read(&mut buffer[length..]).await {
                Ok(read @ 1..) => length += read,
                _ => return,
            }
        }
        let method = String::from_utf8_lossy(&buffer).split(' ').next().unwrap().to_owned();
        let number = {
            let mut got = got.lock().unwrap();
            got.push((connection, method));
            got.len()
        };
        let (Does::Respond(response) | Does::End(response, _)) = does(number);
        stream.write_all(response.as_bytes()).await.unwrap();
        if let Does::End(_, after) = does(number) {
            sleep(after).await;
            return;
        }
    }
}

/// Reads the body of a response.
async fn read(response: Result<Response<ResponseBody>, legacy::Error>) -> Result<Bytes, String> {
    let body = response.map_err(|error| format!("{error:?}"))?.into_body();
    let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
    // The connection's task returns it to the pool.
    for _ in 0..10 {
        yield_now().await;
    }
    Ok(body)
}

#[tokio::test]
async fn no_request_is_lost_on_a_connection_that_ends_soon() {
    const COUNT: usize = 30;
    for after in [0, 500, 2000, 10_000].map(Duration::from_micros) {
        let client = HttpClient::new(None).unwrap();
        let peer = Peer::start(move |_| Does::End(OK, after)).await;
        for _ in 0..COUNT {
            for method in [Method::GET, Method::POST] {
                assert_eq!(read(client.send(peer.request(method)).await).await.unwrap(), "{}");
            }
            let login = client.send_repeatable(peer.login()).await;
            assert_eq!(read(login).await.unwrap(), "{}");
            // The POST does not use the login's connection either.
            assert_eq!(read(client.send(peer.request(Method::POST)).await).await.unwrap(), "{}");
        }
        assert!(peer.got().len() >= 4 * COUNT, "after {after:?}");
    }
}

#[tokio::test]
async fn a_get_is_sent_on_a_kept_connection_and_a_post_is_not() {
    let client = HttpClient::new(None).unwrap();
    let peer = Peer::start(|_| Does::Respond(OK)).await;
    for method in [Method::GET, Method::POST, Method::GET, Method::POST, Method::GET] {
        read(client.send(peer.request(method)).await).await.unwrap();
    }
    read(client.send_repeatable(peer.login()).await).await.unwrap();
    let connections: Vec<_> = peer.got().into_iter().map(|(connection, _)| connection).collect();
    assert_eq!(connections, [0, 1, 0, 2, 0, 0]);
}

#[tokio::test]
async fn a_request_on_a_closed_kept_connection_is_sent_again_once() {
    let does = |number| if number == 1 { Does::Respond(OK) } else { Does::End("", Duration::ZERO) };
    let client = HttpClient::new(None).unwrap();
    let peer = Peer::start(does).await;
    read(client.send(peer.request(Method::GET)).await).await.unwrap();
    read(client.send(peer.request(Method::GET)).await).await.unwrap_err();
    let connections: Vec<_> = peer.got().into_iter().map(|(connection, _)| connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_request_on_a_closed_new_connection_is_not_sent_again() {
    for method in [Method::GET, Method::POST] {
        let client = HttpClient::new(None).unwrap();
        let peer = Peer::start(|_| Does::End("", Duration::ZERO)).await;
        read(client.send(peer.request(method)).await).await.unwrap_err();
        assert_eq!(peer.got().len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_sent_again_after_a_byte_of_the_response() {
    for begun in
        ["H", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{"]
    {
        let client = HttpClient::new(None).unwrap();
        let peer = Peer::start(move |number| match number {
            1 => Does::Respond(OK),
            _ => Does::End(begun, Duration::ZERO),
        })
        .await;
        read(client.send(peer.request(Method::GET)).await).await.unwrap();
        read(client.send(peer.request(Method::GET)).await).await.unwrap_err();
        assert_eq!(peer.got().len(), 2, "{begun}");
    }
}

#[tokio::test]
async fn a_connection_is_not_used_longer_than_its_server_keeps_it() {
    const KEPT: &str = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=60\r\ncontent-length: 2\r\n\r\n{}";
    const OVER: &str = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=0\r\ncontent-length: 2\r\n\r\n{}";
    for (response, expected) in [(KEPT, [0, 0, 0]), (OVER, [0, 1, 2])] {
        let client = HttpClient::new(None).unwrap();
        let peer = Peer::start(move |_| Does::Respond(response)).await;
        for _ in 0..3 {
            read(client.send(peer.request(Method::GET)).await).await.unwrap();
        }
        let got: Vec<_> = peer.got().into_iter().map(|(connection, _)| connection).collect();
        assert_eq!(got, expected);
    }
}

#[tokio::test]
async fn a_connection_that_the_server_will_close_is_not_reused() {
    for response in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        let client = HttpClient::new(None).unwrap();
        let peer = Peer::start(move |_| Does::Respond(response)).await;
        for _ in 0..2 {
            let result = client.send(peer.request(Method::GET)).await;
            assert_eq!(read(result).await.unwrap(), "{}", "{response}");
        }
        assert_eq!(
            peer.got().iter().map(|(connection, _)| *connection).collect::<Vec<_>>(),
            [0, 1],
            "{response}"
        );
    }
}
