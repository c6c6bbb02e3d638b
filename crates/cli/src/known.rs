//! Which settings there are, so that a misspelt one is found.

/// Settings that are no tool's and no login's.
const OTHERS: [&str; 8] = [
    "OGE_CA_FILE",
    "OGE_TOKEN_FILE",
    "OGE_TOKEN_CLIENT_AUTH",
    "OGE_MCP_BEARER",
    "OGE_MCP_UNAUTHENTICATED",
    "OGE_MCP_ALLOWED_ORIGINS",
    "OGE_MCP_ALLOWED_HOSTS",
    "OGE_MCP_MAX_RESULT_BYTES",
];

/// How alike a name must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.75;

fn all() -> impl Iterator<Item = &'static str> {
    oge_tools::settings::KEYS.into_iter().chain(oge_oauth::KEYS).chain(OTHERS)
}

/// What to say of a key that no program reads. `None` if one does.
pub(crate) fn problem(key: &str) -> Option<String> {
    if all().any(|known| known == key) {
        return None;
    }
    let alike = all()
        .map(|known| (strsim::normalized_damerau_levenshtein(known, &key.to_uppercase()), known));
    let closest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    Some(match closest.filter(|(how, _)| *how >= ALIKE) {
        Some((_, known)) => format!("no setting has this name; did you mean {known}?"),
        None => "no setting has this name; docs/settings.md has them all".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use oge_tools::settings_file::SettingsFile;

    use super::*;

    #[test]
    fn a_misspelt_key_is_told_the_closest_name() {
        for (key, expected) in [
            ("OGE_TIMEOUT_SECONDS", None),
            ("OGE_TIMEOUT_SECOND", Some("did you mean OGE_TIMEOUT_SECONDS?")),
            ("OGE_TOKEN_PASWORD", Some("did you mean OGE_TOKEN_PASSWORD?")),
            ("oge_api_url", Some("did you mean OGE_API_URL?")),
            ("QQQ", Some("docs/settings.md")),
        ] {
            let problem = problem(key);
            let is_so = expected.map(|part| problem.as_deref().unwrap_or_default().contains(part));
            assert!(is_so.unwrap_or(problem.is_none()), "{key}: {problem:?}");
        }
    }

    #[test]
    fn the_example_and_the_page_have_known_settings_and_all_of_them() {
        let example = include_bytes!("../../../examples/site.env");
        let example = SettingsFile::parse(example).unwrap();
        let page = include_str!("../../../docs/settings.md");
        for (key, _) in example.iter() {
            assert_eq!(problem(key), None, "{key}");
        }
        for key in all() {
            assert!(page.contains(&format!("`{key}`")), "{key} is missing in docs/settings.md");
        }
    }
}
