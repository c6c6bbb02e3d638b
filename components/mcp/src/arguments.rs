//! What a client passes, read into what a tool takes.

use oge_tools::error::{Failure, FailureKind};
use oge_tools::json;
use oge_tools::tools::Tool;
use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads the arguments of a tool: those of its schema and no others, optional ones absent or null.
///
/// # Errors
/// `invalid-argument`, which names the argument.
pub fn read<T: Tool<Arguments: DeserializeOwned>>(
    arguments: JsonObject,
) -> Result<T::Arguments, Failure> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let place = error.path().to_string();
        let why = error.into_inner().to_string();
        // What is unknown or missing is named by the error itself.
        let is_named = place == "." || why.starts_with("unknown field");
        invalid::<T>(if is_named { why } else { format!("{place}: {why}") })
    })
}

/// Takes `name`, a whole number of at most `most`, out of the arguments; none where it is not there.
///
/// # Errors
/// `invalid-argument`, which names it.
pub fn take_number<T: Tool>(
    arguments: &mut JsonObject,
    name: &str,
    most: u32,
) -> Result<Option<u32>, Failure> {
    let value = arguments.remove(name).filter(|value| !value.is_null());
    let Some(value) = value else { return Ok(None) };
    value.as_f64().and_then(|number| json::whole(number, most)).map(Some).ok_or_else(|| {
        invalid::<T>(format!("{name} must be a whole number of seconds from 0 to {most}"))
    })
}

fn invalid<T: Tool>(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidArgument, T::OPERATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oge_tools::tools::{CoverageAspectAnalysis, QueryTaskStatus, SubmitBatchTask};
    use serde_json::json;

    fn object(value: Value) -> JsonObject {
        let Value::Object(object) = value else { panic!("{value} is no object") };
        object
    }

    fn refused<T: Tool<Arguments: DeserializeOwned>>(arguments: Value) -> String {
        let Err(failure) = read::<T>(object(arguments)) else { panic!("it was taken") };
        assert_eq!(failure.kind, FailureKind::InvalidArgument);
        failure.message
    }

    #[test]
    fn optional_arguments_may_be_absent_or_null() {
        for arguments in [
            json!({"bbox": [1, 2.5, 3, 4]}),
            json!({"bbox": [1, 2.5, 3, 4], "coverage_type": null, "pretreatment": null,
                   "product_value": null, "radius": null}),
        ] {
            let read = read::<CoverageAspectAnalysis>(object(arguments)).unwrap();
            assert_eq!((read.bbox, read.radius), (vec![1.0, 2.5, 3.0, 4.0], None));
        }
    }

    #[test]
    fn a_whole_number_may_be_spelt_with_a_point() {
        let arguments = object(json!({"bbox": [1, 2, 3, 4], "radius": 2.0}));
        assert_eq!(read::<CoverageAspectAnalysis>(arguments).unwrap().radius, Some(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, named) in [
            (json!({}), "missing field `bbox`"),
            (json!({"bbox": null}), "bbox: "),
            (json!({"bbox": [1, 2, "3", 4]}), "bbox[2]: "),
            (json!({"bbox": "1,2,3,4"}), "bbox: "),
            (json!({"bbox": [1, 2, 3, 4], "radius": 1.5}), "radius: "),
            (json!({"bbox": [1, 2, 3, 4], "radius": -1}), "radius: "),
            (json!({"bbox": [1, 2, 3, 4], "radius": "1"}), "radius: "),
            (json!({"bbox": [1, 2, 3, 4], "pretreatment": "yes"}), "pretreatment: "),
            (
                json!({"bbox": [1, 2, 3, 4], "box": 1}),
                "unknown field `box`, expected one of `bbox`",
            ),
        ] {
            let message = refused::<CoverageAspectAnalysis>(arguments);
            assert!(message.starts_with(named), "{message}");
        }
        let message = refused::<SubmitBatchTask>(json!({"dag_id": 7}));
        assert!(message.starts_with("dag_id: "), "{message}");
    }

    #[test]
    fn a_token_of_the_wrong_type_is_not_shown() {
        let message = refused::<QueryTaskStatus>(json!({"dag_id": "d", "auth_token": 4711}));
        assert!(message.starts_with("auth_token: ") && !message.contains("4711"), "{message}");
    }

    #[test]
    fn seconds_are_taken_out_and_checked() {
        let take = |value: Value| {
            let mut arguments = object(json!({"wait_seconds": value, "dag_id": "d"}));
            let taken = take_number::<QueryTaskStatus>(&mut arguments, "wait_seconds", 600);
            assert_eq!(arguments.len(), 1);
            taken
        };
        assert_eq!(take(json!(600)).unwrap(), Some(600));
        assert_eq!(take(json!(30.0)).unwrap(), Some(30));
        assert_eq!(take(Value::Null).unwrap(), None);
        for wrong in [json!(601), json!(-1), json!(0.5), json!("5"), json!(true)] {
            assert!(take(wrong).unwrap_err().message.starts_with("wait_seconds must be"));
        }
    }
}
