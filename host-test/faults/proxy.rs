//! A TCP proxy in front of the mock that causes faults below HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oge_mock_platform::ReservedPort;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// How a proxy treats a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum ProxyFault {
    /// Forwards it unchanged.
    Pass,
    /// Does not listen, so the connection is refused.
    Refuse,
    /// Does not accept it: the backlog is full, so the system drops the attempt.
    Ignore,
    /// Shuts down its sending side after so many bytes and reads the rest.
    Close { after: usize },
    /// Resets it after so many bytes.
    Reset { after: usize },
    /// Stops reading after so many bytes.
    Stop { after: usize },
    /// Responds with these bytes after so many, and reads the rest.
    Answer { after: usize, with: &'static str },
    /// Forwards the request one byte at a time.
    DripIn(Duration),
    /// Forwards the response one byte at a time.
    DripOut(Duration),
    /// Ends after so many bytes of the response.
    CutOut { after: u64 },
}

/// A port on loopback that forwards to a server. Closes all connections on drop.
pub(super) struct FaultyProxy {
    reserved: ReservedPort,
    connections: Arc<Mutex<JoinSet<()>>>,
    accepting: AbortHandle,
}

impl FaultyProxy {
    /// Starts a proxy that treats connections as `manner` but forwards the first `passed` (at most one).
    pub(super) fn start(to: SocketAddr, manner: ProxyFault, passed: usize) -> Self {
        let reserved = ReservedPort::new().unwrap();
        let connections = Arc::default();
        let accepting = accept(reserved.address(), to, manner, passed, &connections);
        Self { reserved, connections, accepting }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.reserved.address()
    }

    /// Forwards every new connection to this address.
    pub(super) async fn clear_faults(&mut self, to: SocketAddr) {
        self.accepting.abort();
        while !self.accepting.is_finished() {
            tokio::task::yield_now().await;
        }
        self.accepting = accept(self.address(), to, ProxyFault::Pass, 0, &self.connections);
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listen(address: SocketAddr, backlog: u32) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(backlog).unwrap()
}

/// Accepts connections in a task. Listens when it returns, unless the manner is `Refuse`.
fn accept(
    address: SocketAddr,
    to: SocketAddr,
    manner: ProxyFault,
    passed: usize,
    connections: &Arc<Mutex<JoinSet<()>>>,
) -> AbortHandle {
    let connections = Arc::clone(connections);
    let carry_on = move |stream: TcpStream, manner| {
        connections.lock().unwrap().spawn(async move {
            // The client under test observes any error.
            let _ = carry(stream, to, manner).await;
        });
    };
    let first = (passed > 0).then(|| listen(address, 1));
    let open = move || match manner {
        ProxyFault::Refuse => None,
        ProxyFault::Ignore => Some(listen(address, 0)),
        _ => Some(listen(address, 128)),
    };
    let mut listener = if first.is_some() { None } else { open() };
    let task = async move {
        if let Some(first) = first {
            let (stream, _) = first.accept().await.unwrap();
            drop(first);
            listener = open();
            carry_on(stream, ProxyFault::Pass);
        }
        let Some(listener) = listener else { return };
        if matches!(manner, ProxyFault::Ignore) {
            // One connection fills a backlog of zero.
            let _filling = TcpStream::connect(address).await.unwrap();
            return std::future::pending().await;
        }
        loop {
            carry_on(listener.accept().await.unwrap().0, manner);
        }
    };
    tokio::spawn(task).abort_handle()
}

/// Treats one connection until it ends.
async fn carry(mut near: TcpStream, to: SocketAddr, manner: ProxyFault) -> io::Result<()> {
    near.set_nodelay(true)?;
    match manner {
        ProxyFault::Refuse | ProxyFault::Ignore => Ok(()),
        ProxyFault::Close { after } => {
            take(&mut near, after).await?;
            near.shutdown().await?;
            drain(&mut near).await
        }
        ProxyFault::Reset { after } => {
            take(&mut near, after).await?;
            near.set_zero_linger()
        }
        ProxyFault::Stop { after } => {
            take(&mut near, after).await?;
            std::future::pending().await
        }
        ProxyFault::Answer { after, with } => {
            take(&mut near, after).await?;
            near.write_all(with.as_bytes()).await?;
            drain(&mut near).await
        }
        ProxyFault::Pass
        | ProxyFault::DripIn(_)
        | ProxyFault::DripOut(_)
        | ProxyFault::CutOut { .. } => {
            let mut far = TcpStream::connect(to).await?;
            let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
            let (there, back, most) = match manner {
                ProxyFault::DripIn(every) => (Some(every), None, u64::MAX),
                ProxyFault::DripOut(every) => (None, Some(every), u64::MAX),
                ProxyFault::CutOut { after } => (None, None, after),
                _ => (None, None, u64::MAX),
            };
            let (there, back) =
                (copy(near_in, far_out, there), copy(far_in.take(most), near_out, back));
            tokio::try_join!(there, back).map(drop)
        }
    }
}

/// Copies until the end, one byte each `pace` if there is one.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    pace: Option<Duration>,
) -> io::Result<()> {
    let mut buffer = vec![0; if pace.is_some() { 1 } else { 16 * 1024 }];
    loop {
        if let Some(pace) = pace {
            sleep(pace).await;
        }
        match from.read(&mut buffer).await? {
            0 => return to.shutdown().await,
            read => to.write_all(&buffer[..read]).await?,
        }
    }
}

async fn take(stream: &mut TcpStream, count: usize) -> io::Result<()> {
    stream.read_exact(&mut vec![0; count]).await.map(drop)
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}
