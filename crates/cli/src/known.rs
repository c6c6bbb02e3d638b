//! Detects misspelt settings.

use oge_tools::settings::list::SETTINGS;

/// The least similarity, from 0 to 1, of a name that is suggested.
const MIN_SIMILARITY: f64 = 0.75;

fn all() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

/// Returns what is wrong with a key, or `None` if it is a known setting.
pub(crate) fn problem(key: &str) -> Option<String> {
    if all().any(|known| known == key) {
        return None;
    }
    let upper = key.to_uppercase();
    let similarity = |known: &str| match known.strip_prefix(&*upper) {
        // A name that was cut off.
        Some(rest) if rest.len() < upper.len() / 2 => 1.0,
        _ => strsim::normalized_damerau_levenshtein(known, &upper),
    };
    let alike = all().map(|known| (similarity(known), known));
    let closest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    Some(match closest.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY) {
        Some((_, known)) => format!("no setting has this name; did you mean {known}?"),
        None => "no setting has this name; docs/settings.md has them all".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use oge_tools::settings::list::Setting;
    use oge_tools::settings_file::SettingsFile;

    use super::*;

    #[test]
    fn a_misspelt_key_gets_the_closest_name() {
        for (key, expected) in [
            ("OGE_TIMEOUT_SECONDS", None),
            ("OGE_TIMEOUT_SECOND", Some("did you mean OGE_TIMEOUT_SECONDS?")),
            ("OGE_TOKEN_PASWORD", Some("did you mean OGE_TOKEN_PASSWORD?")),
            ("OGE_TOKEN_ETCD_USER", Some("did you mean OGE_TOKEN_ETCD_USERNAME?")),
            ("oge_api_url", Some("did you mean OGE_API_URL?")),
            ("QQQ", Some("docs/settings.md")),
        ] {
            let problem = problem(key);
            let is_expected =
                expected.map(|part| problem.as_deref().unwrap_or_default().contains(part));
            assert!(is_expected.unwrap_or(problem.is_none()), "{key}: {problem:?}");
        }
    }

    #[test]
    fn the_settings_pages_match_the_list() {
        let rows = |page: &str| {
            let rows = page
                .lines()
                .filter(|line| line.starts_with("| `OGE_") && line.matches(" | ").count() == 3);
            rows.map(str::to_owned).collect::<Vec<_>>()
        };
        let listed: Vec<_> = SETTINGS
            .iter()
            .map(|setting| {
                let Setting { key, programs, meaning, default } = setting;
                format!("| `{key}` | {programs} | {meaning} | {default} |")
            })
            .collect();
        assert_eq!(rows(include_str!("../../../docs/settings.md")), listed);
        let keys = |rows: &[String]| {
            rows.iter()
                .filter_map(|row| row.split('`').nth(1).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let chinese = rows(include_str!("../../../docs/settings.zh-CN.md"));
        assert_eq!(keys(&chinese), keys(&listed));
    }

    #[test]
    fn the_example_file_has_every_setting() {
        let example = include_bytes!("../../../examples/site.env");
        let example = SettingsFile::parse(example).unwrap();
        let in_example: BTreeSet<_> = example.iter().map(|(key, _)| key).collect();
        // A settings file does not name itself.
        let listed: BTreeSet<_> = all().filter(|key| *key != "OGE_SETTINGS_FILE").collect();
        assert_eq!(in_example, listed);
    }
}
