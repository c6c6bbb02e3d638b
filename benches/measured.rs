//! What is no time of one call, and so not criterion's to print.

/// Whether the command line asks for it, as criterion reads it: by a part of its name, or for all.
pub(crate) fn wanted(name: &str) -> bool {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    filter.is_none_or(|filter| name.contains(&filter))
}

/// Prints a number by the name of what it measures: `group/way/what`.
pub(crate) fn note(name: impl Into<String>, value: f64) {
    println!("{}: {value:.1}", name.into());
}
