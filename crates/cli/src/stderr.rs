//! Standard error. The client of a server may ignore it, so a server does not wait until it is read.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::log::in_format;

/// How many lines of a server may wait to be written. Further lines are left out.
const MAX_WAITING: usize = 256;
/// How long the end of a server waits for its last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

enum Item {
    Line(String),
    /// Dropped when all lines before it are written.
    Flush(#[expect(dead_code, reason = "only dropped")] SyncSender<()>),
}

/// The lines of a server. Empty in other commands.
static QUEUE: OnceLock<SyncSender<Item>> = OnceLock::new();
static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);

/// Lets a thread write all further lines, so that no other thread waits for the reader.
pub(crate) fn detach() {
    let (queue, items) = sync_channel(MAX_WAITING);
    if QUEUE.set(queue).is_err() {
        return;
    }
    thread::spawn(move || {
        for item in items {
            if let Item::Line(line) = item {
                write(&line);
            }
            let count = LEFT_OUT.swap(0, Ordering::Relaxed);
            if count > 0 {
                write(&in_format(&format!(
                    "warn log: {count} lines were left out, because standard error was not read in time"
                )));
            }
        }
    });
}

/// Writes a line, at once, so that lines of several processes do not mix. Ignores write errors, because there is no
/// other place to report them.
pub(crate) fn print_error(line: &str) {
    match QUEUE.get() {
        Some(queue) => {
            if queue.try_send(Item::Line(line.to_owned())).is_err() {
                LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            }
        }
        None => write(line),
    }
}

/// Waits until the lines of a server are written, if somebody reads them.
pub(crate) fn flush() {
    let (written, is_written) = sync_channel(1);
    if let Some(queue) = QUEUE.get()
        && queue.try_send(Item::Flush(written)).is_ok()
    {
        let _ = is_written.recv_timeout(LAST_LINES);
    }
}

fn write(line: &str) {
    let _ = anstream::stderr().write_all(format!("{line}\n").as_bytes());
}
