//! Colours, or none.

/// How text looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Whether colours are used.
    pub color: bool,
}

/// What a piece of text wants to say by its looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Nothing.
    Plain,
    /// Look here.
    Bold,
    /// Only when you need it.
    Dim,
    /// It is well.
    Good,
    /// It may need you.
    Warn,
    /// It is not well.
    Bad,
}

impl Style {
    /// Paints a text.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::Warn => "33",
            Paint::Bad => "31",
            Paint::Plain => return text.to_owned(),
        };
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Makes a text stand out.
    pub fn bold(&self, text: &str) -> String {
        self.paint(Paint::Bold, text)
    }

    /// Makes a text stand back.
    pub fn dim(&self, text: &str) -> String {
        self.paint(Paint::Dim, text)
    }

    /// Shows that it is well.
    pub fn good(&self, text: &str) -> String {
        self.paint(Paint::Good, text)
    }

    /// Shows that it may need somebody.
    pub fn warn(&self, text: &str) -> String {
        self.paint(Paint::Warn, text)
    }

    /// Shows that it is not well.
    pub fn bad(&self, text: &str) -> String {
        self.paint(Paint::Bad, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_text_stays_as_it_is() {
        assert_eq!(Style { color: false }.bad("x"), "x");
        assert_eq!(Style { color: true }.bad("x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style { color: true }.bad(""), "");
    }
}
