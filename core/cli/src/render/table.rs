//! Columns that line up, also for wide characters and colours.

use unicode_width::UnicodeWidthStr;

use super::style::{Paint, Style};

/// One field of a table.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A field that is painted.
    pub fn new(paint: Paint, text: impl Into<String>) -> Self {
        Self { text: text.into(), paint }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Paint::Plain, text)
    }
}

/// Lays out rows below a head. A column without any text is left out.
pub fn table<const N: usize>(style: &Style, head: [&str; N], rows: &[[Cell; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].text.width()).max().unwrap_or(0);
    let columns: Vec<(usize, usize)> = (0..N)
        .filter(|column| width(*column) > 0)
        .map(|column| (column, width(column).max(head[column].width())))
        .collect();
    let lay = |cell: &dyn Fn(usize) -> Cell| {
        let mut out = String::new();
        let mut owed = 0;
        for (column, width) in &columns {
            let Cell { text, paint } = cell(*column);
            out.push_str(&" ".repeat(owed));
            out.push_str(&style.paint(paint, &text));
            owed = width - text.width() + 2;
        }
        out.trim_end().to_owned() + "\n"
    };
    let top = lay(&|column| Cell::new(Paint::Dim, head[column]));
    rows.iter().fold(top, |out, row| out + &lay(&|column| row[column].clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_are_left_out() {
        let row = |a: &str, b: &str, c: &str| [a.into(), b.into(), c.into()];
        let rows = [row("日本", "", "1"), row("a", "", "22")];
        assert_eq!(table(&Style::default(), ["NAME", "X", "N"], &rows), "NAME  N\n日本  1\na     22\n");
    }

    #[test]
    fn colours_do_not_move_columns() {
        let rows = [[Cell::new(Paint::Good, "on"), "x".into()]];
        let text = table(&Style { color: true }, ["STATE", "Y"], &rows);
        assert_eq!(text, "\u{1b}[2mSTATE\u{1b}[0m  \u{1b}[2mY\u{1b}[0m\n\u{1b}[32mon\u{1b}[0m     x\n");
    }
}
