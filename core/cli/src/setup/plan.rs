//! What would change in which file, before anything does.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use tieline_agents::{
    Agent,
    setup::{Document, Draft, Roots, Wiring, connect, disconnect, files},
};

use super::Record;
use crate::exit::Failed;

/// A file that is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose file.
    pub agent: Agent,
    /// What is in it; nothing when there is no such file.
    pub before: Option<String>,
    /// What is to be in it, and why.
    pub draft: Draft,
}

/// All that is to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The files, in the order in which they are written.
    pub changes: Vec<Change>,
    /// What a person should know beside.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Adds what is to become of a file.
    pub fn add(&mut self, agent: Agent, before: Option<String>, draft: Draft) {
        let shown = draft.path.display();
        self.warnings.extend(draft.warnings.iter().map(|warning| format!("{shown}: {warning}")));
        if draft.text != before {
            self.changes.push(Change { agent, before, draft });
        }
    }
}

/// Returns what it takes to connect the agents. Nothing is written, also when one file of many is broken.
pub fn plan(agents: &[Agent], roots: &Roots, wiring: &Wiring, record: &Record) -> Result<Plan, Failed> {
    let mut plan = Plan::default();
    for &agent in agents {
        let documents = read(agent, roots, record)?;
        let drafts = connect(agent, &documents, wiring)
            .map_err(|misfit| Failed::Input(format!("{}: nothing was written, anywhere: {misfit}", agent.title())))?;
        for (document, draft) in documents.into_iter().zip(drafts) {
            plan.add(agent, document.text, draft);
        }
    }
    Ok(plan)
}

/// Returns the agents' files as they would be without us.
pub fn without_us(
    agents: &[Agent],
    roots: &Roots,
    record: &Record,
) -> Result<BTreeMap<PathBuf, Option<String>>, Failed> {
    let mut files = BTreeMap::new();
    for &agent in agents {
        let documents = read(agent, roots, record)?;
        let drafts = disconnect(agent, &documents).map_err(|misfit| Failed::Input(misfit.to_string()))?;
        files.extend(drafts.into_iter().map(|draft| (draft.path, draft.text)));
    }
    Ok(files)
}

/// Reads an agent's files.
pub fn read(agent: Agent, roots: &Roots, record: &Record) -> Result<Vec<Document>, Failed> {
    let paths = files(agent, roots, Path::exists).into_iter();
    paths
        .map(|path| {
            let text = text(&path)?;
            let earlier = record.earlier(&path)?;
            Ok(Document { path, text, earlier })
        })
        .collect()
}

/// Reads a file that may be missing.
pub fn text(path: &Path) -> Result<Option<String>, Failed> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failed::Input(format!("{}: it is a link to a file that is not there", path.display())))
        }
        Err(error) => Err(Failed::Input(format!("{}: it cannot be read: {error}", path.display()))),
    }
}
