//! `tieline import`: transcripts of agent programs become timelines. What was taken in before is not taken in again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use tieline_ingest::{Batch, File, Home, Skipped, Vendor, find};
use tieline_model::{
    Address, Command, Reply, SessionId,
    command::{SessionOpen, TranscriptList, TranscriptRecord},
    event::Source,
    reply::Transcripts,
};

use super::ask::unexpected;
use crate::{
    args::{Import, ImportFrom, Transcripts as Args},
    client::Client,
    context::Context,
    exit::Failed,
};

/// How often files are looked at while they are followed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What came of an import.
#[derive(Debug, Default, Serialize)]
struct Summary {
    files: usize,
    sessions: usize,
    lines: u64,
    activities: usize,
    bad_lines: u64,
    /// Files of sessions that the hooks of their programs tell of.
    told_by_hooks: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bad: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unknown_records: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<String>,
}

/// Runs it.
pub async fn import(context: &Context, args: Import) -> Result<(), Failed> {
    let (vendor, args) = match args.from {
        ImportFrom::Claude(args) => (Vendor::Claude, args),
        ImportFrom::Codex(args) => (Vendor::Codex, args),
        ImportFrom::Jsonl(args) => return super::import_lines::import(context, args).await,
    };
    let places = places(vendor, &args.paths)?;
    let client = if args.dry_run { None } else { Some(context.client()?) };
    let mut run = Run {
        context,
        client,
        vendor,
        args,
        open: BTreeMap::new(),
        told_by_hooks: BTreeSet::new(),
        summary: Summary::default(),
    };
    let mut is_lost = false;
    loop {
        let looked = run.look(&places).await;
        if !run.args.follow {
            looked?;
            break;
        }
        // What was not recorded is read again, from where the daemon knows of.
        let is_new = match looked {
            Err(Failed::Unreachable { .. }) => {
                if !std::mem::replace(&mut is_lost, true) {
                    context.out.note("the daemon is away; it goes on when it is back");
                }
                false
            }
            looked => {
                is_lost = false;
                looked?
            }
        };
        if is_new {
            context.out.note(&format!("{} activities of {} files", run.summary.activities, run.summary.files));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    run.tell()
}

fn places(vendor: Vendor, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    if !paths.is_empty() {
        return Ok(paths.to_vec());
    }
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = Home { home: path("HOME"), claude: path("CLAUDE_CONFIG_DIR"), codex: path("CODEX_HOME") };
    match home.folder(vendor) {
        Some(folder) if folder.is_dir() => Ok(vec![folder]),
        Some(folder) => Err(Failed::Input(format!(
            "there are no transcripts of {} in {}; name a file or a folder",
            vendor.as_str(),
            folder.display()
        ))),
        None => Err(Failed::Input("the environment does not say where your home is; name a file or a folder".into())),
    }
}

struct Run<'a> {
    context: &'a Context,
    client: Option<Client>,
    vendor: Vendor,
    args: Args,
    open: BTreeMap<PathBuf, Opened>,
    /// What is left to the hooks of its program.
    told_by_hooks: BTreeSet<PathBuf>,
    summary: Summary,
}

/// Why a file was not taken in.
enum Trouble {
    File(io::Error),
    Daemon(Failed),
    ToldByHooks,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::File(error)
    }
}

impl From<Failed> for Trouble {
    fn from(failed: Failed) -> Self {
        Trouble::Daemon(failed)
    }
}

/// A transcript that is being taken in.
struct Opened {
    file: File,
    target: Option<(Source, SessionId)>,
}

