//! Tests of the mock over real sockets.

#[cfg(test)]
mod client;
#[cfg(test)]
mod consistency;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod login;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rfc6749;
#[cfg(test)]
mod tiles;
