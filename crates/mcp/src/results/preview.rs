//! The preview of a large result: its kind, its size, its first rows, and for GeoJSON the count and the bounding
//! box.
//!
//! A result may have 32 MiB, so it is not parsed to values: rows are looked at one by one, where they are.

use std::borrow::Cow;
use std::fmt;

use oge_tools::json;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The most rows that are shown.
const MAX_ROWS: usize = 20;
/// The most bytes of all rows, or of the start of a result that has none.
const MAX_BYTES: usize = 16 << 10;
/// How deep rows are looked for.
const MAX_DEPTH: usize = 3;

/// What a result has.
#[derive(Debug, Serialize)]
pub struct Preview<'a> {
    /// `geojson`, `list`, `object` or `text`.
    kind: &'static str,
    /// The names of the fields that lead to the rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    /// How many rows there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    /// West, south, east and north.
    #[serde(skip_serializing_if = "Option::is_none")]
    bbox: Option<[f64; 4]>,
    /// The first rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    first: Vec<&'a RawValue>,
    /// The start of the result, if no row is short enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<&'a str>,
}

impl<'a> Preview<'a> {
    /// Returns the preview of a result, which is JSON. The limit of the message is `limit`.
    #[must_use]
    pub fn of(result: &'a str, limit: usize) -> Self {
        let budget = MAX_BYTES.min(limit / 8);
        let mut preview = Self::look(result, budget, Vec::new());
        if preview.first.is_empty() {
            preview.start = result.get(..result.floor_char_boundary(budget / 2));
        }
        preview
    }

    fn look(text: &'a str, budget: usize, mut path: Vec<String>) -> Self {
        if text.starts_with('[')
            && let Ok(rows) = serde_json::from_str::<Rows<'a>>(text)
        {
            return rows.preview(budget, path);
        }
        let mut largest: Option<(String, &'a str)> = None;
        let is_object = json::fields(text, &mut |name, value| {
            let value = value.get();
            let has_rows = value.starts_with(['[', '{']);
            if has_rows && largest.as_ref().is_none_or(|(_, other)| value.len() > other.len()) {
                largest = Some((name.to_owned(), value));
            }
        });
        let kind = if is_object.unwrap_or_default() { "object" } else { "text" };
        match largest {
            Some((name, value)) if path.len() < MAX_DEPTH => {
                path.push(name);
                let found = Self::look(value, budget, path.clone());
                if found.count.is_some() {
                    return found;
                }
            }
            _ => {}
        }
        Self { kind, path: Vec::new(), count: None, bbox: None, first: Vec::new(), start: None }
    }
}

/// The rows of a list: all are counted, the first ones are kept.
struct Rows<'a> {
    count: usize,
    first: Vec<&'a RawValue>,
    has_only_features: bool,
    bounds: Bounds,
}

impl<'a> Rows<'a> {
    fn preview(self, budget: usize, path: Vec<String>) -> Preview<'a> {
        let Self { count, first, has_only_features, bounds } = self;
        let mut left = budget;
        let fits = |row: &&RawValue| {
            let fits = row.get().len() <= left;
            left = left.saturating_sub(row.get().len());
            fits
        };
        let first = first.into_iter().take_while(fits).collect();
        let kind = if has_only_features && count > 0 { "geojson" } else { "list" };
        Preview { kind, path, count: Some(count), bbox: bounds.0, first, start: None }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Rows<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Rows<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Rows<'de>, A::Error> {
                let mut rows = Rows {
                    count: 0,
                    first: Vec::new(),
                    has_only_features: true,
                    bounds: Bounds::default(),
                };
                while let Some(row) = all.next_element::<&'de RawValue>()? {
                    rows.count += 1;
                    if rows.first.len() < MAX_ROWS {
                        rows.first.push(row);
                    }
                    if !rows.has_only_features {
                        continue;
                    }
                    match serde_json::from_str::<Feature<'_>>(row.get()) {
                        Ok(Feature { kind, geometry }) if kind == "Feature" => {
                            rows.bounds.add(geometry.unwrap_or_default().bounds());
                        }
                        _ => (rows.has_only_features, rows.bounds) = (false, Bounds::default()),
                    }
                }
                Ok(rows)
            }
        }

        deserializer.deserialize_seq(Each)
    }
}

/// The part of a GeoJSON feature that says where it is.
#[derive(Deserialize)]
struct Feature<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    geometry: Option<Geometry>,
}

#[derive(Default, Deserialize)]
struct Geometry {
    #[serde(default)]
    coordinates: Coordinates,
    #[serde(default)]
    geometries: Vec<Geometry>,
}

impl Geometry {
    fn bounds(self) -> Bounds {
        let mut bounds = match self.coordinates {
            Coordinates::Within(bounds) => bounds,
            Coordinates::Number(_) => Bounds::default(),
        };
        for part in self.geometries {
            bounds.add(part.bounds());
        }
        bounds
    }
}

/// A bounding box: west, south, east and north.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bounds(Option<[f64; 4]>);

