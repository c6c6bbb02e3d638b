//! Map tiles in the grid of the web: Web Mercator, 256 pixels wide, row 0 in the north.

use std::f64::consts::PI;
use std::fmt;

use crate::aspect::{self, CLASSES};
use crate::extent::Extent;
use crate::png;
use crate::relief::Relief;

const SIZE: usize = 256;
const MAX_ZOOM: u32 = 22;
/// Slopes of the relief below this are flat.
const FLAT: f64 = 0.6;
/// The palette's index of pixels outside the extent. The classes follow it.
const OUTSIDE: u8 = 0;

/// A tile that exists. Its text is the end of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    zoom: u32,
    x: u32,
    y: u32,
}

impl Tile {
    /// Reads `{z}/{x}/{y}.png`. `None` outside the grid.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(".png")?.split('/').map(|part| part.parse().ok());
        let (zoom, x, y) = (parts.next()??, parts.next()??, parts.next()??);
        let exists = zoom <= MAX_ZOOM && x < 1_u32 << zoom && y < 1_u32 << zoom;
        (exists && parts.next().is_none()).then_some(Self { zoom, x, y })
    }

    /// Returns the tile in the middle of an extent.
    pub(crate) fn middle(extent: &Extent, zoom: u32) -> Self {
        let (longitude, latitude) = extent.center();
        let width = f64::from(1_u32 << zoom);
        let [x, y] = [column(longitude), row(latitude)].map(|part| (part * width) as u32);
        Self { zoom, x, y }
    }

    /// Draws the aspect of the slopes within the extent, as PNG.
    pub(crate) fn draw(self, extent: &Extent) -> Vec<u8> {
        let relief = Relief::new();
        let mut pixels = [[OUTSIDE; SIZE]; SIZE];
        for (pixel_row, y) in pixels.iter_mut().zip(self.middles(self.y)) {
            let latitude = latitude(y);
            for (pixel, x) in pixel_row.iter_mut().zip(self.middles(self.x)) {
                let longitude = longitude(x);
                if extent.contains(longitude, latitude) {
                    *pixel = 1 + aspect::class(relief.descent(longitude, latitude), FLAT);
                }
            }
        }
        let mut palette = vec![[0; 3]];
        palette.extend(CLASSES.iter().map(|class| class.color));
        png::encode(&pixels, &palette)
    }

    /// Returns where the middles of the pixels are, as fractions of the world's width.
    fn middles(self, tile: u32) -> impl Iterator<Item = f64> {
        let (first, width) = (f64::from(tile), f64::from(1_u32 << self.zoom));
        (0_u32..).map(move |pixel| (first + (f64::from(pixel) + 0.5) / SIZE as f64) / width)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zoom, x, y } = self;
        write!(formatter, "{zoom}/{x}/{y}.png")
    }
}

fn longitude(column: f64) -> f64 {
    column * 360.0 - 180.0
}

fn column(longitude: f64) -> f64 {
    (longitude + 180.0) / 360.0
}

fn latitude(row: f64) -> f64 {
    (PI * (1.0 - 2.0 * row)).sinh().atan().to_degrees()
}

fn row(latitude: f64) -> f64 {
    f64::midpoint(1.0, -latitude.to_radians().tan().asinh() / PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_outside_the_grid_does_not_exist() {
        for text in ["0/0/0.png", "1/1/1.png", "22/4194303/4194303.png", "12/3380/1603.png"] {
            assert_eq!(Tile::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "0/0/0",
            "0/0/0.jpg",
            "0/0.png",
            "0/0/0/0.png",
            "-1/0/0.png",
            "0/1/0.png",
            "0/0/1.png",
            "22/4194304/0.png",
            "23/0/0.png",
            "99/0/0.png",
            "{z}/{x}/{y}.png",
        ] {
            assert_eq!(Tile::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_middle_of_mount_tai_is_in_its_tile() {
        let tile = Tile::middle(&Extent::DEFAULT, 12);
        assert_eq!(tile.to_string(), "12/3380/1604.png");
    }

    #[test]
    fn a_latitude_is_read_from_the_row_that_it_is_in() {
        for degrees in [-85.0, -36.25, 0.0, 36.25, 85.0] {
            assert!((latitude(row(degrees)) - degrees).abs() < 1e-9);
        }
    }
}
