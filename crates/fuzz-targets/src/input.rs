//! Splits inputs into parts.

/// The token that a backtick is replaced by.
pub(crate) const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJNQVJLRVIiOiJNQVJLRVIifQ.TUFSS0VSLXNpZ25hdHVyZQ";
/// The texts that a secret is recognised by: the start of each part of the token, of a password and of a
/// secret. An input that already contains one is not checked for leaks.
const TELLTALES: [&str; 5] =
    ["eyJhbGciOiJI", "eyJNQVJLRVIi", "TUFSS0VSLXNp", "MARKER", "%4D%41%52"];

/// Returns the choice of the first byte and the rest: `0` is the first choice, `1` the second.
pub(crate) fn choice<'a, T: Copy>(data: &'a [u8], choices: &[T]) -> (T, &'a [u8]) {
    let (first, rest) = data.split_first().unwrap_or((&b'0', data));
    (choices[usize::from(first.wrapping_sub(b'0')) % choices.len()], rest)
}

/// Replaces each backtick by `secret`.
pub(crate) fn with_secret(data: &[u8], secret: &str) -> Vec<u8> {
    let parts: Vec<_> = data.split(|byte| *byte == b'`').collect();
    parts.join(secret.as_bytes())
}

/// Returns the lines of an input. `^n`, `^r` and `^0` are replaced by LF, CR and NUL.
pub(crate) fn lines(data: &[u8]) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(data).into_owned();
    let line = |line: &str| line.replace("^n", "\n").replace("^r", "\r").replace("^0", "\0");
    text.split('\n').map(line).collect::<Vec<_>>().into_iter()
}

/// Returns whether an input already contains a text that a secret is recognised by.
pub(crate) fn gives_itself_away(data: &[u8]) -> bool {
    shown(&String::from_utf8_lossy(data)).is_some()
}

/// Returns the first text of a secret that `text` contains.
pub(crate) fn shown(text: &str) -> Option<&'static str> {
    TELLTALES.into_iter().find(|telltale| text.contains(telltale))
}

/// Panics if a text shows a part of a secret.
pub(crate) fn assert_hides(text: &str) {
    assert_eq!(shown(text), None, "a secret is shown in {text:?}");
}
