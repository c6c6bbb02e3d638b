//! Detects misspelt argument names.

/// Returns whether `name` probably means `known`: another spelling (`dagId`), its beginning or end (`wait` for
/// `wait_seconds`, `token` for `auth_token`), or a typing error.
pub(super) fn is_close(name: &str, known: &str) -> bool {
    // No known name is half as long. Limits the time of `distance`.
    const MAX_CHARS: usize = 40;
    let name: Vec<char> = letters(name).take(MAX_CHARS).collect();
    let whole: Vec<char> = letters(known).collect();
    let limit = if whole.len() < 8 { 1 } else { 2 };
    if name.len() < 3 {
        return name == whole;
    }
    let is_part = known.split_once('_').is_some_and(|(first, last)| {
        letters(first).eq(name.iter().copied())
            // Short last words (`id`, `name`, `type`) are too common.
            || (last.len() >= 5 && letters(last).eq(name.iter().copied()))
    });
    is_part || distance(&name, &whole) <= limit
}

/// Returns the characters of a name in lower case, without separators.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Returns how many letters are added, omitted, replaced or swapped with their neighbour.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, letter) in one.iter().enumerate() {
        let mut this = vec![row + 1];
        let mut left = None;
        for (column, against) in other.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, column) + usize::from(letter != against);
            let mut least = replaced.min(at(&last, column + 1) + 1).min(at(&this, column) + 1);
            if previous == Some(against) && left == Some(letter) {
                least = least.min(at(&before, column - 1) + 1);
            }
            this.push(least);
            left = Some(against);
        }
        previous = Some(letter);
        before = std::mem::replace(&mut last, this);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_parts_and_typing_errors_are_close() {
        for (name, known) in [
            ("dagId", "dag_id"),
            ("dag-id", "dag_id"),
            ("DAG_ID", "dag_id"),
            ("dag id", "dag_id"),
            ("dag_ids", "dag_id"),
            ("dag", "dag_id"),
            ("bboxx", "bbox"),
            ("box", "bbox"),
            ("bobx", "bbox"),
            ("wait", "wait_seconds"),
            ("seconds", "wait_seconds"),
            ("waitSecond", "wait_seconds"),
            ("wiat_secodns", "wait_seconds"),
            ("raduis", "radius"),
            ("Scale", "scale"),
            ("token", "auth_token"),
            ("qeury", "query"),
            ("geometry", "geometry_column"),
        ] {
            assert!(is_close(name, known), "{name} {known}");
        }
    }

    #[test]
    fn other_names_are_not_close() {
        for (name, known) in [
            ("sessionId", "user_id"),
            ("tool", "code"),
            ("name", "task_name"),
            ("id", "dag_id"),
            ("type", "coverage_type"),
            ("sql", "query"),
            ("", "crs"),
            ("_", "crs"),
            ("坡向", "crs"),
        ] {
            assert!(!is_close(name, known), "{name} {known}");
        }
    }

    #[test]
    fn a_swap_of_neighbours_is_one_step() {
        let distance = |one: &str, other: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            distance(&letters(one), &letters(other))
        };
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("abc", "ab"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
