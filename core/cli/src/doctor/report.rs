//! What the checks found, printed line by line.

use serde::Serialize;

use crate::{exit::Failed, output::Output, render};

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    standing: Standing,
    what: String,
    advice: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Ok,
    Fail,
    Note,
}

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    check: String,
    result: Standing,
    what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    advice: String,
}

impl Finding {
    /// It is well.
    pub fn ok(what: impl Into<String>) -> Self {
        Self { standing: Standing::Ok, what: what.into(), advice: String::new() }
    }

    /// It is not well, and this is what to do.
    pub fn fail(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { standing: Standing::Fail, what: what.into(), advice: advice.into() }
    }

    /// It is neither.
    pub fn note(what: impl Into<String>) -> Self {
        Self { standing: Standing::Note, what: what.into(), advice: String::new() }
    }
}

/// All lines so far.
pub struct Report<'a> {
    out: &'a Output,
    lines: Vec<Line>,
}

impl<'a> Report<'a> {
    /// Returns an empty one.
    pub fn new(out: &'a Output) -> Self {
        Self { out, lines: Vec::new() }
    }

    /// Adds and prints a finding. Tells whether to go on from here.
    pub fn add(&mut self, check: &str, found: Finding) -> Result<bool, Failed> {
        let Finding { standing, what, advice } = found;
        let line = Line { check: check.to_owned(), result: standing, what, advice };
        if !self.out.json {
            self.out.text(&shown(&line, self.out))?;
        }
        self.lines.push(line);
        Ok(standing != Standing::Fail)
    }

    /// Returns the lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Fails when a check did.
    pub fn verdict(&self) -> Result<(), Failed> {
        let failed = self.lines.iter().filter(|line| line.result == Standing::Fail).count();
        match failed {
            0 => Ok(()),
            // The lines have been printed; there is nothing to add for programs.
            _ if self.out.json => Err(Failed::No(String::new())),
            _ => Err(Failed::No(format!("{failed} of {} checks failed", self.lines.len()))),
        }
    }
}

fn shown(line: &Line, out: &Output) -> String {
    let style = &out.style;
    let standing = match line.result {
        Standing::Ok => style.good("ok  "),
        Standing::Fail => style.bad("FAIL"),
        Standing::Note => style.dim("--  "),
    };
    let text = format!("{standing}  {:14}  {}", line.check, render::line(&line.what));
    if line.advice.is_empty() { text } else { format!("{text}\n{:22}to do: {}", "", render::line(&line.advice)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Style;

    #[test]
    fn a_failed_check_says_what_to_do_and_fails_the_whole() {
        let out = Output { json: true, style: Style::default() };
        let mut report = Report::new(&out);
        assert!(report.add("home", Finding::ok("there")).unwrap());
        assert!(report.verdict().is_ok());
        assert!(report.add("tcp", Finding::note("not tried")).unwrap());
        assert!(!report.add("socket", Finding::fail("nobody", "tieline serve")).unwrap());
        assert_eq!(report.verdict().unwrap_err().exit_code(), 1);
        assert_eq!(
            shown(&report.lines[2], &out),
            "FAIL  socket          nobody\n                      to do: tieline serve"
        );
        assert_eq!(
            serde_json::to_string(&report.lines[0]).unwrap(),
            r#"{"check":"home","result":"ok","what":"there"}"#
        );
    }
}
