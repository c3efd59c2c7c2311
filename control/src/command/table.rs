//! Columns, each as wide as what is in it.

use std::fmt::{self, Write as _};

/// A table for a person.
#[derive(Debug)]
pub(super) struct Table {
    /// The head first.
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: usize = 2;
/// Characters of a cell that are shown: what authorities and files say can be long.
const CELL_MAX: usize = 300;

// === impl Table ===

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|word| (*word).to_owned()).collect()] }
    }

    /// As many cells as the head has.
    pub(super) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row.into_iter().map(clipped).collect());
    }

    /// Whether it has nothing but its head.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default() + GAP
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "{cell:width$}")?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn clipped(cell: String) -> String {
    match cell.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{}…", cell.get(..end).unwrap_or_default()),
        None => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cell_is_clipped() {
        let mut table = Table::new(&["A", "B"]);
        table.add(vec!["\u{e4}".repeat(100_000), "b".to_owned()]);
        let shown = table.to_string();
        let line = shown.lines().nth(1).unwrap();
        assert_eq!(line, format!("{}…  b", "\u{e4}".repeat(300)));
    }
}
