//! A server that answers nothing, and takes what it is sent or lets it wait.

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
    /// Takes whatever comes.
    pub fn that_reads() -> Self {
        Self::start(true)
    }

    /// Takes nothing until it is asked whether the other side has left.
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
                // An error says that nobody waits any more.
                let _ = waited.recv();
            }
            let mut buffer = [0; 64 * 1024];
            while connection.read(&mut buffer).is_ok_and(|length| length > 0) {}
            let _ = leaves.send(());
        });
        Self { origin: Origin::parse(&origin).unwrap(), waits, left }
    }

    /// Where it listens.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// That the other side has closed its connection.
    pub fn wait_until_left(self) {
        drop(self.waits);
        self.left.recv_timeout(Duration::from_secs(10)).expect("the connection was closed");
    }
}
