//! What a call is doing, told while it does it.

use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Tells the client what a call is doing; says nothing where it has not asked.
#[derive(Clone, Debug)]
pub struct Progress(Option<UnboundedSender<String>>);

impl Progress {
    /// Tells this next.
    pub fn tell(&self, what: impl ToString) {
        if let Some(told) = &self.0 {
            // Nobody listens any more once the call has ended.
            let _ = told.send(what.to_string());
        }
    }
}

/// Runs `work`, and tells the client of `context` what it says meanwhile. All is told before this
/// returns, since nothing may be told of a call that has ended.
pub async fn reporting<F: Future>(
    context: &RequestContext<RoleServer>,
    work: impl FnOnce(Progress) -> F,
) -> F::Output {
    let Some(token) = context.meta.get_progress_token() else {
        return work(Progress(None)).await;
    };
    let (told, mut heard) = unbounded_channel();
    let report = async {
        let mut count = 0.0;
        while let Some(message) = heard.recv().await {
            count += 1.0;
            let progress = ProgressNotificationParam::new(token.clone(), count);
            // A client that has gone away needs no telling.
            let _ = context.peer.notify_progress(progress.with_message(message)).await;
        }
    };
    let (output, ()) = tokio::join!(work(Progress(Some(told))), report);
    output
}
