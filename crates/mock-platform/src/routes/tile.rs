//! The tiles of a computed map. They need no token, because map programs have none.

use std::fmt::Display;

use http::{Method, StatusCode};

use crate::extent::Extent;
use crate::received::Received;
use crate::response::Response;
use crate::route::TILES;
use crate::tile::Tile;

/// The placeholder of a tile in the tiles' address.
pub(crate) const TEMPLATE: &str = "{z}/{x}/{y}.png";
const LAYER: &str = "aspect_";

pub(crate) struct Call {
    extent: Extent,
    tile: Tile,
}

/// Reads the layer and the tile of the path. Returns a 404 if there is no such tile.
pub(crate) fn read(request: &Received) -> Result<Call, Response> {
    request.expect_method(&Method::GET)?;
    parse(request.parts.uri.path())
        .ok_or_else(|| Response::status(StatusCode::NOT_FOUND, "瓦片不存在"))
}

pub(crate) fn answer(call: &Call) -> Response {
    Response::typed(StatusCode::OK, "image/png", call.tile.draw(&call.extent))
}

/// Returns the address of an extent's tiles. `tile` is a tile or [`TEMPLATE`].
pub(crate) fn address(origin: &str, extent: &Extent, tile: impl Display) -> String {
    format!("{origin}{TILES}{LAYER}{extent}/{tile}")
}

/// The address has the extent, so that a tile outlives the mock that computed it.
fn parse(path: &str) -> Option<Call> {
    let (extent, tile) = path.strip_prefix(TILES)?.strip_prefix(LAYER)?.split_once('/')?;
    Some(Call { extent: Extent::parse(extent)?, tile: Tile::parse(tile)? })
}
