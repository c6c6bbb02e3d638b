//! A server that sends nothing, and reads its input or does not.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use oge_tools::url::Origin;

/// A server of one connection.
pub struct Sink {
    origin: Origin,
    waits: Sender<()>,
    left: Receiver<()>,
}

impl Sink {
    /// Starts a sink that reads everything.
    pub fn that_reads() -> Self {
        Self::start(true)
    }

    /// Starts a sink that reads nothing until `wait_until_left`.
    pub fn that_does_not_read() -> Self {
        Self::start(false)
    }

    fn start(reads: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (waits, waited) = channel();
        let (leaves, left) = channel();
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            if !reads {
                // The channel closes when `wait_until_left` is called or the sink is dropped.
                let _ = waited.recv();
            }
            let mut buffer = [0; 64 * 1024];
            while connection.read(&mut buffer).is_ok_and(|length| length > 0) {}
            let _ = leaves.send(());
        });
        Self { origin: Origin::parse(&origin).unwrap(), waits, left }
    }

    /// Returns its origin.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// Waits until the client has closed its connection.
    pub fn wait_until_left(self) {
        drop(self.waits);
        self.left.recv_timeout(Duration::from_secs(10)).expect("the connection was closed");
    }
}
