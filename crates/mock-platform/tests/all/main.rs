//! The mock over real sockets: a module for each of its promises.

#[cfg(test)]
mod client;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod login;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rfc6749;
