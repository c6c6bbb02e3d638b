//! Converts results of the core to WIT.

use alloc::borrow::ToOwned;

use crate::error::{Failure, FailureKind};
use crate::wasi::bindings::types;

/// Converts a value of the core to the WIT's.
pub(super) trait ToWit {
    /// The WIT's type.
    type Wit;
    /// Converts the value.
    fn to_wit(self) -> Self::Wit;
}

impl<T: ToWit> ToWit for Result<T, Failure> {
    type Wit = Result<T::Wit, types::Failure>;

    fn to_wit(self) -> Self::Wit {
        self.map(T::to_wit).map_err(Failure::to_wit)
    }
}

impl ToWit for Failure {
    type Wit = types::Failure;

    fn to_wit(self) -> types::Failure {
        types::Failure {
            kind: kind(self.kind),
            message: self.message,
            operation: self.operation.to_owned(),
            attempts: self.attempts,
            http_status: self.http_status,
            api_code: self.api_code,
            body: self.body,
        }
    }
}

macro_rules! kind {
    ($($kind:ident = $name:literal,)*) => {
        fn kind(kind: FailureKind) -> types::FailureKind {
            match kind {
                $(FailureKind::$kind => types::FailureKind::$kind,)*
            }
        }
    };
}

crate::for_each_failure_kind!(kind);
