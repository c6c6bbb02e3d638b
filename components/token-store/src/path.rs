//! Maps a path to a file below a directory that the host opened.

/// Returns `path` relative to the directory that the host opened as `opened`. `None` if it is not below that
/// directory, or if it has a `..`.
#[must_use]
pub fn below<'a>(opened: &str, path: &'a str) -> Option<&'a str> {
    let rest = if matches!(opened, "." | "./") {
        path.strip_prefix("./").unwrap_or(path)
    } else {
        path.strip_prefix(opened.trim_end_matches('/'))?.strip_prefix('/')?.trim_start_matches('/')
    };
    let climbs = rest.split('/').any(|part| part == "..");
    (!rest.is_empty() && !rest.starts_with('/') && !climbs).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_below_the_directory_is_mapped() {
        for (opened, path, expected) in [
            ("/state", "/state/token", Some("token")),
            ("/state/", "/state//a/token", Some("a/token")),
            (".", "token", Some("token")),
            (".", "./token", Some("token")),
            ("state", "state/token", Some("token")),
            ("/", "/state/token", Some("state/token")),
            ("/state", "/states/token", None),
            ("/state", "/state", None),
            ("/state", "/state/", None),
            ("/state", "state/token", None),
            (".", "/token", None),
            ("/state", "/state/../token", None),
            ("/state", "", None),
        ] {
            assert_eq!(below(opened, path), expected, "{opened} {path}");
        }
    }
}
