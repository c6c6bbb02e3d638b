//! The whole, end to end: the component in the reference host, against a fake OGE on real sockets.
//! One module for each behaviour.

mod limits;
mod scene;
mod smoke;
mod tls;
