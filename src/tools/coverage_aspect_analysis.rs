//! `coverage_aspect_analysis`, 坡向分析: the aspect of slopes from a digital elevation model.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Computation, Prepared, Read, Tool, check, computation};
use crate::client::Accepted;
use crate::error::{Failure, Fault};
use crate::json;
use crate::settings::Settings;

/// The tool.
#[derive(Debug)]
pub struct CoverageAspectAnalysis;

/// 坡向分析: computes the aspect of slopes from a digital elevation model
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// Four numbers in degrees: min lon, min lat, max lon, max lat
    pub bbox: Vec<f64>,
    /// The type of the coverage [default: Coverage]
    pub coverage_type: Option<String>,
    /// Whether the platform prepares the data first [default: true]
    pub pretreatment: Option<bool>,
    /// The product to compute from [default: Platform:Product:ASTER_GDEM_DEM30]
    pub product_value: Option<String>,
    /// In cells, at least 1 [default: 1]
    #[serde(default, deserialize_with = "whole_number")]
    pub radius: Option<u32>,
}

#[derive(Serialize)]
struct Args<'a> {
    coverage: Coverage<'a>,
    radius: u32,
}

#[derive(Serialize)]
struct Coverage<'a> {
    r#type: &'a str,
    pretreatment: bool,
    #[serde(rename = "preParams")]
    pre_params: PreParams<'a>,
    value: [&'a str; 1],
}

#[derive(Serialize)]
struct PreParams<'a> {
    bbox: &'a [f64],
}

impl Tool for CoverageAspectAnalysis {
    const NAME: &'static str = "coverage_aspect_analysis";
    const OPERATION: &'static str = "坡向分析";
    const ENDPOINT: &'static str = "intranet";
    const TIMEOUT_SECONDS: u32 = 120;
    type Arguments = Arguments;
    type Output = Computation;

    fn prepare(
        arguments: Arguments,
        settings: &Settings,
        _now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault> {
        check_bbox(&arguments.bbox)?;
        let coverage_type = check::optional("coverage_type", arguments.coverage_type, "Coverage")?;
        let product_value = check::optional(
            "product_value",
            arguments.product_value,
            "Platform:Product:ASTER_GDEM_DEM30",
        )?;
        let radius = arguments.radius.unwrap_or(1);
        if radius == 0 {
            return Err(Fault::Argument("radius", "is 0; it must be 1 or more".to_string()));
        }
        let coverage = Coverage {
            r#type: &coverage_type,
            pretreatment: arguments.pretreatment.unwrap_or(true),
            pre_params: PreParams { bbox: &arguments.bbox },
            value: [&product_value],
        };
        computation::prepare(Self, "Coverage.aspect", Args { coverage, radius }, settings)
    }

    fn message(_output: &Computation) -> String {
        format!("{}执行成功", Self::OPERATION)
    }
}

impl Read for CoverageAspectAnalysis {
    fn read(self, response: Accepted) -> Result<Computation, Failure> {
        Computation::read::<Self>(response)
    }
}

fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let refused = || D::Error::custom("it must be a whole number, 1 or more");
    json::whole(number, u32::MAX).map(Some).ok_or_else(refused)
}

fn check_bbox(bbox: &[f64]) -> Result<(), Fault> {
    let fault = |problem: String| Err(Fault::Argument("bbox", problem));
    let [min_lon, min_lat, max_lon, max_lat] = *bbox else {
        let count = bbox.len();
        return fault(format!(
            "has {count} numbers; it must have 4: min lon, min lat, max lon, max lat in degrees"
        ));
    };
    for (name, value, limit) in [
        ("min lon", min_lon, 180.0),
        ("min lat", min_lat, 90.0),
        ("max lon", max_lon, 180.0),
        ("max lat", max_lat, 90.0),
    ] {
        // Also refuses NaN, which is in no range.
        if !(-limit..=limit).contains(&value) {
            let (was, limit) = (number(value), number(limit));
            return fault(format!("has {name} {was}; it must be between -{limit} and {limit}"));
        }
    }
    for (name, min, max) in [("lon", min_lon, max_lon), ("lat", min_lat, max_lat)] {
        if min >= max {
            let (min, max) = (number(min), number(max));
            return fault(format!(
                "has min {name} {min} and max {name} {max}; min must be below max (order: min lon, \
                 min lat, max lon, max lat)"
            ));
        }
    }
    Ok(())
}

