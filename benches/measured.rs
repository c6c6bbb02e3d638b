//! Prints measurements other than the time of a call, which criterion prints.

/// Returns whether the command line selects a name: by a part of it, as in criterion, or without a filter.
pub(crate) fn wanted(name: &str) -> bool {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    filter.is_none_or(|filter| name.contains(&filter))
}

/// Prints a value with its name: `group/way/what`.
pub(crate) fn note(name: impl Into<String>, value: f64) {
    println!("{}: {value:.1}", name.into());
}
