//! What is no time of one call: kept beside what criterion keeps.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Numbers by the name of what they measure: `group/way/what`.
#[derive(Default)]
pub(crate) struct Measured(BTreeMap<String, f64>);

/// Whether the command line asks for it, as criterion reads it: by a part of its name, or for all.
pub(crate) fn wanted(name: &str) -> bool {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    filter.is_none_or(|filter| name.contains(&filter))
}

impl Measured {
    pub(crate) fn note(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        println!("{name}: {value:.1}");
        self.0.insert(name, value);
    }

    /// Adds them to what runs before this one left.
    fn write(&mut self) -> anyhow::Result<()> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .with_file_name("criterion")
            .join("measured.json");
        let mut all: BTreeMap<String, f64> = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => BTreeMap::new(),
        };
        all.append(&mut self.0);
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        Ok(fs::write(file, serde_json::to_vec_pretty(&all)?)?)
    }
}

/// A run that fails half-way leaves what it measured until then; one that is profiled measures its profiler.
impl Drop for Measured {
    fn drop(&mut self) {
        if std::env::args().any(|argument| argument == "--profile-time") {
            return;
        }
        if let Err(error) = self.write() {
            println!("what was measured is lost: {error:#}");
        }
    }
}
