//! `tieline spawn`.

use tieline_model::{Command, command::Spawn};

use crate::{args::Spawn as Args, context::Context, exit::Failed};

/// Has a program started.
pub async fn run(context: &Context, args: Args) -> Result<(), Failed> {
    let folder = std::path::absolute(&args.folder)?;
    let folder = folder.to_str().ok_or_else(|| Failed::Input(format!("the path {folder:?} is no text")))?.to_owned();
    let profile = args.profile.or(args.agent).unwrap_or_default();
    let spawn = Spawn { folder, profile, title: args.title, worktree: args.worktree, sender: args.sender };
    context.out.reply(&context.call(&Command::Spawn(spawn)).await?)
}
