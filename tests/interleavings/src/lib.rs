//! The reference host's token store, its own source and no copy, on a runtime that decides who runs
//! next: `shuttle` tries every order. The tests say what must hold in each.

pub mod runtime;
#[path = "../../../crates/host/src/store/mod.rs"]
pub mod store;

/// What the store takes from the host beside its runtime.
pub mod guest_log {
    use std::sync::Arc;

    /// Takes a line.
    pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;
}
