//! What is said about plugins while no daemon runs: written down for the next one.

use std::path::PathBuf;

use serde_json::json;
use tieline_host::{TrustFile, TrustFileError, Trusted};
use tieline_model::plugin;

use crate::{context::Context, exit::Failed, output::now};

/// The record, and the folder of the plugins that it is about.
pub struct Record {
    file: TrustFile,
    folder: PathBuf,
}

/// A library in the plugin folder.
pub struct Library {
    /// The plugin's name, as far as the file's name tells it.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Where that is.
    pub path: PathBuf,
}

impl Record {
    /// Reads it.
    pub fn open(context: &Context) -> Result<Self, Failed> {
        let file = TrustFile::load(context.home.trust_file()).map_err(failed)?;
        Ok(Self { file, folder: context.home.plugins_dir() })
    }

    /// Switches a plugin off or on, and says so.
    pub fn switch(&mut self, name: &str, is_disabled: bool) -> Result<String, Failed> {
        let name = self.find(name)?.name;
        self.file.set_disabled(&name, is_disabled);
        self.file.save().map_err(failed)?;
        Ok(format!("`{name}` is {}", if is_disabled { "disabled" } else { "enabled" }))
    }

    /// Trusts a library that has this hash.
    pub fn trust(&mut self, library: &Library, hash: &str) -> Result<(), Failed> {
        self.file.record(Trusted {
            hash: hash.to_owned(),
            name: library.name.clone(),
            file: library.file.clone(),
            trusted_at_ms: now().0,
            by: "tieline plugins trust".to_owned(),
        });
        self.file.save().map_err(failed)
    }

    /// Finds the one library that a name means.
    pub fn find(&self, name: &str) -> Result<Library, Failed> {
        let libraries = tieline_host::libraries(&self.folder).map_err(|error| {
            Failed::Input(format!("failed to read the plugin folder {}: {error}", self.folder.display()))
        })?;
        let known: Vec<Library> = libraries
            .into_iter()
            .map(|(name, path)| {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                // What a daemon has learnt of the file is better than what its name says.
                let name = self.file.last_of(&file).map_or(name, |trusted| trusted.name.clone());
                Library { name, file, path }
            })
            .collect();
        let all = || known.iter().map(|library| library.name.clone());
        let of_file = known.iter().position(|library| library.file == name);
        let named: Vec<usize> = (0..known.len()).filter(|at| known[*at].name == name).collect();
        let found = match (of_file, &named[..]) {
            (Some(at), _) | (None, &[at]) => at,
            (None, []) => return Err(Failed::Refused(plugin::unknown(name, all(), "name"))),
            (None, several) => {
                let files = several.iter().map(|at| known[*at].file.clone());
                return Err(Failed::Refused(plugin::ambiguous(name, files, "name")));
            }
        };
        known.into_iter().nth(found).ok_or_else(|| Failed::Refused(plugin::unknown(name, [], "name")))
    }
}

/// Does it in the record when no daemon answered, and says that it counts from the next start on.
pub fn unless_reached(
    context: &Context,
    done: Result<(), Failed>,
    write: impl FnOnce(&mut Record) -> Result<String, Failed>,
) -> Result<(), Failed> {
    match done {
        Err(Failed::Unreachable { .. }) if !context.is_over_tcp() => {
            let what = write(&mut Record::open(context)?)?;
            written(context, &what)
        }
        done => done,
    }
}

/// Says what was written down.
pub fn written(context: &Context, what: &str) -> Result<(), Failed> {
    let file = context.home.trust_file();
    if context.out.json {
        return context.out.json(&json!({ "recorded": what, "file": file }));
    }
    context.out.text(&format!("{what} from the next start of a daemon on"))?;
    context.out.note(&format!("no daemon runs; it is written down in {}", file.display()));
    Ok(())
}

fn failed(error: TrustFileError) -> Failed {
    Failed::Other(error.into())
}
