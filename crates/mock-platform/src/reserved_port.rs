//! A port that another process will listen on, or none.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that no other program gets while this value lives.
///
/// Nothing listens on it, so connections are refused. A server that sets `SO_REUSEADDR`, as most do, can listen
/// on it. On Linux the system gives the port to nobody who asks for any free one.
#[derive(Debug)]
pub struct ReservedPort {
    address: SocketAddr,
    /// Bound, but never listens.
    _socket: Socket,
}

impl ReservedPort {
    /// Reserves a port.
    ///
    /// # Errors
    /// Fails if the system has no socket or port left.
    pub fn new() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { address, _socket: socket })
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
