//! The output: lines in order, of which short ones share a write.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::Sink;

/// The most bytes of several lines in one write. Larger lines gain nothing from sharing one, and copying them costs.
const MAX_WRITE_BYTES: usize = 4096;

/// A line to write, and the channel that reports that it is written.
pub(super) type Line = (Vec<u8>, oneshot::Sender<()>);

/// The output. Clones share it.
#[derive(Clone)]
pub(super) struct Output(UnboundedSender<Line>);

impl Output {
    /// Returns the output and the lines for [`write`].
    pub(super) fn new() -> (Self, UnboundedReceiver<Line>) {
        let (output, lines) = unbounded_channel();
        (Self(output), lines)
    }

    /// Queues a line. The receiver completes when it is written, and fails if the output is closed. An empty line
    /// writes nothing and completes after all lines before it.
    pub(super) fn send(&self, mut line: Vec<u8>) -> oneshot::Receiver<()> {
        if !line.is_empty() {
            line.push(b'\n');
        }
        let (written, is_written) = oneshot::channel();
        // If the output is closed, this drops `written`, and the receiver fails.
        let _ = self.0.send((line, written));
        is_written
    }
}

/// Writes lines until the output is closed. Short lines that are queued at the same time leave in one write.
pub(super) async fn write(mut sink: impl Sink, mut lines: UnboundedReceiver<Line>) {
    let mut next = lines.recv().await;
    while let Some((mut text, is_written)) = next {
        let mut written = vec![is_written];
        let mut queued = lines.try_recv().ok();
        // A large result is not copied.
        while let Some((line, is_written)) =
            queued.take_if(|(line, _)| text.len() + line.len() <= MAX_WRITE_BYTES)
        {
            text.extend(line);
            written.push(is_written);
            queued = lines.try_recv().ok();
        }
        if !sink.write(text).await {
            return;
        }
        for line in written {
            let _ = line.send(());
        }
        next = match queued {
            Some(line) => Some(line),
            None => lines.recv().await,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[tokio::test]
    async fn short_lines_leave_in_one_write() {
        struct Record(Rc<RefCell<Vec<usize>>>);

        impl Sink for Record {
            async fn write(&mut self, bytes: Vec<u8>) -> bool {
                self.0.borrow_mut().push(bytes.len());
                true
            }
        }

        let writes = Rc::default();
        let (output, lines) = Output::new();
        let short = MAX_WRITE_BYTES / 2 - 1;
        let sizes = [short, short, 1, MAX_WRITE_BYTES, 1, 0];
        let written: Vec<_> = sizes.iter().map(|size| output.send(vec![b'x'; *size])).collect();
        drop(output);
        write(Record(Rc::clone(&writes)), lines).await;
        assert_eq!(*writes.borrow(), [MAX_WRITE_BYTES, 2, MAX_WRITE_BYTES + 1, 2]);
        for is_written in written {
            is_written.await.unwrap();
        }
    }
}
