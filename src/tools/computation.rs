//! The requests and responses of the computation API, for the two tools that use it.

use alloc::string::String;

use serde::Serialize;

use super::{Prepared, Tool, json_text};
use crate::authorization::Authorization;
use crate::client::Accepted;
use crate::error::{Failure, Fault};
use crate::settings::Settings;

/// The platform's own JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Computation {
    /// JSON text.
    #[serde(serialize_with = "json_text::serialize")]
    pub data: String,
}

impl Computation {
    /// Returns the platform's response without reading it.
    pub(super) fn read<T: Tool>(response: Accepted) -> Result<Self, Failure> {
        response.into_json(T::OPERATION).map(|data| Self { data })
    }
}

#[derive(Serialize)]
struct Payload<'a, A> {
    name: &'a str,
    args: A,
    #[serde(rename = "dockerImageSource")]
    docker_image_source: &'a str,
}

/// Builds the request to run the algorithm `name`.
pub(super) fn prepare<T: Tool>(
    tool: T,
    name: &str,
    args: impl Serialize,
    settings: &Settings,
) -> Result<Prepared<T>, Fault> {
    let url = settings.api_url()?.clone();
    let payload = Payload { name, args, docker_image_source: "DOCKER_HUB" };
    Ok(Prepared::post(tool, url, &payload, Authorization::Store { retry: true }, settings))
}
