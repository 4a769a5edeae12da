//! TOML files of agent programs, changed in place: comments, order and form stay.

use std::ops::Range;

use toml_edit::{Document as Parsed, DocumentMut, Item, Table, TableLike, TomlError};

use super::{Document, Draft, Misfit};

/// A file that is being changed.
pub struct Toml<'a> {
    document: &'a Document,
    text: String,
    has_returns: bool,
}

impl<'a> Toml<'a> {
    /// Reads it. A missing file is an empty one.
    pub fn open(document: &'a Document) -> Result<Self, Misfit> {
        let text = document.text.clone().unwrap_or_default();
        // Lines are written with line feeds by the library.
        let has_returns = text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
        let text = if has_returns { text.replace("\r\n", "\n") } else { text };
        let toml = Self { document, text, has_returns };
        toml.parsed().map(|_| toml)
    }

    /// Returns what is in it.
    pub fn parsed(&self) -> Result<DocumentMut, Misfit> {
        self.text.parse().map_err(|error: TomlError| self.broken(&error))
    }

    /// Changes it.
    pub fn edit(&mut self, change: impl FnOnce(&mut DocumentMut) -> Result<(), Misfit>) -> Result<(), Misfit> {
        let mut parsed = self.parsed()?;
        change(&mut parsed)?;
        self.text = parsed.to_string();
        Ok(())
    }

    /// Puts a table at the end. What people wrote at the end stays where it is.
    pub fn append(&mut self, path: &[&str], table: &Table) {
        let header: Vec<String> = path.iter().map(|name| toml_edit::Key::new(*name).display_repr().into()).collect();
        if !self.text.is_empty() {
            self.text.push_str(if self.text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        self.text.push_str(&format!("[{}]\n{table}", header.join(".")));
    }

    /// Takes a table out with everything below it. Comments of others around it stay.
    pub fn cut(&mut self, path: &[&str]) -> Result<(), Misfit> {
        let parsed = Parsed::parse(self.text.as_str()).map_err(|error| self.broken(&error))?;
        let found = path.iter().try_fold(parsed.as_item(), |item, name| item.get(name));
        let mut ranges = Vec::new();
        if let Some(Item::Table(table)) = found {
            headed(table, &mut ranges);
        }
        ranges.sort_by_key(|range| range.start);
        for range in ranges.into_iter().rev() {
            let range = lines(&self.text, range);
            self.text.replace_range(range, "");
        }
        // What is written in another form has no lines of its own.
        let (last, above) = path.split_last().expect("nobody cuts the whole file out");
        self.edit(|parsed| {
            if let Some(table) = find_mut(parsed, above) {
                table.remove(last);
            }
            Ok(())
        })
    }

    /// Hands the text over when something changed, unless the change has made it unreadable.
    pub fn finish(self, draft: &mut Draft, changes: Vec<String>) -> Result<(), Misfit> {
        if changes.is_empty() {
            return Ok(());
        }
        self.parsed()?;
        draft.text = Some(if self.has_returns { self.text.replace('\n', "\r\n") } else { self.text });
        draft.changes.extend(changes);
        Ok(())
    }

    pub fn unexpected(&self, place: &str, found: &Item, wanted: &'static str) -> Misfit {
        let found = match found.type_name() {
            "string" => "a text",
            "integer" | "float" => "a number",
            "boolean" => "true or false",
            "array" | "array of tables" => "a list",
            "table" | "inline table" => "a table",
            _ => "something else",
        };
        Misfit::Unexpected { path: self.document.path.clone(), place: place.into(), found, wanted }
    }

    pub fn taken(&self, place: String) -> Misfit {
        Misfit::Taken { path: self.document.path.clone(), place }
    }

    fn broken(&self, error: &TomlError) -> Misfit {
        let before = error.span().and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let what = format!("not TOML: {}", error.message());
        Misfit::Broken { path: self.document.path.clone(), line, column, what }
    }
}

/// Returns a table of a file, if it is there.
pub fn find_mut<'a>(parsed: &'a mut DocumentMut, path: &[&str]) -> Option<&'a mut dyn TableLike> {
    let root: &mut dyn TableLike = parsed.as_table_mut();
    path.iter().try_fold(root, |table, name| table.get_mut(name)?.as_table_like_mut())
}

/// Collects where a table and those below it stand that have a header of their own.
fn headed(table: &Table, ranges: &mut Vec<Range<usize>>) {
    if !table.is_implicit()
        && !table.is_dotted()
        && let Some(header) = table.span()
    {
        let values = table.iter().filter(|(_, item)| item.is_value()).filter_map(|(_, item)| item.span());
        let end = values.map(|span| span.end).max().unwrap_or(header.end);
        ranges.push(header.start..end.max(header.end));
    }
    for (_, item) in table.iter() {
        if let Item::Table(below) = item {
            headed(below, ranges);
        }
    }
}

/// Widens a range to whole lines, and to the empty line above.
fn lines(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    let start = if text[..start].ends_with("\n\n") { start - 1 } else { start };
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document { path: "/c.toml".into(), text: Some(text.into()), earlier: None }
    }

    #[test]
    fn a_table_comes_and_goes_and_comments_around_it_stay() {
        for text in ["a = 1 # one\n\n[b]\nc = 2\n# the end\n", "", "# only this\n", "[x]\n\n\n"] {
            let document = document(text);
            let mut toml = Toml::open(&document).unwrap();
            let mut table = Table::new();
            table.insert("d", toml_edit::value(3));
            toml.append(&["new", "a.b"], &table);
            assert!(toml.text.ends_with("[new.\"a.b\"]\nd = 3\n"), "{}", toml.text);
            toml.text.push_str("# written later\n[new.\"a.b\".e]\nf = 4\n\n[last]\n");
            toml.cut(&["new", "a.b"]).unwrap();
            assert_eq!(toml.text, format!("{text}# written later\n\n[last]\n"));
        }
    }

    #[test]
    fn a_broken_file_is_named_with_line_and_column() {
        let document = document("a = 1\nb = = 2\n");
        let error = Toml::open(&document).err().unwrap().to_string();
        assert!(error.starts_with("/c.toml:2:5: not TOML: "), "{error}");
    }

    #[test]
    fn line_ends_stay() {
        let document = document("a = 1\r\n");
        let mut toml = Toml::open(&document).unwrap();
        let mut draft = Draft::new(&document);
        toml.append(&["b"], &Table::new());
        toml.finish(&mut draft, vec!["b".into()]).unwrap();
        assert_eq!(draft.text.unwrap(), "a = 1\r\n\r\n[b]\r\n");
    }
}
