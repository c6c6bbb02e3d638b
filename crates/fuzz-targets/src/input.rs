//! Bytes, taken apart.

/// What a backtick stands for where a token was sent.
pub(crate) const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJNQVJLRVIiOiJNQVJLRVIifQ.TUFSS0VSLXNpZ25hdHVyZQ";
/// What of a secret is looked for: the start of each part of the token, of a password and of a secret.
/// An input that holds one of its own accord proves nothing.
const TELLTALES: [&str; 5] =
    ["eyJhbGciOiJI", "eyJNQVJLRVIi", "TUFSS0VSLXNp", "MARKER", "%4D%41%52"];

/// The first byte as a choice, and the rest: `0` is the first, `1` the second.
pub(crate) fn choice<'a, T: Copy>(data: &'a [u8], choices: &[T]) -> (T, &'a [u8]) {
    let (first, rest) = data.split_first().unwrap_or((&b'0', data));
    (choices[usize::from(first.wrapping_sub(b'0')) % choices.len()], rest)
}

/// The bytes with each backtick in them read as `secret`.
pub(crate) fn with_secret(data: &[u8], secret: &str) -> Vec<u8> {
    let parts: Vec<_> = data.split(|byte| *byte == b'`').collect();
    parts.join(secret.as_bytes())
}

/// The lines of an input, where `^n`, `^r` and `^0` stand for characters that end one.
pub(crate) fn lines(data: &[u8]) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(data).into_owned();
    let line = |line: &str| line.replace("^n", "\n").replace("^r", "\r").replace("^0", "\0");
    text.split('\n').map(line).collect::<Vec<_>>().into_iter()
}

/// Whether an input holds of its own accord what a secret is known by.
pub(crate) fn gives_itself_away(data: &[u8]) -> bool {
    shown(&String::from_utf8_lossy(data)).is_some()
}

/// What of a secret stands in a text.
pub(crate) fn shown(text: &str) -> Option<&'static str> {
    TELLTALES.into_iter().find(|telltale| text.contains(telltale))
}

/// Panics where a text shows a part of a secret.
pub(crate) fn assert_hides(text: &str) {
    assert_eq!(shown(text), None, "a secret is shown in {text:?}");
}
