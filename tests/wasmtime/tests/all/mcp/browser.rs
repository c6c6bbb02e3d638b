//! Web pages in headless Chromium.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{BEARER, SERVERS, with};
use crate::command::mock;

/// A page that calls the server like an MCP client and posts the result to `/result`.
const PAGE: &str = r#"<!doctype html><script>
const post = (result) => fetch("/result", {method: "POST", body: JSON.stringify(result)});
const ask = async (method, params, bearer) => {
    const response = await fetch("SERVER", {
        method: "POST",
        headers: {
            "Authorization": "Bearer " + bearer,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
            "Mcp-Method": method,
        },
        body: JSON.stringify({jsonrpc: "2.0", id: 1, method, params}),
    });
    const challenge = response.headers.get("WWW-Authenticate");
    if (!response.ok) return {status: response.status, challenge, text: await response.text()};
    return (await response.json()).result;
};
(async () => {
    const client = {protocolVersion: "2025-11-25", capabilities: {}, clientInfo: {name: "page", version: "1"}};
    const initialized = await ask("initialize", client, "BEARER");
    const listed = await ask("tools/list", {}, "BEARER");
    const refused = await ask("tools/list", {}, "wrong");
    post({server: initialized.serverInfo.name, tools: listed.tools.length, refused});
})().catch((error) => post({error: String(error)}));
</script>"#;

/// Serves the page and receives its result.
fn site(server: &str) -> (u16, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = PAGE.replace("SERVER", server).replace("BEARER", BEARER);
    let (sender, results) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let (page, sender) = (page.clone(), sender.clone());
            // A thread for each connection, since a browser opens connections that it does not use.
            std::thread::spawn(move || respond(connection, &page, &sender));
        }
    });
    (port, results)
}

fn respond(mut connection: TcpStream, page: &str, sender: &mpsc::Sender<Value>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let head: Vec<String> = reader
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .map(|line| line.to_ascii_lowercase())
        .collect();
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    if head.first().is_some_and(|line| line.starts_with("post /result")) {
        let _ = sender.send(serde_json::from_slice(&body).unwrap());
    }
    let _ = write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{page}",
        page.len()
    );
}

/// Opens a page in Chromium and returns its result.
fn open(url: &str, results: &mpsc::Receiver<Value>) -> Value {
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--no-proxy-server", "--remote-debugging-port=0"])
        // Resolves every name to this machine, so that no request leaves it.
        .arg("--host-resolver-rules=MAP * 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let result = results.recv_timeout(Duration::from_secs(120));
    browser.kill().unwrap();
    browser.wait().unwrap();
    result.expect("the page posts its result")
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_chromium), ignore = "needs chromium")]
async fn only_pages_of_allowed_origins_can_call() {
    let mock = mock().await;
    let allowed = [("OGE_MCP_ALLOWED_ORIGINS", "http://maps.test:*")];
    for serve in SERVERS {
        let server = serve(&with(&mock, &allowed));
        let (port, results) = site(&server.url("/mcp"));
        let page = open(&format!("http://maps.test:{port}/"), &results);
        assert_eq!((&page["server"], &page["tools"]), (&json!("oge-mcp"), &json!(6)), "{page}");
        assert_eq!(page["refused"]["status"], json!(401), "{page}");
        let challenge = page["refused"]["challenge"].as_str().unwrap();
        assert!(challenge.starts_with("Bearer realm="), "{page}");
        let page = open(&format!("http://evil.test:{port}/"), &results);
        assert!(page["error"].as_str().unwrap().contains("Failed to fetch"), "{page}");
    }
}