impl Bounds {
    fn add(&mut self, Self(other): Self) {
        self.0 = match (self.0, other) {
            (Some([west, south, east, north]), Some([w, s, e, n])) => {
                Some([west.min(w), south.min(s), east.max(e), north.max(n)])
            }
            (one, other) => one.or(other),
        };
    }
}

/// Coordinates of any depth, reduced to their bounds while they are read.
enum Coordinates {
    Number(f64),
    Within(Bounds),
}

impl Default for Coordinates {
    fn default() -> Self {
        Self::Within(Bounds::default())
    }
}

impl<'de> Deserialize<'de> for Coordinates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reduce;

        impl<'de> Visitor<'de> for Reduce {
            type Value = Coordinates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("coordinates")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Coordinates, E> {
                Ok(Coordinates::Number(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "coordinates are small")]
            fn visit_i64<E>(self, number: i64) -> Result<Coordinates, E> {
                Ok(Coordinates::Number(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "coordinates are small")]
            fn visit_u64<E>(self, number: u64) -> Result<Coordinates, E> {
                Ok(Coordinates::Number(number as f64))
            }

            fn visit_unit<E>(self) -> Result<Coordinates, E> {
                Ok(Coordinates::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Coordinates, A::Error> {
                let mut bounds = Bounds::default();
                let (mut x, mut y) = (None, None);
                while let Some(next) = all.next_element()? {
                    match next {
                        Coordinates::Within(inner) => bounds.add(inner),
                        Coordinates::Number(number) if x.is_none() => x = Some(number),
                        Coordinates::Number(number) => y = y.or(Some(number)),
                    }
                }
                if let (Some(x), Some(y)) = (x, y) {
                    bounds.add(Bounds(Some([x, y, x, y])));
                }
                Ok(Coordinates::Within(bounds))
            }
        }

        deserializer.deserialize_any(Reduce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const LIMIT: usize = 128 << 10;

    fn preview(result: &Value) -> Value {
        serde_json::to_value(Preview::of(&result.to_string(), LIMIT)).unwrap()
    }

    fn feature(coordinates: Value) -> Value {
        let geometry = json!({"type": "Any", "coordinates": coordinates});
        json!({"type": "Feature", "properties": {"DLMC": "旱地"}, "geometry": geometry})
    }

    #[test]
    fn geojson_has_its_count_its_box_and_twenty_features() {
        let mut features =
            vec![feature(json!([[[114.5, 30], [115, 31.25, 900]], [[113, 30.5]]])); 30];
        features.push(feature(json!([-10, 29])));
        features.push(json!({"type": "Feature", "geometry": null}));
        features.push(json!({"type": "Feature", "geometry": {"type": "GeometryCollection",
            "geometries": [{"type": "Point", "coordinates": [120, 0]}]}}));
        let collection = json!({"type": "FeatureCollection", "features": features});
        for (result, path) in [
            (json!(features), json!(null)),
            (collection.clone(), json!(["features"])),
            (json!({"code": 200, "data": collection}), json!(["data", "features"])),
        ] {
            let shown = preview(&result);
            assert_eq!(shown["kind"], "geojson", "{shown}");
            assert_eq!((&shown["count"], &shown["path"]), (&json!(33), &path));
            assert_eq!(shown["bbox"], json!([-10.0, 0.0, 120.0, 31.25]));
            assert_eq!(shown["first"].as_array().unwrap()[..], features[..20]);
        }
    }

    #[test]
    fn rows_are_counted_and_the_first_are_shown() {
        let rows: Vec<_> = (0..100).map(|number| json!({"number": number})).collect();
        let shown = preview(&json!({"total": 100, "rows": rows, "tags": [1, 2]}));
        assert_eq!((&shown["kind"], &shown["count"]), (&json!("list"), &json!(100)));
        assert_eq!(shown["path"], json!(["rows"]));
        assert_eq!(shown["first"].as_array().unwrap()[..], rows[..20]);
        assert_eq!(shown.get("bbox"), None);
        assert_eq!(preview(&json!([]))["count"], json!(0));
    }

    #[test]
    fn what_has_no_rows_is_shown_from_its_start() {
        let long = "坡".repeat(10_000);
        for (result, kind, count) in [
            (json!(long), "text", None),
            (json!({"a": long, "b": {"c": 1}}), "object", None),
            (json!([long, 1]), "list", Some(2)),
        ] {
            let shown = preview(&result);
            assert_eq!(shown["kind"], kind, "{result}");
            assert_eq!(shown["count"], json!(count));
            let start = shown["start"].as_str().unwrap();
            assert!(result.to_string().starts_with(start) && start.len() > 8000, "{}", start.len());
            assert!(start.len() <= MAX_BYTES / 2);
        }
    }

    #[test]
    fn a_preview_is_small_whatever_the_result() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let nested = (0..100).fold(json!([1]), |inner, _| json!({"a": inner}));
        let many = format!("[{}0]", "[0,0],".repeat(100_000));
        for result in [&deep, &nested.to_string(), &many, "{\"a\":", ""] {
            for limit in [4096, LIMIT] {
                let shown = serde_json::to_string(&Preview::of(result, limit)).unwrap();
                assert!(shown.len() < limit / 4, "{}", shown.len());
            }
        }
    }
}
