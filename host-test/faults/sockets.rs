//! Counts open connections in the kernel's list.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long closing may take: some connections are closed by background tasks.
const GRACE: Duration = Duration::from_secs(10);

/// The time between two looks: the kernel takes milliseconds to write the list.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until at most `most` connections to that port are open.
///
/// # Errors
/// The number of open connections after a grace period.
pub(super) async fn at_most(most: usize, server: SocketAddr) -> Result<(), usize> {
    let settled = async {
        while open(server) > most {
            sleep(PAUSE).await;
        }
    };
    timeout(GRACE, settled).await.map_err(|_| open(server))
}

/// Returns the number of open connections. A closed connection of which the kernel still sends the last
/// packets has no inode.
#[cfg(target_os = "linux")]
fn open(server: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let port = format!(":{:04X}", server.port());
    let is_held = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[2].ends_with(&port) && fields[9] != "0"
    };
    table.lines().skip(1).filter(is_held).count()
}

/// Other systems have no such list.
#[cfg(not(target_os = "linux"))]
fn open(_: SocketAddr) -> usize {
    0
}
