//! Progress notifications of a call.

use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Sends progress messages to the client, if it asked for them.
#[derive(Clone, Debug)]
pub struct Progress(Option<UnboundedSender<String>>);

impl Progress {
    /// Sends a message.
    pub fn tell(&self, what: impl ToString) {
        if let Some(sender) = &self.0 {
            // Fails if the call has ended.
            let _ = sender.send(what.to_string());
        }
    }
}

/// Runs `work`, and sends its progress messages to the client of `context`. All are sent before this returns,
/// because the protocol forbids progress after the response.
pub async fn reporting<F: Future>(
    context: &RequestContext<RoleServer>,
    work: impl FnOnce(Progress) -> F,
) -> F::Output {
    let Some(token) = context.meta.get_progress_token() else {
        return work(Progress(None)).await;
    };
    let (sender, mut receiver) = unbounded_channel();
    let report = async {
        let mut count = 0.0;
        while let Some(message) = receiver.recv().await {
            count += 1.0;
            let progress = ProgressNotificationParam::new(token.clone(), count);
            // Fails if the client has disconnected.
            let _ = context.peer.notify_progress(progress.with_message(message)).await;
        }
    };
    let (output, ()) = tokio::join!(work(Progress(Some(sender))), report);
    output
}
