//! Finds misspelt settings.

use oge_tools::settings::list::SETTINGS;

/// How alike a name must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.75;

fn all() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
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
    use std::collections::BTreeSet;

    use oge_tools::settings::list::Setting;
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
    fn the_pages_have_every_setting_as_the_list_has_it() {
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
    fn the_example_has_every_setting_of_a_site() {
        let example = include_bytes!("../../../examples/site.env");
        let example = SettingsFile::parse(example).unwrap();
        let in_example: BTreeSet<_> = example.iter().map(|(key, _)| key).collect();
        // A file does not name itself.
        let listed: BTreeSet<_> = all().filter(|key| *key != "OGE_SETTINGS_FILE").collect();
        assert_eq!(in_example, listed);
    }
}