impl Run<'_> {
    /// Takes in all that is new; tells whether there was anything.
    async fn look(&mut self, places: &[PathBuf]) -> Result<bool, Failed> {
        let mut paths = Vec::new();
        for place in places {
            let found = find(self.vendor, place);
            paths.extend(found.map_err(|error| Failed::Input(format!("{}: {error}", place.display())))?);
        }
        paths.retain(|path| !self.told_by_hooks.contains(path));
        self.summary.files = paths.len();
        let before = self.summary.activities;
        for (at, path) in paths.iter().enumerate() {
            match self.take(path).await {
                Ok(()) => {}
                // One file that cannot be read is told of, and keeps nobody from the others.
                Err(Trouble::File(error)) => self.summary.unread.push(format!("{}: {error}", path.display())),
                Err(Trouble::ToldByHooks) => drop(self.told_by_hooks.insert(path.clone())),
                Err(Trouble::Daemon(failed)) => return Err(failed),
            }
            if at % 20 == 19 {
                self.context.out.progress(&format!(
                    "{} of {} files, {} activities",
                    at + 1,
                    paths.len(),
                    self.summary.activities
                ));
            }
        }
        Ok(self.summary.activities > before)
    }

    async fn take(&mut self, path: &Path) -> Result<(), Trouble> {
        let mut opened = match self.open.remove(path) {
            Some(opened) => opened,
            None => Opened { file: File::new(self.vendor, path), target: None },
        };
        while let Some(batch) = opened.file.read()? {
            let batch = self.record(path, &mut opened, batch).await?;
            self.count(&batch);
        }
        self.open.insert(path.to_owned(), opened);
        Ok(())
    }

    /// Records a batch; once it is known which transcript this is, goes on where that was read to.
    async fn record(&self, path: &Path, opened: &mut Opened, batch: Batch) -> Result<Batch, Trouble> {
        let Some(client) = &self.client else { return Ok(batch) };
        if opened.target.is_none() {
            let source = Source { vendor: self.vendor.as_str().to_owned(), session: native(&opened.file, path) };
            let Transcripts { mut transcripts, reported } = known(client, &source).await?;
            let known = transcripts.pop();
            if known.is_none() && reported.is_some() && self.args.into.is_none() {
                return Err(Trouble::ToldByHooks);
            }
            let session = match &known {
                Some(view) => view.session,
                None => self.session(client, &source, &opened.file, path).await?,
            };
            opened.target = Some((source, session));
            if let Some(view) = known
                && let Ok(reader) = serde_json::from_str(&view.state)
                && view.offset > batch.offset
                && let Some(file) = File::resume(path, reader, view.offset)?
            {
                opened.file = file;
                return Ok(Batch::default());
            }
        }
        let Some((source, session)) = &opened.target else { return Ok(batch) };
        let state = serde_json::to_string(opened.file.reader()).map_err(Failed::from)?;
        let command = Command::TranscriptRecord(TranscriptRecord {
            session: Address::Session(*session),
            source: source.clone(),
            lines: batch.lines.clone(),
            offset: batch.offset,
            state,
            bad: batch.skipped.bad,
            unknown: batch.skipped.unknown.clone(),
        });
        match client.call(&command).await? {
            Reply::Transcripts(_) => Ok(batch),
            other => Err(Trouble::Daemon(unexpected(&other))),
        }
    }

    /// Opens the session of a transcript. The key makes sure that it is one, whatever becomes of this process.
    async fn session(&self, client: &Client, source: &Source, file: &File, path: &Path) -> Result<SessionId, Failed> {
        if let Some(into) = &self.args.into {
            let get = Command::SessionGet(tieline_model::command::SessionRef { session: into.clone() });
            return match client.call(&get).await? {
                Reply::Session(view) => Ok(view.id),
                other => Err(unexpected(&other)),
            };
        }
        let about = file.about();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("transcript");
        let open = Command::SessionOpen(SessionOpen {
            title: about.title.clone().unwrap_or_else(|| format!("{} {name}", source.vendor)),
            description: Some(format!("a session of {}, taken in from its transcript", source.vendor)),
            project: about.project.clone(),
            ..SessionOpen::default()
        });
        let key = format!("transcript {} {}", source.vendor, source.session);
        match client.call_once(&key, &open).await? {
            Reply::Session(view) => Ok(view.id),
            other => Err(unexpected(&other)),
        }
    }

    fn count(&mut self, batch: &Batch) {
        let summary = &mut self.summary;
        summary.lines += batch.count;
        summary.activities += batch.lines.iter().map(|line| line.activities.len()).sum::<usize>();
        let Skipped { bad, first_bad, unknown } = &batch.skipped;
        summary.bad_lines += bad;
        if summary.first_bad.is_none() {
            summary.first_bad.clone_from(first_bad);
        }
        for (kind, count) in unknown {
            *summary.unknown_records.entry(kind.clone()).or_default() += count;
        }
    }

    fn tell(mut self) -> Result<(), Failed> {
        let targets = self.open.values().filter_map(|opened| opened.target.as_ref().map(|target| target.1));
        self.summary.sessions = targets.collect::<std::collections::BTreeSet<_>>().len();
        self.summary.told_by_hooks = self.told_by_hooks.len();
        let summary = &self.summary;
        let out = &self.context.out;
        if out.json {
            return out.json(summary);
        }
        let verb = if self.args.dry_run { "would take in" } else { "took in" };
        out.text(&format!(
            "{verb} {} activities from {} lines of {} files",
            summary.activities, summary.lines, summary.files
        ))?;
        if summary.told_by_hooks > 0 {
            out.note(&format!(
                "{} files are of sessions that the hooks of their programs tell of; --into takes one in all the same",
                summary.told_by_hooks
            ));
        }
        if summary.bad_lines > 0 {
            let first = summary.first_bad.as_deref().unwrap_or_default();
            out.note(&format!("{} lines could not be read; the first: {first}", summary.bad_lines));
        }
        if !summary.unknown_records.is_empty() {
            let kinds = summary.unknown_records.iter().map(|(kind, count)| format!("{kind} ({count})"));
            out.note(&format!("records of kinds that are not known: {}", kinds.collect::<Vec<_>>().join(", ")));
        }
        for unread in &summary.unread {
            out.note(&format!("not read: {unread}"));
        }
        Ok(())
    }
}

/// Which transcript a file is: by the id in it, or by its name when it has none.
fn native(file: &File, path: &Path) -> String {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("transcript");
    match (&file.about().session, name) {
        // Files of subagents carry the id of the session that started them.
        (Some(id), name) if name.contains(id.as_str()) => id.clone(),
        (Some(id), name) => format!("{id} {name}").chars().take(120).collect(),
        (None, name) => name.chars().take(120).collect(),
    }
}

async fn known(client: &Client, source: &Source) -> Result<Transcripts, Failed> {
    match client.call(&Command::TranscriptList(TranscriptList { source: Some(source.clone()) })).await? {
        Reply::Transcripts(found) => Ok(found),
        other => Err(unexpected(&other)),
    }
}
