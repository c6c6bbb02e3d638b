//! `cargo bench-report`: writes what `cargo bench` measured into BENCHMARKS.md and
//! docs/scaling.md, between their marks, and draws the plot.

mod machine;
#[path = "../names.rs"]
mod names;
mod plot;
mod results;
mod scaling;
mod tables;
mod targets;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::results::Results;

fn main() -> anyhow::Result<()> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("benches/ stands in the project")?;
    let results = Results::read(&root.join("target/criterion"))?;
    let benchmarks = [
        ("machine", machine::table(root)?),
        ("targets", targets::table(&results)),
        ("one call", tables::one_call(&results)),
        ("stages", tables::stages(&results)),
        ("profile", tables::profile(&results)),
        ("callers", tables::callers(&results)),
        ("expired", tables::expired(&results)),
        ("replies", tables::replies(&results)),
        ("cold start", tables::cold_start(&results)),
        ("memory", tables::memory(&results)),
    ];
    fill(&root.join("BENCHMARKS.md"), &benchmarks)?;
    let scaling = [("a call", scaling::a_call(&results)), ("served", scaling::served(&results))];
    fill(&root.join("docs/scaling.md"), &scaling)?;
    plot::draw(&results, &root.join("docs/latency.svg"))?;
    println!("BENCHMARKS.md, docs/scaling.md and docs/latency.svg say what was measured");
    Ok(())
}

/// Puts each table between the marks of its name.
fn fill(file: &Path, tables: &[(&str, String)]) -> anyhow::Result<()> {
    let mut text = fs::read_to_string(file)?;
    for (mark, table) in tables {
        text = filled(&text, mark, table)
            .with_context(|| format!("{} has no mark {mark}", file.display()))?;
    }
    Ok(fs::write(file, text)?)
}

/// The text with this table between the marks of that name.
fn filled(text: &str, mark: &str, table: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{table}{end}{after}"))
}
