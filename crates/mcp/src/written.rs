//! A transport that frees the memory of a call when its result is written.

use std::rc::Rc;

use rmcp::RoleServer;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use send_wrapper::SendWrapper;

use crate::memory::Memory;

/// Wraps `transport`, and frees the share of `memory` of each result that it has written.
pub(super) struct Written<T> {
    transport: T,
    memory: SendWrapper<Rc<Memory>>,
}

impl<T> Written<T> {
    pub(super) fn new(transport: T, memory: &Rc<Memory>) -> Self {
        Self { transport, memory: SendWrapper::new(Rc::clone(memory)) }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Written<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let share = match &message {
            JsonRpcMessage::Response(response) => self.memory.take_share(&response.id),
            _ => None,
        };
        let share = SendWrapper::new(share);
        let sent = self.transport.send(message);
        async move {
            let sent = sent.await;
            drop(share);
            sent
        }
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleServer>>> + Send {
        self.transport.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.transport.close()
    }
}
