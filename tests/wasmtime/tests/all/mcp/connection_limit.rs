//! More connections than the server can open files for: the launcher's flags make them wait.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use oge_mock_platform::{Mock, Options, Route};

use super::BEARER;
use super::clients::{Home, Launched};

/// The default limit of open files on macOS.
const FILES: u32 = 256;
/// The launcher's connections for that many files, plus most of the runtime's backlog of 100. The operating
/// system may reset further connections before the runtime accepts them.
const CROWD: usize = 25 + 90;

/// Sends a call and returns its connection.
pub fn begin(address: &str) -> io::Result<TcpStream> {
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_task_status","arguments":{"dag_id":"d"}}}"#;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {BEARER}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{message}",
        message.len()
    )?;
    Ok(stream)
}

/// Returns the whole response to a call.
pub fn read(mut call: TcpStream) -> io::Result<String> {
    let mut response = String::new();
    call.read_to_string(&mut response)?;
    Ok(response)
}

fn call(address: &str) -> String {
    begin(address).and_then(read).unwrap()
}

pub fn is_answered(response: &str) -> bool {
    response.starts_with("HTTP/1.1 200") && response.contains(r#""success":true"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn excess_connections_wait_and_do_not_end_the_server() {
    // Must be longer than the time until a response begins: the runtime does not count the request after that.
    let options = Options::default().latency(Duration::from_millis(900));
    let mock = Mock::start(options).await.unwrap();
    mock.start_task("d");
    let home = Home::of(&mock);
    let mut server = Launched::start(&home, Some(FILES));
    let address = server.address.clone();
    let answered = thread::scope(|scope| {
        let callers: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| call(&address))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    let failed = answered.iter().find(|response| !is_answered(response));
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(mock.count(Route::Token), 1);

    // More clients than files, which disconnect while the platform computes.
    for _ in 0..30 {
        let leaving: Vec<_> = (0..20).map(|_| begin(&address).unwrap()).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(leaving);
    }
    assert!(server.child.try_wait().unwrap().is_none(), "the server has ended");

    // More idle connections than files. Those beyond the backlog are not established.
    let address = server.address.parse().unwrap();
    let idle: Vec<_> = (0..FILES)
        .map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok())
        .collect();
    assert!(idle.len() > 64, "{}", idle.len());
    assert!(server.child.try_wait().unwrap().is_none(), "the server has ended");
    drop(idle);
    assert!(is_answered(&call(&server.address)));
}
