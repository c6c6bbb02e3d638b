//! The area of a coverage.

use std::fmt;

/// The bounding box of Mount Tai in degrees: west, south, east, north. The place of a response whose request has
/// none.
pub const MOUNT_TAI: [f64; 4] = [117.0, 36.18, 117.2, 36.33];

/// The Earth's mean radius in metres.
const EARTH_RADIUS: f64 = 6_371_008.8;

/// A bounding box in degrees. Its text is part of a tile's address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    pub(crate) west: f64,
    pub(crate) south: f64,
    pub(crate) east: f64,
    pub(crate) north: f64,
}

impl Extent {
    pub(crate) const DEFAULT: Self = {
        let [west, south, east, north] = MOUNT_TAI;
        Self { west, south, east, north }
    };

    /// Returns the extent of a bounding box. `None` if it is empty or not on the Earth.
    pub(crate) fn new([west, south, east, north]: [f64; 4]) -> Option<Self> {
        let is_on_earth = west >= -180.0 && south >= -90.0 && east <= 180.0 && north <= 90.0;
        let extent = Self { west, south, east, north };
        (is_on_earth && west < east && south < north).then_some(extent)
    }

    /// Reads the text that `Display` writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bounds = [0.0; 4];
        let mut parts = text.split('_');
        for bound in &mut bounds {
            *bound = parts.next()?.parse().ok()?;
        }
        if parts.next().is_some() { None } else { Self::new(bounds) }
    }

    /// Returns the longitude and the latitude of the middle.
    pub(crate) fn center(&self) -> (f64, f64) {
        (f64::midpoint(self.west, self.east), f64::midpoint(self.south, self.north))
    }

    pub(crate) fn contains(&self, longitude: f64, latitude: f64) -> bool {
        (self.west..=self.east).contains(&longitude)
            && (self.south..=self.north).contains(&latitude)
    }

    /// Returns the area in square metres.
    pub(crate) fn area(&self) -> f64 {
        let height = self.north.to_radians().sin() - self.south.to_radians().sin();
        EARTH_RADIUS * EARTH_RADIUS * (self.east - self.west).to_radians() * height
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { west, south, east, north } = self;
        write!(formatter, "{west}_{south}_{east}_{north}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_extent_is_read_as_the_same_extent() {
        for bbox in [MOUNT_TAI, [-180.0, -90.0, 180.0, 90.0], [-1e-7, 0.1 + 0.2, 1e-7, 0.4]] {
            let extent = Extent::new(bbox).unwrap();
            assert_eq!(Extent::parse(&extent.to_string()), Some(extent));
        }
    }

    #[test]
    fn a_text_that_is_no_extent_is_none() {
        for text in [
            "",
            "1_2_3",
            "1_2_3_4_5",
            "1_2_3_x",
            "3_2_1_4",
            "1_4_3_2",
            "1_2_1_4",
            "NaN_2_3_4",
            "-181_2_3_4",
            "1_2_3_91",
            "1_2_inf_4",
        ] {
            assert_eq!(Extent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_area_of_the_whole_earth_is_its_surface() {
        let area = Extent::new([-180.0, -90.0, 180.0, 90.0]).unwrap().area();
        assert!((area / 5.100_65e14 - 1.0).abs() < 1e-4, "{area}");
    }
}
