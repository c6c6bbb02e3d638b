//! The requests of a session that have no response yet. Their ids are unique.

use std::collections::HashMap;

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};

use super::{INVALID_REQUEST, Refusal};

/// The ids that are in use. Each request gets a new id for the SDK: of requests with the same id the SDK
/// responds to only one, and the late end of a cancelled request would become the response to the next.
#[derive(Debug, Default)]
pub struct InFlight {
    last: i64,
    /// The SDK's id for the client's.
    ours: HashMap<RequestId, RequestId>,
    /// The client's id for the SDK's.
    theirs: HashMap<RequestId, RequestId>,
}

impl InFlight {
    /// Replaces the id of an incoming message with the SDK's. A cancelled request gets no response, so its
    /// id becomes free.
    ///
    /// # Errors
    /// Fails if the id is in use.
    pub fn admit(&mut self, message: &mut ClientJsonRpcMessage) -> Result<(), Refusal> {
        match message {
            JsonRpcMessage::Request(request) => {
                if self.ours.contains_key(&request.id) {
                    let reason = "Invalid Request: a request with this `id` is not answered yet";
                    let id = request.id.clone().into_json_value();
                    return Err(Refusal::new(INVALID_REQUEST, id, reason));
                }
                self.last += 1;
                let ours = RequestId::Number(self.last);
                self.ours.insert(request.id.clone(), ours.clone());
                self.theirs.insert(ours.clone(), std::mem::replace(&mut request.id, ours));
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &mut notification.notification
                    && let Some(id) = &mut cancelled.params.request_id
                {
                    let ours = self.ours.remove(id);
                    if let Some(ours) = &ours {
                        self.theirs.remove(ours);
                    }
                    cancelled.params.request_id = ours;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns whether each request has its response or was cancelled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.theirs.is_empty()
    }

    /// Replaces the id of an outgoing message with the client's. Returns whether to send the message.
    pub fn answer(&mut self, message: &mut ServerJsonRpcMessage) -> bool {
        let id = match message {
            JsonRpcMessage::Response(response) => &mut response.id,
            JsonRpcMessage::Error(error) => match &mut error.id {
                Some(id) => id,
                None => return true,
            },
            _ => return true,
        };
        let Some(theirs) = self.theirs.remove(id) else { return false };
        self.ours.remove(&theirs);
        *id = theirs;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{normalize, parse};
    use rmcp::ErrorData;
    use rmcp::model::{EmptyResult, ServerResult};
    use serde_json::{Value, json};

    fn take(all: &mut InFlight, value: &Value) -> Result<ClientJsonRpcMessage, Refusal> {
        let mut message = normalize(value.to_string().as_bytes()).and_then(parse).unwrap();
        all.admit(&mut message).map(|()| message)
    }

    /// Sends a request. Returns the SDK's id of it.
    fn ask(all: &mut InFlight, id: impl Into<Value>) -> Result<RequestId, Refusal> {
        let request = json!({"jsonrpc": "2.0", "id": id.into(), "method": "ping"});
        match take(all, &request)? {
            JsonRpcMessage::Request(request) => Ok(request.id),
            other => panic!("{other:?}"),
        }
    }

    /// Cancels a request. Returns the SDK's id of it.
    fn cancel(all: &mut InFlight, id: i64) -> Option<RequestId> {
        let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                             "params": {"requestId": id}});
        let JsonRpcMessage::Notification(message) = take(all, &message).unwrap() else { panic!() };
        let ClientNotification::CancelledNotification(cancelled) = message.notification else {
            panic!()
        };
        cancelled.params.request_id
    }

    fn result(id: RequestId) -> ServerJsonRpcMessage {
        ServerJsonRpcMessage::response(ServerResult::EmptyResult(EmptyResult {}), id)
    }

    fn error(id: RequestId) -> ServerJsonRpcMessage {
        ServerJsonRpcMessage::error(ErrorData::internal_error("why", None), Some(id))
    }

    #[test]
    fn an_id_in_use_is_refused_with_that_id() {
        let mut all = InFlight::default();
        for id in [json!(2), json!("2"), json!(3)] {
            assert!(ask(&mut all, id).is_ok());
        }
        for (id, shown) in [(json!(2), json!(2)), (json!(2.0), json!(2)), (json!("2"), json!("2"))]
        {
            let refusal = ask(&mut all, id).unwrap_err();
            assert_eq!((refusal.code, refusal.id), (Some(-32600), shown));
            assert!(refusal.reason.contains("not answered yet"));
        }
    }

    #[test]
    fn a_response_has_the_clients_id_and_frees_it() {
        let mut all = InFlight::default();
        for (id, answer) in [(json!("a"), result as fn(_) -> _), (json!(2), error)] {
            for _ in 0..2 {
                let ours = ask(&mut all, id.clone()).unwrap();
                let mut message = answer(ours);
                assert!(all.answer(&mut message));
                assert_eq!(serde_json::to_value(&message).unwrap()["id"], id);
            }
        }
        let mut unreadable = ServerJsonRpcMessage::error(ErrorData::parse_error("why", None), None);
        assert!(all.answer(&mut unreadable));
        assert!(all.ours.is_empty() && all.is_empty());
    }

    #[test]
    fn a_cancelled_request_frees_its_id_and_its_end_is_not_sent() {
        let mut all = InFlight::default();
        let first = ask(&mut all, 2).unwrap();
        assert_eq!(cancel(&mut all, 3), None);
        assert!(ask(&mut all, 2).is_err());
        assert_eq!(cancel(&mut all, 2), Some(first.clone()));
        let second = ask(&mut all, 2).unwrap();
        assert!(!all.answer(&mut error(first)));
        assert!(all.answer(&mut result(second)));
        // The SDK's id of a request is not an id of the client.
        assert_eq!(cancel(&mut all, 1), None);
    }
}
