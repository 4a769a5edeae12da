//! What it takes to undo: a file that is as we left it becomes what it was; of any other only what is ours goes.

use std::path::PathBuf;

use tieline_agents::{
    Agent,
    setup::{Document, Draft, Roots, disconnect},
};

use super::{
    Plan, Record, plan,
    record::{Entry, hash},
};
use crate::exit::Failed;

/// Returns what it takes to disconnect the agents.
pub fn undo(agents: &[Agent], roots: &Roots, record: &Record) -> Result<Plan, Failed> {
    let mut undoing = Plan::default();
    for &agent in agents {
        let documents = plan::read(agent, roots, record)?;
        // Of a broken file nothing can be taken out, but what is as we left it can be brought back.
        let drafts = disconnect(agent, &documents);
        for (index, document) in documents.iter().enumerate() {
            let draft = match record.entry(&document.path).map(|entry| back(entry, document, record)) {
                Some(Ok(Some(draft))) => draft,
                Some(Err(failed)) => return Err(failed),
                Some(Ok(None)) | None => match &drafts {
                    Ok(drafts) => taken_out(drafts[index].clone(), record.entry(&document.path)),
                    Err(misfit) => {
                        return Err(Failed::Input(format!("{}: nothing was written: {misfit}", agent.title())));
                    }
                },
            };
            undoing.add(agent, document.text.clone(), draft);
        }
        // Files of another place, when a variable has moved the program's folder since.
        let elsewhere: Vec<&Entry> =
            record.of(agent).filter(|entry| documents.iter().all(|document| document.path != entry.path)).collect();
        for entry in elsewhere {
            let text = plan::text(&entry.path)?;
            let document = Document { path: entry.path.clone(), text: text.clone(), earlier: None };
            match back(entry, &document, record)? {
                Some(draft) => undoing.add(agent, text, draft),
                None => undoing.warnings.push(format!(
                    "{}: it was changed since, and {} does not look there now; take out by hand what is ours",
                    entry.path.display(),
                    agent.title()
                )),
            }
        }
    }
    Ok(undoing)
}

/// Returns the files that have nothing of ours any more once a plan is carried out.
pub fn undone(agents: &[Agent], record: &Record) -> Vec<PathBuf> {
    agents.iter().flat_map(|&agent| record.of(agent)).map(|entry| entry.path.clone()).collect()
}

/// Brings a file back to what it was, unless somebody has changed it since.
fn back(entry: &Entry, document: &Document, record: &Record) -> Result<Option<Draft>, Failed> {
    let present = document.text.as_deref().map(hash);
    let draft = |text: Option<String>, changes: Vec<String>| Draft {
        path: document.path.clone(),
        text,
        changes,
        warnings: Vec::new(),
    };
    if present == entry.before {
        return Ok(Some(draft(document.text.clone(), Vec::new())));
    }
    if present.is_none_or(|hash| !entry.after.contains(&hash)) {
        return Ok(None);
    }
    Ok(Some(match &entry.before {
        Some(hash) => draft(Some(record.copy(hash)?), vec!["it becomes exactly what it was".into()]),
        None => draft(None, vec!["it goes, for it was not there before".into()]),
    }))
}

fn taken_out(mut draft: Draft, entry: Option<&Entry>) -> Draft {
    if let (Some(entry), false) = (entry, draft.changes.is_empty()) {
        draft.changes.push("somebody has changed the file since, so only what is ours goes".into());
        let is_empty = |text: &String| matches!(text.split_whitespace().collect::<String>().as_str(), "" | "{}");
        if entry.before.is_none() && draft.text.as_ref().is_some_and(is_empty) {
            draft.text = None;
        }
    }
    draft
}
