//! Decodes `application/x-www-form-urlencoded` like the platform's servlet container.

use percent_encoding::percent_decode_str;

/// Returns the decoded pairs, in order. A `+` becomes a blank. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Returns the value of the first pair of this name.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Decodes one name or value.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_blanks_and_missing_values_are_decoded() {
        let decoded = pairs("a=1&b=%E6%97%B1+x%2B&c&=d&&e==");
        let expected = [("a", "1"), ("b", "旱 x+"), ("c", ""), ("", "d"), ("e", "=")];
        assert_eq!(decoded, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_first_of_several_values_counts() {
        assert_eq!(value(&pairs("a=1&a=2"), "a"), Some("1"));
        assert_eq!(value(&pairs("a=1"), "b"), None);
    }
}
