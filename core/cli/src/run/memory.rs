//! `tieline memory`.

use std::{fs, io::ErrorKind, path::Path};

use tieline_model::{
    Command, Reply,
    command::{MemoryDecide, MemoryDiff, MemoryLog, MemoryPropose, MemoryShow, MemorySnapshot, MemoryText},
    memory,
};

use super::text::text;
use crate::{
    args::{ApplyMemory, Decision, Memory, MemoryVerb, ProposeMemory},
    context::Context,
    exit::Failed,
    render,
};

/// Runs it.
pub async fn run(context: &Context, args: Memory) -> Result<(), Failed> {
    let command = match args.verb {
        MemoryVerb::Show(args) => Command::MemoryShow(MemoryShow { session: args.session, at: args.at }),
        MemoryVerb::Log(args) => {
            Command::MemoryLog(MemoryLog { session: args.session, before: args.before, limit: args.limit })
        }
        MemoryVerb::Diff(args) => {
            Command::MemoryDiff(MemoryDiff { session: args.session, from: args.from, to: args.to })
        }
        MemoryVerb::Snapshot(args) => {
            let file = |path: String| Ok(MemoryText { text: read(Path::new(&path))?, path });
            Command::MemorySnapshot(MemorySnapshot {
                session: args.session,
                origin: args.origin,
                files: args.files.into_iter().map(file).collect::<Result<_, Failed>>()?,
            })
        }
        MemoryVerb::Propose(args) => Command::MemoryPropose(propose(args)?),
        MemoryVerb::Decide(args) => Command::MemoryDecide(MemoryDecide {
            proposal: args.id,
            allow: args.decision == Decision::Allow,
            reason: args.reason,
        }),
        MemoryVerb::Apply(args) => return apply(context, args).await,
    };
    context.out.reply(&context.call(&command).await?)
}

fn propose(args: ProposeMemory) -> Result<MemoryPropose, Failed> {
    let file = args.file.as_deref().map(read).transpose()?;
    Ok(MemoryPropose {
        session: args.session,
        path: args.path,
        text: args.text.map(text).transpose()?.or(file),
        // A diff ends with a line break, which belongs to it.
        diff: args.diff.map(text).transpose()?.map(|diff| diff + "\n"),
        remove: args.remove,
        reason: args.reason,
    })
}

/// Writes a file that is in force. The place is the caller's word: a path that an agent has named is none to write to.
async fn apply(context: &Context, args: ApplyMemory) -> Result<(), Failed> {
    let show = Command::MemoryShow(MemoryShow { session: args.session, at: None });
    let Reply::Memory(view) = context.call(&show).await? else {
        return Err(Failed::Input("the daemon showed no memory".into()));
    };
    let Some(file) = view.files.iter().find(|file| file.path == args.path) else {
        let known: Vec<String> = view.files.iter().map(|file| format!("`{}`", render::line(&file.path))).collect();
        let known = if known.is_empty() { "no file".to_owned() } else { known.join(", ") };
        return Err(Failed::Input(format!("`{}` is not in force; what is: {known}", args.path)));
    };
    if let Some(broken) = &view.broken {
        return Err(Failed::Input(format!("the story of this memory does not hold together: {broken}")));
    }
    let there = match fs::read_to_string(&args.to) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failed::Input(format!("read `{}`: {error}", args.to.display()))),
    };
    let change = memory::diff(&args.to.display().to_string(), &there, &file.text);
    if change.is_empty() {
        return context.out.text(&format!("`{}` is as it should be", args.to.display()));
    }
    context.out.text(&render::words(&change))?;
    if !args.yes {
        return Err(Failed::No("nothing is written without --yes".into()));
    }
    fs::write(&args.to, &file.text)
        .map_err(|error| Failed::Input(format!("write `{}`: {error}", args.to.display())))?;
    context.out.text(&format!("written: `{}`", args.to.display()))
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed::Input(format!("read `{}`: {error}", path.display())))
}
