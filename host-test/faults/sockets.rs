//! The kernel's own list of this machine's connections: who has one open, and still holds it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long what is closed may take to be gone: ends of tasks that nobody waits for.
const GRACE: Duration = Duration::from_secs(10);

/// How often to look: the kernel takes milliseconds to write the list.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until at most `most` connections to that port are held by whoever opened them.
///
/// # Errors
/// How many there still are after a grace period.
pub(super) async fn at_most(most: usize, server: SocketAddr) -> Result<(), usize> {
    let settled = async {
        while open(server) > most {
            sleep(PAUSE).await;
        }
    };
    timeout(GRACE, settled).await.map_err(|_| open(server))
}

/// How many there are. Those that only the kernel still knows (the last packets of a closed connection)
/// have no inode.
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

/// Elsewhere nobody tells.
#[cfg(not(target_os = "linux"))]
fn open(_: SocketAddr) -> usize {
    0
}
