use super::*;

fn read(text: impl AsRef<[u8]>) -> Result<ClientJsonRpcMessage, Refusal> {
    normalize(text.as_ref()).and_then(parse)
}

/// Returns the code and the id of the refusal.
#[track_caller]
fn refused(text: impl AsRef<[u8]>) -> (Option<i32>, Value) {
    let refusal = read(text).expect_err("accepted");
    (refusal.code, refusal.id)
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
}

fn initialize(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"i","method":"initialize","params":{params}}}"#)
}

#[test]
fn bytes_that_are_not_json_are_a_parse_error_with_the_id() {
    let cut = r#"{"jsonrpc":"2.0","id":7,"method":"ping""#;
    let garbled = b"{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"id\":\"a\",\"x\":\"\xb4\xed\"}";
    for (bytes, id) in [
        (cut.as_bytes(), json!(7)),
        (&garbled[..], json!("a")),
        (b"{\"id\":3,\"x\":\"\t\"}", json!(3)),
        (b"{\"id\":3,\"x\":\"\\ud83\"}", json!(3)),
        (b"hello", json!(null)),
        (b"\xff\xfe{\0\"\0", json!(null)),
        (b"{\"id\":3,\"x\":NaN}", json!(3)),
    ] {
        assert_eq!(refused(bytes), (Some(PARSE_ERROR), id), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn json_that_is_no_request_is_invalid_with_the_id() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (text, id) in [
        ("[]", json!(null)),
        (r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#, json!(null)),
        ("7", json!(null)),
        ("null", json!(null)),
        ("\"ping\"", json!(null)),
        ("{}", json!(null)),
        (r#"{"jsonrpc":"2.0","id":7}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":7,"method":5}"#, json!(7)),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, json!(7)),
        (r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#, json!(7)),
        (r#"{"id":7,"method":"ping"}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}"#, json!(7)),
        (&call(&format!(r#"{{"name":"t","arguments":{{"a":{deep}}}}}"#)), json!(7)),
        (&call(r#"{"name":"t","arguments":{"a":1e999}}"#), json!(7)),
    ] {
        let start: String = text.chars().take(80).collect();
        assert_eq!(refused(text), (Some(INVALID_REQUEST), id), "{start}");
    }
}

#[test]
fn a_number_or_nesting_out_of_range_names_its_argument() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (arguments, reason) in [
        (r#"{"radius":1e400}"#.to_owned(), "a number in `radius` is too large"),
        (r#"{"dag_id":"d","bbox":[1,-1e999,3,4]}"#.to_owned(), "a number in `bbox` is too large"),
        (r#"{"s3cret":1e400}"#.to_owned(), "a number in it is too large"),
        (r#"{"radius":"[[","s3cret":{"radius":1e400}}"#.to_owned(), "a number in it is too large"),
        (format!(r#"{{"bbox":{}}}"#, nested(128)), "`bbox` is nested too deep"),
        (format!(r#"{{"bbox":{}}}"#, nested(100_000)), "`bbox` is nested too deep"),
        (format!(r#"{{"s3cret":{}}}"#, nested(128)), "it is nested too deep"),
        // The argument is not too deep, but the message is.
        (format!(r#"{{"bbox":{}}}"#, nested(125)), "it is nested too deep"),
        (format!(r#"{{"bbox":[1e400,"\"{}"]}}"#, nested(200)), "a number in `bbox` is too large"),
    ] {
        let text = call(&format!(r#"{{"name":"t","arguments":{arguments}}}"#));
        let refusal = read(&text).expect_err(&text);
        assert_eq!((refusal.code, &refusal.id), (Some(INVALID_REQUEST), &json!(7)));
        assert_eq!(refusal.reason, format!("Invalid Request: {reason}"));
    }
    assert!(
        read(call(&format!(r#"{{"name":"t","arguments":{{"bbox":{}}}}}"#, nested(124)))).is_ok()
    );
}

#[test]
fn params_that_do_not_fit_are_named() {
    for (text, reason) in [
        (call(r#""x""#), "`params` must be an object; it was a text"),
        (call("[1]"), "`params` must be an object; it was a list"),
        (call("null"), "tools/call needs `params`"),
        (call("{}"), "`name` is missing: the tool to call"),
        (call(r#"{"name":5}"#), "`name` must be a text; it was a number"),
        (call(r#"{"name":"t","arguments":"{}"}"#), "`arguments` must be an object; it was a text"),
        (call(r#"{"name":"t","arguments":[]}"#), "`arguments` must be an object; it was a list"),
        (call(r#"{"name":"t","_meta":true}"#), "`_meta` must be an object; it was a boolean"),
        (call(r#"{"name":"t","requestState":5}"#), "they do not fit tools/call"),
        (initialize("{}"), "`protocolVersion` is missing"),
        (
            initialize(r#"{"protocolVersion":5}"#),
            "`protocolVersion` must be a text; it was a number",
        ),
        (
            initialize(r#"{"protocolVersion":"2025-11-25","clientInfo":"c"}"#),
            "`clientInfo` must be an object; it was a text",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#.to_owned(),
            "`params` must be an object; it was a list",
        ),
    ] {
        let refusal = read(&text).expect_err(&text);
        assert_eq!(refusal.code, Some(INVALID_PARAMS), "{text}");
        assert_ne!(refusal.id, Value::Null, "{text}");
        assert_eq!(refusal.reason, format!("Invalid params: {reason}"), "{text}");
    }
}

#[test]
fn a_refusal_shows_nothing_of_the_message() {
    for text in [
        call(r#"{"name":"t","arguments":"{\"auth_token\": \"s3cret\"}"}"#),
        call(r#"{"name":"t","arguments":{"auth_token":"s3cret"},"requestState":5}"#),
        call(r#"{"name":"t","arguments":{"auth_token":"s3cret"}"#),
        r#"{"jsonrpc":"s3cret","id":1,"method":"s3cret"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"s3cret"}"#.to_owned(),
    ] {
        let refusal = read(&text).expect_err(&text);
        assert!(!refusal.reason.contains("s3cret"), "{refusal:?}");
    }
}

#[test]
fn notifications_and_responses_get_no_response() {
    for text in [
        r#"{"jsonrpc":"1.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#,
    ] {
        let refusal = read(text).expect_err(text);
        assert_eq!((refusal.code, refusal.to_json()), (None, None), "{text}");
    }
}

#[test]
fn an_error_response_always_has_an_id() {
    let error = read("[]").unwrap_err().to_json().unwrap();
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error.get("id"), Some(&Value::Null));
    assert_eq!((&error["jsonrpc"], &error["error"]["code"]), (&json!("2.0"), &json!(-32600)));
}

#[test]
fn valid_messages_are_accepted() {
    for text in [
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        r#" {"id":"1","method":"ping","jsonrpc":"2.0","params":null} "#,
        r#"{"jsonrpc":"2.0","id":1.0,"method":"tools/list","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":null}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"no/such","params":{"a":[]}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":null}}"#,
    ] {
        assert!(read(text).is_ok(), "{text}: {:?}", read(text));
    }
}

#[test]
fn a_request_keeps_its_meta() {
    let message = read(call(r#"{"name":"t","_meta":{"progressToken":"p"}}"#)).unwrap();
    let text = serde_json::to_string(&message).unwrap();
    assert!(text.contains(r#""progressToken":"p""#), "{text}");
}

#[test]
fn a_request_without_its_progress_token_is_the_same_call() {
    let text =
        call(r#"{"name":"t","arguments":{"progressToken":1},"_meta":{"progressToken":1,"a":2}}"#);
    let mut message = normalize(text.as_bytes()).unwrap();
    assert!(asks_for_progress(&message));
    forget_progress(&mut message);
    assert!(!asks_for_progress(&message));
    let params = json!({"name": "t", "arguments": {"progressToken": 1}, "_meta": {"a": 2}});
    assert_eq!(message["params"], params);
    assert!(parse(message).is_ok());
    for text in [call(r#"{"name":"t"}"#), r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_owned()]
    {
        let mut message = normalize(text.as_bytes()).unwrap();
        assert!(!asks_for_progress(&message));
        forget_progress(&mut message);
        assert!(parse(message).is_ok());
    }
}

#[test]
fn initialize_may_lack_what_the_server_does_not_use() {
    let version = r#""protocolVersion":"2025-11-25""#;
    for more in [
        "",
        r#","capabilities":null,"clientInfo":null"#,
        r#","clientInfo":{"name":"c"}"#,
        r#","capabilities":{},"clientInfo":{"version":null}"#,
    ] {
        let text = initialize(&format!("{{{version}{more}}}"));
        let Ok(JsonRpcMessage::Request(request)) = read(&text) else { panic!("{text}") };
        assert!(matches!(request.request, ClientRequest::InitializeRequest(_)), "{text}");
    }
}

#[test]
fn half_a_surrogate_pair_becomes_the_replacement_character() {
    for (escaped, text) in [
        (r"\ud83d", "\u{fffd}"),
        (r"\uDE00", "\u{fffd}"),
        (r"a\ud83d", "a\u{fffd}"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"\ud83dé", "\u{fffd}é"),
        (r"\\ud83d", r"\ud83d"),
        (r"\\\ud83d", "\\\u{fffd}"),
        (r"\u0041\u5761", "A坡"),
        ("坡", "坡"),
    ] {
        let message = normalize(call(&format!(r#"{{"name":"{escaped}"}}"#)).as_bytes()).unwrap();
        assert_eq!(message["params"]["name"], text, "{escaped}");
    }
    // Invalid JSON stays invalid, and a cut escape or a wide character causes no panic.
    for text in ["\\", "\\u", "\\ud8", "\\é", "\\ud83", "\"\\ud83d", "\\ud83é"] {
        assert!(normalize(text.as_bytes()).is_err());
    }
}
