//! Prints the matrix as a table with the outcome of each fault at each stage.

use std::fmt::Write as _;

use super::cell::CallResult;
use super::matrix::{Cell, Kind, Stage};

/// The cells that ran, with the result and the violated expectations of each.
pub(super) struct Report(pub(super) Vec<(Cell, CallResult, Vec<String>)>);

impl Report {
    /// Returns a table with a line for each fault and a column for each stage, and the number of cells.
    pub(super) fn table(&self) -> String {
        let mut lines = vec![Self::head()];
        for kind in Kind::ALL {
            let row = Stage::ALL.iter().map(|stage| self.text(*stage, kind));
            lines.push(std::iter::once(format!("{kind:?}")).chain(row).collect());
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..=Stage::ALL.len()).filter_map(width).collect();
        let mut table = String::new();
        for line in &lines {
            for (text, width) in line.iter().zip(&widths) {
                let _ = write!(table, "{text:width$}  ");
            }
            table.truncate(table.trim_end().len());
            table.push('\n');
        }
        let passed = self.0.iter().filter(|(.., wrong)| wrong.is_empty()).count();
        let _ = write!(table, "{} cells covered, {passed} passed", self.0.len());
        table
    }

    /// Returns every failed cell with its reasons.
    pub(super) fn failed(&self) -> Vec<String> {
        let failed = self.0.iter().filter(|(.., wrong)| !wrong.is_empty());
        failed.map(|(cell, _, wrong)| format!("{}: {}", cell.name(), wrong.join("; "))).collect()
    }

    fn head() -> Vec<String> {
        let stages = Stage::ALL.iter().map(|stage| format!("{stage:?}"));
        std::iter::once("fault".to_owned()).chain(stages).collect()
    }

    /// Returns the distinct outcomes of a fault at a stage; a dash if there is no cell.
    fn text(&self, stage: Stage, kind: Kind) -> String {
        let mut texts: Vec<String> = Vec::new();
        for (cell, came, wrong) in &self.0 {
            if (cell.stage, cell.kind) != (stage, kind) {
                continue;
            }
            let outcome = match came {
                CallResult::Works { .. } => "works",
                CallResult::Fails { kind, .. } => kind.as_str(),
                CallResult::Broke(_) => "broke",
            };
            let mark = if wrong.is_empty() { "" } else { "!" };
            let text = format!("{outcome}{mark}");
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts.is_empty() { "—".to_owned() } else { texts.join(",") }
    }
}
