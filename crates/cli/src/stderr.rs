//! Standard error. The client of a server may ignore it, so a server does not wait until it is read.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use crate::log::in_format;

/// How many lines of a server may wait to be written. Further lines are left out.
const MAX_WAITING: usize = 256;
/// How long the end of a server waits for its last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

enum Item {
    Line(String),
    /// Answered when all lines before it are written.
    Flush(Sender<()>),
}

/// The lines of a server. Empty in other commands.
static QUEUE: OnceLock<Sender<Item>> = OnceLock::new();
static WAITING: AtomicUsize = AtomicUsize::new(0);
/// How many lines were left out since the last one that was queued.
static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);

/// Lets a thread write all further lines, so that no other thread waits for the reader.
pub(crate) fn detach() {
    let (queue, items) = channel();
    if QUEUE.set(queue).is_err() {
        return;
    }
    thread::spawn(move || {
        for item in items {
            match item {
                Item::Line(line) => {
                    write(&line);
                    if WAITING.fetch_sub(1, Ordering::Relaxed) == 1 {
                        gap().iter().for_each(|gap| write(gap));
                    }
                }
                Item::Flush(written) => drop(written.send(())),
            }
        }
    });
}

/// Writes a line. In a server, queues it, or leaves it out if too many wait.
pub(crate) fn print_error(line: &str) {
    match QUEUE.get() {
        None => write(line),
        Some(_) if WAITING.load(Ordering::Relaxed) >= MAX_WAITING => {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        }
        Some(queue) => {
            queue_gap(queue);
            queue_line(queue, line.to_owned());
        }
    }
}

/// Waits until the lines of a server are written, if somebody reads them.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue_gap(queue);
        let (written, is_written) = channel();
        let _ = queue.send(Item::Flush(written));
        let _ = is_written.recv_timeout(LAST_LINES);
    }
}

/// Queues a line in place of those that were left out.
fn queue_gap(queue: &Sender<Item>) {
    if let Some(gap) = gap() {
        queue_line(queue, gap);
    }
}

/// Returns the line in place of those that were left out. `None` if none was.
fn gap() -> Option<String> {
    let count = LEFT_OUT.swap(0, Ordering::Relaxed);
    (count > 0).then(|| {
        let why = "because standard error was not read in time";
        in_format(&format!("warn log: {count} lines were left out, {why}")).into_owned()
    })
}

fn queue_line(queue: &Sender<Item>, line: String) {
    WAITING.fetch_add(1, Ordering::Relaxed);
    let _ = queue.send(Item::Line(line));
}

/// Writes a line at once, so that lines of several processes do not mix. Ignores errors, because there is no other
/// place to report them.
fn write(line: &str) {
    let _ = anstream::stderr().write_all(format!("{line}\n").as_bytes());
}