/// Formats a number as JSON does. NaN and infinite numbers, which JSON does not have, become words.
fn number(value: f64) -> String {
    if value.is_finite() {
        serde_json::to_string(&value).unwrap_or_default()
    } else if value.is_nan() {
        "NaN".to_string()
    } else {
        "infinite".to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test::settings;
    use proptest::prelude::*;

    fn prepare(arguments: Arguments) -> Result<Prepared<CoverageAspectAnalysis>, Fault> {
        CoverageAspectAnalysis::prepare(arguments, &settings(), || Duration::ZERO)
    }

    fn with_bbox(bbox: &[f64]) -> Arguments {
        Arguments { bbox: bbox.to_vec(), ..Arguments::default() }
    }

    #[test]
    fn defaults_make_the_payload_of_the_old_server() {
        let request = prepare(with_bbox(&[116.9, 36.2, 117.2, 36.4])).unwrap().request;
        assert_eq!(
            request.body.as_deref(),
            Some(
                r#"{"name":"Coverage.aspect","args":{"coverage":{"type":"Coverage","pretreatment":true,"preParams":{"bbox":[116.9,36.2,117.2,36.4]},"value":["Platform:Product:ASTER_GDEM_DEM30"]},"radius":1},"dockerImageSource":"DOCKER_HUB"}"#
            )
        );
    }

    #[test]
    fn every_argument_reaches_the_payload() {
        let request = prepare(Arguments {
            bbox: [0.0, 1.5, 10.0, 20.0].to_vec(),
            coverage_type: Some("T".into()),
            pretreatment: Some(false),
            product_value: Some("P".into()),
            radius: Some(7),
        })
        .unwrap()
        .request;
        assert_eq!(
            request.body.as_deref(),
            Some(
                r#"{"name":"Coverage.aspect","args":{"coverage":{"type":"T","pretreatment":false,"preParams":{"bbox":[0.0,1.5,10.0,20.0]},"value":["P"]},"radius":7},"dockerImageSource":"DOCKER_HUB"}"#
            )
        );
    }

    #[test]
    fn a_bad_box_is_refused_and_its_value_is_quoted() {
        for (bbox, was) in [
            (&[][..], "has 0 numbers"),
            (&[1.0, 2.0, 3.0], "has 3 numbers"),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], "has 5 numbers"),
            (&[f64::NAN, 2.0, 3.0, 4.0], "min lon NaN"),
            (&[1.0, 2.0, f64::INFINITY, 4.0], "max lon infinite"),
            (&[-180.5, 2.0, 3.0, 4.0], "min lon -180.5"),
            (&[1.0, -91.0, 3.0, 4.0], "min lat -91.0"),
            (&[1.0, 2.0, 3.0, 90.001], "max lat 90.001"),
            (&[3.0, 2.0, 1.0, 4.0], "min lon 3.0 and max lon 1.0"),
            (&[1.0, 4.0, 3.0, 4.0], "min lat 4.0 and max lat 4.0"),
        ] {
            let Err(Fault::Argument("bbox", problem)) = prepare(with_bbox(bbox)) else {
                panic!("{bbox:?} was accepted");
            };
            assert!(problem.contains(was), "{bbox:?}: {problem}");
        }
    }

    #[test]
    fn blank_texts_and_a_zero_radius_are_refused() {
        let good = || with_bbox(&[0.0, 0.0, 1.0, 1.0]);
        for (name, arguments) in [
            ("coverage_type", Arguments { coverage_type: Some(" ".into()), ..good() }),
            ("product_value", Arguments { product_value: Some(String::new()), ..good() }),
            ("radius", Arguments { radius: Some(0), ..good() }),
        ] {
            let Err(Fault::Argument(named, _)) = prepare(arguments) else {
                panic!("a bad {name} was accepted");
            };
            assert_eq!(named, name);
        }
    }

    proptest! {
        #[test]
        fn every_box_on_earth_is_accepted(lon in -180.0..179.0f64, lat in -90.0..89.0f64, w in 0.001..1.0f64, h in 0.001..1.0f64) {
            prop_assert!(prepare(with_bbox(&[lon, lat, lon + w, lat + h])).is_ok());
        }
    }
}
