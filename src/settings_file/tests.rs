//! The grammar as rows of data: a file, and what it sets or why it is refused.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Each row has a file and the value of `K` in it.
#[test]
fn a_good_file_sets_the_expected_value() {
    for (line, expected) in [
        ("K=v", "v"),
        ("K=", ""),
        ("K=a=b", "a=b"),
        ("  \tK=v", "v"),
        ("K = v", "v"),
        ("K\t=\tv \t", "v"),
        ("\u{3000}K\u{a0}=\u{3000}v\u{3000}", "v"),
        ("export K=v", "v"),
        ("\texport \t K = v", "v"),
        ("export=1\nK=v", "v"),
        ("exportK=1\nK=v", "v"),
        ("K=v\r", "v"),
        ("\u{feff}K=v", "v"),
        ("J=1\n\u{feff}K=v", "v"),
        ("# comment\n\n  # 注释\nK=v", "v"),
        ("#K=w\rK=v\r", "v"),
        ("K=v # comment", "v"),
        ("K=v\t# it's", "v"),
        ("K=v#w", "v#w"),
        ("K=#v", "#v"),
        ("K= #v", ""),
        ("K=v #", "v"),
        ("K=a b  c ", "a b  c"),
        ("K=$HOME`x`$(y)", "$HOME`x`$(y)"),
        ("K=a\\nb\\", "a\\nb\\"),
        ("K=坡向", "坡向"),
        ("K='v'", "v"),
        ("K=\"v\"", "v"),
        ("K=''", ""),
        ("K = ' v ' # comment", " v "),
        ("K='v'\r", "v"),
        ("K='a # b'", "a # b"),
        ("K='a\"b'", "a\"b"),
        ("K=\"it's\"", "it's"),
        ("K='it'\"'\"'s \"'", "it's \""),
        ("K='\\'", "\\"),
        ("K=\"\\\"", "\\"),
        ("K=\"$HOME\\n\"", "$HOME\\n"),
        ("K='\t'", "\t"),
        ("K='“v”'", "“v”"),
        ("K=1\nK=2\nK=v", "v"),
        ("K=v\nK=", ""),
    ] {
        let file =
            SettingsFile::parse(line.as_bytes()).unwrap_or_else(|bad| panic!("{line}: {bad}"));
        assert_eq!(file.get("K"), Some(expected), "{line}");
    }
}

#[test]
fn a_bad_line_is_refused_with_its_number_and_cause() {
    for (text, line, problem) in [
        (&b"A=1\nMARKER"[..], 2, NO_EQUALS),
        (b"A=1\r\n\r\nMARKER\r\n", 3, NO_EQUALS),
        (b"A=1\rMARKER", 2, NO_EQUALS),
        (b"export MARKER", 1, NO_EQUALS),
        (b"OGE_TOKEN: MARKER=", 1, BAD_KEY),
        (b"=MARKER", 1, BAD_KEY),
        (b"1A=MARKER", 1, BAD_KEY),
        (b"A-B=MARKER", 1, BAD_KEY),
        (b"$env:A=MARKER", 1, BAD_KEY),
        (b"export A B=MARKER", 1, BAD_KEY),
        ("密=MARKER".as_bytes(), 1, BAD_KEY),
        (b"A='MARKER", 1, UNCLOSED),
        (b"A=\"MARKER'", 1, UNCLOSED),
        (b"A='1\nMARKER'", 1, UNCLOSED),
        (b"A='it'MARKER's'", 1, AFTER_QUOTE),
        (b"A='1' MARKER", 1, AFTER_QUOTE),
        (b"A='1'#MARKER", 1, AFTER_QUOTE),
        (b"A=\"a\\\"MARKER\"", 1, AFTER_QUOTE),
        (b"A=it's MARKER", 1, QUOTE_INSIDE),
        (b"A=MARKER\"x\"", 1, QUOTE_INSIDE),
        ("A=“MARKER”".as_bytes(), 1, QUOTE_INSIDE),
        (b"A=1\x1b[2JMARKER", 1, CONTROL),
        (b"A='MARKER\x7f'", 1, CONTROL),
        (b"A=1\nB=MARKER\0", 2, NUL),
        (b"A\0=\0M\0", 1, NUL),
        (b"\xff\xfeA\0=\0M\0", 1, UTF_16),
        (b"\xfe\xff\0A\0=\0M", 1, UTF_16),
        // 密码 in GBK.
        (b"A=1\n# \xc3\xdc\xc2\xeb\nMARKER=", 2, NOT_UTF_8),
        (b"A=1\r\n\r\nMARKER=\xc3\xdc", 3, NOT_UTF_8),
    ] {
        let bad = SettingsFile::parse(text).expect_err(&text.escape_ascii().to_string());
        assert_eq!(bad, BadFile { line, problem }, "{}", text.escape_ascii());
        assert!(!bad.to_string().contains("MARKER"));
    }
}

#[test]
fn an_empty_file_sets_nothing_and_debug_shows_no_value() {
    assert_eq!(SettingsFile::parse(b"").unwrap().iter().count(), 0);
    assert_eq!(SettingsFile::parse(b"\xef\xbb\xbf").unwrap().iter().count(), 0);
    let file = SettingsFile::parse(b"A=MARKER").unwrap();
    assert!(!format!("{file:?}").contains("MARKER"));
}

/// Quotes a value. Each `'` in it is put in double quotes.
fn quote(value: &str) -> String {
    ["'", &value.replace('\'', "'\"'\"'"), "'"].concat()
}

proptest! {
    #[test]
    fn parsing_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = SettingsFile::parse(&bytes);
    }

    #[test]
    fn parsing_never_panics_and_errors_quote_nothing(
        marks in "(K|=|'|\"|#| |\t|\r|\n|export |\u{feff}|坡|\\\\|\\$|MARKER){0,40}",
    ) {
        match SettingsFile::parse(marks.as_bytes()) {
            Ok(file) => prop_assert!(file.iter().all(|(_, value)| !value.contains(['\n', '\r']))),
            Err(bad) => {
                prop_assert!(!bad.to_string().contains("MARKER"));
                prop_assert!((1..=41).contains(&bad.line));
            }
        }
    }

    #[test]
    fn every_value_can_be_written(value in "[^\\p{Cc}]{0,40}") {
        let line = format!("K={} # comment", quote(&value));
        let file = SettingsFile::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(file.get("K"), Some(value.as_str()));
    }

    #[test]
    fn the_last_of_equal_keys_counts(values in proptest::collection::vec("[a-z$\\\\]{0,5}", 1..9)) {
        let lines: Vec<_> = values.iter().map(|value| format!("K={value}\r\n")).collect();
        let file = SettingsFile::parse(lines.concat().as_bytes()).unwrap();
        prop_assert_eq!(file.get("K"), values.last().map(String::as_str));
        prop_assert_eq!(file.iter().count(), 1);
    }
}

#[test]
fn the_line_is_the_last_one_that_sets_the_key() {
    let file = SettingsFile::parse(b"K=1\r\n# \n\nL=2\rK=3\n").unwrap();
    assert_eq!((file.line("K"), file.line("L"), file.line("M")), (Some(5), Some(4), None));
}
