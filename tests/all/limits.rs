//! A guest that misbehaves is stopped with a clear error, and the host goes on.
