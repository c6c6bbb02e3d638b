use super::*;
use oge_tools::tools::{
    CoverageAspectAnalysis, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask,
};
use serde_json::json;

fn object(value: Value) -> JsonObject {
    let Value::Object(object) = value else { panic!("{value} is no object") };
    object
}

#[track_caller]
fn taken<T: Tool<Arguments: DeserializeOwned>>(arguments: Value) -> T::Arguments {
    read::<T>(object(arguments)).unwrap_or_else(|failure| panic!("{}", failure.message))
}

#[track_caller]
fn refused<T: Tool<Arguments: DeserializeOwned>>(arguments: Value) -> String {
    let Err(failure) = read::<T>(object(arguments)) else { panic!("accepted") };
    assert_eq!(failure.kind, FailureKind::InvalidArgument);
    failure.message
}

fn with_bbox(name: &str, value: Value) -> Value {
    let mut arguments = object(json!({"bbox": [1, 2, 3, 4]}));
    arguments.insert(name.to_owned(), value);
    Value::Object(arguments)
}

#[test]
fn blank_optional_arguments_are_absent() {
    for blank in [Value::Null, json!(""), json!(" \t"), json!("\u{3000}")] {
        let read = taken::<CoverageAspectAnalysis>(json!({
            "bbox": [1, 2.5, 3, 4], "coverage_type": blank, "pretreatment": blank,
            "product_value": blank, "radius": blank,
        }));
        assert_eq!((read.bbox, read.radius), (vec![1.0, 2.5, 3.0, 4.0], None));
        assert_eq!((read.coverage_type, read.pretreatment), (None, None));
        let read = taken::<QueryTaskStatus>(json!({"dag_id": "d", "auth_token": blank}));
        assert!(read.auth_token.is_none());
        let read = taken::<ExecuteCodeToDag>(json!({"code": "c", "user_id": blank}));
        assert_eq!(read.user_id, None);
        assert_eq!(taken::<RunBigQuery>(json!({"query": blank})).query, None);
    }
}

#[test]
fn numbers_and_booleans_may_be_text() {
    for radius in [json!(2), json!(2.0), json!("2"), json!(" 2 "), json!("2.0"), json!("2e0")] {
        let read = taken::<CoverageAspectAnalysis>(with_bbox("radius", radius));
        assert_eq!(read.radius, Some(2));
    }
    for yes in [json!(true), json!("true"), json!("True "), json!("TRUE")] {
        let read = taken::<CoverageAspectAnalysis>(with_bbox("pretreatment", yes));
        assert_eq!(read.pretreatment, Some(true));
    }
    let read = taken::<CoverageAspectAnalysis>(with_bbox("pretreatment", json!("false")));
    assert_eq!(read.pretreatment, Some(false));
    for wait in [json!(30), json!("30"), json!(30.0)] {
        let arguments = object(json!({"dag_id": "d", "wait_seconds": wait}));
        assert_eq!(checked::<QueryTaskStatus>(arguments).unwrap()["wait_seconds"], 30);
    }
}

#[test]
fn a_box_may_be_text() {
    for bbox in [
        json!([114, 30, 115, 31]),
        json!("[114,30,115,31]"),
        json!(" [114.0, 30, 115, 31] "),
        json!("114,30,115,31"),
        json!("114, 30.0 ,115,31"),
        json!("114，30， 115 ，31"),
        json!("[114，30，115,31]"),
        json!(["114", "30 ", 115, "31"]),
        json!(["114", "30", "115", 31]),
        json!("[\"114\", \"30\", \"115\", \"31\"]"),
    ] {
        let read = taken::<CoverageAspectAnalysis>(json!({"bbox": bbox}));
        assert_eq!(read.bbox, [114.0, 30.0, 115.0, 31.0]);
    }
}

