//! The classes of an aspect map, for its legend and its tiles.

use std::fmt::Write;

/// A class of slopes.
pub(crate) struct Class {
    label: &'static str,
    pub(crate) color: [u8; 3],
}

/// Flat ground, then the directions clockwise from north.
pub(crate) const CLASSES: [Class; 9] = [
    Class { label: "平地", color: [0xB0, 0xB0, 0xB0] },
    Class { label: "北", color: [0xFF, 0x00, 0x00] },
    Class { label: "东北", color: [0xFF, 0xA6, 0x00] },
    Class { label: "东", color: [0xFF, 0xFF, 0x00] },
    Class { label: "东南", color: [0x00, 0xFF, 0x00] },
    Class { label: "南", color: [0x00, 0xFF, 0xFF] },
    Class { label: "西南", color: [0x00, 0xA6, 0xFF] },
    Class { label: "西", color: [0x00, 0x00, 0xFF] },
    Class { label: "西北", color: [0xFF, 0x00, 0xFF] },
];

/// The width of a direction's class in degrees.
const WIDTH: f64 = 45.0;

/// Returns the index of the class whose slopes descend towards `east` and `north`. Slopes below `flat` are flat.
pub(crate) fn class([east, north]: [f64; 2], flat: f64) -> u8 {
    if east.hypot(north) < flat {
        return 0;
    }
    let azimuth = east.atan2(north).to_degrees();
    // From 0 to 8; both ends are north.
    let direction = ((azimuth + 360.0 + WIDTH / 2.0) % 360.0 / WIDTH) as u8 % 8;
    direction + 1
}

/// Returns the legend as JSON text.
pub(crate) fn legend() -> String {
    let mut entries = String::new();
    for (index, Class { label, color: [red, green, blue] }) in (0_u8..).zip(&CLASSES) {
        let range = match index.checked_sub(1) {
            None => "-1,-1".to_owned(),
            Some(direction) => {
                let middle = f64::from(direction) * WIDTH;
                let (from, to) = ((middle - WIDTH / 2.0).rem_euclid(360.0), middle + WIDTH / 2.0);
                format!("{from},{to}")
            }
        };
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(
            entries,
            r##"{comma}{{"label":"{label}","range":[{range}],"color":"#{red:02X}{green:02X}{blue:02X}"}}"##
        );
    }
    format!("[{entries}]")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_slope_is_in_the_class_of_its_legend() {
        let legend: Value = serde_json::from_str(&legend()).unwrap();
        for degrees in 0..360 {
            let (east, north) = f64::from(degrees).to_radians().sin_cos();
            let class = class([east, north], 0.5);
            let range = &legend[usize::from(class)]["range"];
            let [from, to] = [&range[0], &range[1]].map(|bound| bound.as_f64().unwrap());
            let is_inside = (f64::from(degrees) - from).rem_euclid(360.0) < WIDTH;
            assert!(is_inside && (to - from).rem_euclid(360.0) == WIDTH, "{degrees} {range}");
        }
        assert_eq!(class([0.3, 0.3], 0.5), 0);
        assert_eq!(legend[0], json!({"label": "平地", "range": [-1, -1], "color": "#B0B0B0"}));
        assert_eq!(legend[1], json!({"label": "北", "range": [337.5, 22.5], "color": "#FF0000"}));
    }
}
