//! Invented mountains that cover the whole Earth.

use std::f64::consts::TAU;

/// How many waves the relief is the sum of.
const WAVES: i32 = 12;
/// The length of the longest wave in degrees, and the ratio of each wave's length to the one before.
const LONGEST: f64 = 0.2;
const RATIO: f64 = 0.75;
/// The angle between the directions of successive waves: the golden angle, so that none is repeated.
const TURN: f64 = 2.4;
/// Short waves are lower than in proportion, so that the long ones shape the map.
const ROUGHNESS: f64 = 1.25;

/// A sum of sine waves: every point has a slope, at every zoom the same.
pub(crate) struct Relief {
    waves: Vec<Wave>,
}

struct Wave {
    /// Radians per degree.
    east: f64,
    north: f64,
    height: f64,
}

impl Relief {
    pub(crate) fn new() -> Self {
        let waves = (0..WAVES).map(|index| {
            let length = LONGEST * RATIO.powi(index);
            let (sin, cos) = (f64::from(index) * TURN).sin_cos();
            let frequency = TAU / length;
            Wave { east: frequency * sin, north: frequency * cos, height: length.powf(ROUGHNESS) }
        });
        Self { waves: waves.collect() }
    }

    /// Returns how steeply the relief descends towards the east and the north, in no unit.
    pub(crate) fn descent(&self, longitude: f64, latitude: f64) -> [f64; 2] {
        let (mut east, mut north) = (0.0, 0.0);
        for wave in &self.waves {
            let rise = (longitude * wave.east + latitude * wave.north).cos() * wave.height;
            east -= rise * wave.east;
            north -= rise * wave.north;
        }
        // A degree of longitude is shorter than one of latitude.
        [east / latitude.to_radians().cos(), north]
    }
}