#[test]
fn a_scale_may_be_a_number() {
    for (scale, text) in
        [(json!(30), "30"), (json!(1000.0), "1000"), (json!(0.5), "0.5"), (json!("30"), "30")]
    {
        let read = taken::<SubmitBatchTask>(json!({"dag_id": "d", "scale": scale}));
        assert_eq!(read.scale.as_deref(), Some(text));
    }
}

#[test]
fn an_error_has_the_expected_type_and_the_given_value() {
    for (arguments, message) in [
        (json!({}), "`bbox` is required: 4 numbers"),
        (json!({"bbox": null}), "`bbox` is required: 4 numbers"),
        (json!({"bbox": [1, 2, "x", 4]}), r#"bbox must be 4 numbers; it was [1,2,"x",4]"#),
        (json!({"bbox": "here"}), r#"bbox must be 4 numbers; it was "here""#),
        (json!({"bbox": 5}), "bbox must be 4 numbers; it was 5"),
        (
            with_bbox("radius", json!("two")),
            r#"radius must be a whole number from 1 to 4294967295; it was "two""#,
        ),
        (
            with_bbox("radius", json!(0)),
            "radius must be a whole number from 1 to 4294967295; it was 0",
        ),
        (
            with_bbox("radius", json!(4_294_967_296_u64)),
            "radius must be a whole number from 1 to 4294967295; it was 4294967296",
        ),
        (
            with_bbox("radius", json!(-1)),
            "radius must be a whole number from 1 to 4294967295; it was -1",
        ),
        (
            with_bbox("radius", json!("1.5")),
            r#"radius must be a whole number from 1 to 4294967295; it was "1.5""#,
        ),
        (
            with_bbox("radius", json!([1])),
            "radius must be a whole number from 1 to 4294967295; it was [1]",
        ),
        (
            with_bbox("pretreatment", json!("yes")),
            r#"pretreatment must be true or false; it was "yes""#,
        ),
        (with_bbox("pretreatment", json!(1)), "pretreatment must be true or false; it was 1"),
        (with_bbox("coverage_type", json!({})), "coverage_type must be a text; it was {}"),
        (with_bbox("coverage_type", json!("x".repeat(99))), ""),
    ] {
        if message.is_empty() {
            taken::<CoverageAspectAnalysis>(arguments);
        } else {
            assert_eq!(refused::<CoverageAspectAnalysis>(arguments), message);
        }
    }
    assert_eq!(refused::<SubmitBatchTask>(json!({"dag_id": 7})), "dag_id must be a text; it was 7");
    assert_eq!(
        refused::<SubmitBatchTask>(json!({"dag_id": "d", "scale": true})),
        "scale must be a number or a text; it was true"
    );
    assert_eq!(
        refused::<QueryTaskStatus>(json!({"dag_id": "d", "wait_seconds": 601})),
        "wait_seconds must be a whole number from 0 to 600; it was 601"
    );
    assert_eq!(refused::<ExecuteCodeToDag>(json!({"code": " "})), "`code` is required: a text");
}

#[test]
fn no_secret_is_shown() {
    for token in [json!(47_114_711), json!(["47114711"]), json!({"t": "47114711"})] {
        let message = refused::<QueryTaskStatus>(json!({"dag_id": "d", "auth_token": token}));
        assert!(message.starts_with("auth_token must be a text; it was "), "{message}");
        assert!(!message.contains("47114711"), "{message}");
    }
    let token = "s3cret-7";
    for arguments in [
        json!({"dag_id": [token], "auth_token": token}),
        json!({"dag_id": "d", "wait_seconds": token, "auth_token": format!("Bearer {token}")}),
        json!({"dag_id": "d", "wait_seconds": format!("{}.signature", "x".repeat(60))}),
    ] {
        let message = refused::<QueryTaskStatus>(arguments);
        assert!(!message.contains(token) && !message.contains("signature"), "{message}");
    }
    let given = object(json!({"s3cret-7x": 1, "auth_token": token}));
    assert_eq!(ignored::<QueryTaskStatus>(&given), ["… (a name of 9 characters)"]);
}

#[test]
fn a_name_close_to_a_known_one_is_refused_with_that_name() {
    for name in ["wait", "waitSeconds", "WAIT-SECONDS"] {
        let message = refused::<QueryTaskStatus>(json!({"dag_id": "d", name: 5}));
        assert_eq!(message, format!("`{name}` is unknown; did you mean `wait_seconds`?"));
    }
    for name in ["dagId", "dag-id", "DAG_ID"] {
        let message = refused::<QueryTaskStatus>(json!({name: "d"}));
        assert_eq!(message, format!("`{name}` is unknown; did you mean `dag_id`?"));
    }
}

#[test]
fn a_close_name_is_ignored_if_blank_or_beside_the_known_one() {
    fn holds<T: Tool>(arguments: Value, names: &[&str]) {
        let given = object(arguments);
        assert_eq!(ignored::<T>(&given), names);
        assert!(checked::<T>(given).is_ok(), "{names:?}");
    }
    for value in [json!("x"), json!(1), json!({}), json!(false)] {
        holds::<ExecuteCodeToDag>(
            json!({"code": "c", "mode": value, "node": value, "coder": value}),
            &["coder", "mode", "node"],
        );
        holds::<CoverageAspectAnalysis>(json!({"bbox": [1, 2, 3, 4], "box": value}), &["box"]);
        let both = json!({"dag_id": "d", "wait_seconds": 0, "wait": value});
        holds::<QueryTaskStatus>(both, &["wait"]);
        let refused = refused::<QueryTaskStatus>(json!({"dag_id": "d", "wait": value}));
        assert_eq!(refused, "`wait` is unknown; did you mean `wait_seconds`?");
        // A blank value counts as absent.
        let blank = json!({"dag_id": "d", "crs": " ", "cors": value});
        assert!(read::<SubmitBatchTask>(object(blank)).is_err());
    }
    for blank in [Value::Null, json!(""), json!("\u{3000}")] {
        let arguments = json!({"dag_id": "d", "wait": blank, "token": blank});
        holds::<QueryTaskStatus>(arguments, &["token", "wait"]);
    }
}

#[test]
fn arguments_that_clients_add_are_ignored_by_each_tool() {
    fn holds<T: Tool<Arguments: DeserializeOwned>>(arguments: Value) {
        let mut given = object(arguments);
        let added = ["sessionId", "action", "chatInput", "toolCallId", "tool", "id", "name"];
        for name in added {
            given.insert(name.to_owned(), json!({"auth_token": 1}));
        }
        let mut names = ignored::<T>(&given);
        names.sort_unstable_by_key(|name| added.iter().position(|other| other == name));
        assert_eq!(names, added);
        assert!(read::<T>(given).is_ok(), "{}", T::NAME);
    }
    holds::<CoverageAspectAnalysis>(json!({"bbox": [1, 2, 3, 4]}));
    holds::<RunBigQuery>(json!({}));
    holds::<ExecuteCodeToDag>(json!({"code": "c"}));
    holds::<SubmitBatchTask>(json!({"dag_id": "d"}));
    holds::<QueryTaskStatus>(json!({"dag_id": "d"}));
}

#[test]
fn the_names_of_ignored_arguments_are_limited() {
    let given: JsonObject = (0..100).map(|n| (format!("x{n:02}"), Value::Null)).collect();
    let names = ignored::<RunBigQuery>(&given);
    assert_eq!((names.len(), &*names[16]), (17, "… (84 more)"));
    let given: JsonObject =
        (0..16).map(|n| (format!("{n:02}{}", "\u{1}".repeat(62)), Value::Null)).collect();
    let names = ignored::<RunBigQuery>(&given);
    assert_eq!((names.len(), &*names[1]), (2, "… (15 more)"));
    let given = object(json!({"x".repeat(5000): 1}));
    assert_eq!(ignored::<RunBigQuery>(&given), ["… (a name of 5000 characters)"]);
    assert!(read::<RunBigQuery>(given).is_ok());
}
