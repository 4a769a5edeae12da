//! A file of code that an agent program loads, and that is ours as a whole.

use serde_json::json;

use super::{Document, Draft, Misfit, Wiring};

/// How each of them begins. What begins otherwise is not ours.
const MARK: &str = "// Written by `tieline setup`;";
/// What stands in the source where the program's path belongs.
const PROGRAM: &str = r#"const PROGRAM = "tieline""#;
/// What stands in the source where the environment belongs.
const ENVIRONMENT: &str = "const ENVIRONMENT = {}";

/// The file.
pub struct ProgramFile {
    /// What is in it, before it knows where `tieline` is.
    pub source: &'static str,
    /// What it is, for people.
    pub what: &'static str,
}

impl ProgramFile {
    /// Writes it.
    pub fn put(&self, document: &Document, wiring: &Wiring) -> Result<Draft, Misfit> {
        let wanted = self.filled(wiring);
        let change = match &document.text {
            Some(text) if *text == wanted => None,
            Some(text) if !text.starts_with(MARK) => {
                return Err(Misfit::Taken { path: document.path.clone(), place: "the file".into() });
            }
            Some(_) => Some(format!("{} is renewed", self.what)),
            None => Some(format!("{} is added", self.what)),
        };
        let mut draft = Draft::new(document);
        draft.changes.extend(change);
        draft.text = Some(wanted);
        Ok(draft)
    }

    /// Takes it away.
    pub fn remove(&self, document: &Document) -> Draft {
        let mut draft = Draft::new(document);
        if document.text.as_ref().is_some_and(|text| text.starts_with(MARK)) {
            draft.text = None;
            draft.changes.push(format!("{} goes", self.what));
        }
        draft
    }

    fn filled(&self, wiring: &Wiring) -> String {
        self.source.replacen(PROGRAM, &format!("const PROGRAM = {}", json!(wiring.program)), 1).replacen(
            ENVIRONMENT,
            &format!("const ENVIRONMENT = {}", json!(wiring.env)),
            1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_have_the_places_that_are_filled_in() {
        for source in [include_str!("../../assets/opencode.js"), include_str!("../../assets/pi.ts")] {
            assert!(source.starts_with(MARK), "{source}");
            assert_eq!(source.matches(PROGRAM).count(), 1);
            assert_eq!(source.matches(ENVIRONMENT).count(), 1);
        }
    }
}
