//! `tieline plugins trust`: shows what is to be trusted, asks, and trusts exactly that.

use std::{
    fs::File,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tieline_model::{
    Command, Refusal, Reply,
    command::{PluginRef, PluginTrust},
    outcome::Code,
    reply::PluginView,
};

use super::{
    operate,
    record::{self, Record},
};
use crate::{
    args::Trust,
    context::Context,
    exit::Failed,
    render::line,
    run::{ask::unexpected, confirm::is_agreed},
};

/// What a person is shown before they say yes.
struct Facts {
    name: String,
    path: PathBuf,
    hash: Option<String>,
    owner: Option<String>,
}

/// Runs it.
pub async fn run(context: &Context, args: Trust) -> Result<(), Failed> {
    match context.call(&Command::PluginInfo(PluginRef { name: args.name.clone() })).await {
        Ok(Reply::Plugin(plugin)) => with_daemon(context, args, &plugin).await,
        Ok(other) => Err(unexpected(&other)),
        // It was copied just now, and the daemon waits for the folder to be quiet.
        Err(Failed::Refused(refusal)) if refusal.code == Code::UnknownPlugin && !context.is_over_tcp() => {
            let Ok(library) = Record::open(context).and_then(|record| record.find(&args.name)) else {
                return Err(Failed::Refused(refusal));
            };
            with_daemon(context, args, &PluginView { name: library.name, file: library.file, ..PluginView::default() })
                .await
        }
        Err(Failed::Unreachable { .. }) if !context.is_over_tcp() => without_daemon(context, &args),
        Err(failed) => Err(failed),
    }
}

async fn with_daemon(context: &Context, args: Trust, plugin: &PluginView) -> Result<(), Failed> {
    let path = context.home.plugins_dir().join(&plugin.file);
    // Over TCP the daemon may have another home than this program.
    let own = (!context.is_over_tcp()).then(|| hash_of(&path).ok()).flatten();
    let known = plugin.pending.as_ref().map_or(plugin.hash.clone(), |pending| pending.hash.clone());
    let owner = (!context.is_over_tcp()).then(|| owner_of(&path)).flatten();
    let facts = Facts { name: plugin.name.clone(), path, hash: own.or(known), owner };
    let hash = agree(context, &facts, &args)?;
    operate(context, Command::PluginTrust(PluginTrust { name: plugin.file.clone(), hash })).await
}

fn without_daemon(context: &Context, args: &Trust) -> Result<(), Failed> {
    let mut record = Record::open(context)?;
    let library = record.find(&args.name)?;
    let hash = hash_of(&library.path)
        .map_err(|error| Failed::Input(format!("failed to read {}: {error}", library.path.display())))?;
    let facts = Facts {
        name: library.name.clone(),
        path: library.path.clone(),
        hash: Some(hash.clone()),
        owner: owner_of(&library.path),
    };
    agree(context, &facts, args)?;
    record.trust(&library, &hash)?;
    record::written(context, &format!("`{}` with the hash {hash} is trusted", library.name))
}

/// Shows the facts and gets a yes; returns the hash that the yes is about.
fn agree(context: &Context, facts: &Facts, args: &Trust) -> Result<Option<String>, Failed> {
    if let (Some(wanted), Some(found)) = (&args.hash, &facts.hash)
        && wanted != found
    {
        let message = format!("the file has the hash {found}, and {wanted} was to be trusted; nothing was trusted");
        return Err(Failed::Refused(Refusal::new(Code::WrongHash, message).at("--hash")));
    }
    let hash = args.hash.clone().or_else(|| facts.hash.clone());
    context.out.show(&facts.to_string());
    if args.yes {
        return Ok(hash);
    }
    let found = hash.as_deref().unwrap_or("not known");
    let instead = format!(
        "whether to trust `{}` (hash {found}) is asked on a terminal, and there is none; \
         if you know the file, add --yes, best with --hash",
        facts.name
    );
    if is_agreed(context, "Do you trust it?", &instead)? {
        Ok(hash)
    } else {
        Err(Failed::No(format!("`{}` is not trusted", facts.name)))
    }
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = |fact: &Option<String>| fact.clone().unwrap_or_else(|| "not known".to_owned());
        writeln!(f, "A plugin is code: it can do whatever you can.")?;
        writeln!(f, "  name   {}", line(&self.name))?;
        writeln!(f, "  file   {}", line(&self.path.to_string_lossy()))?;
        writeln!(f, "  hash   {}", line(&known(&self.hash)))?;
        write!(f, "  owner  {}", known(&self.owner))
    }
}

fn hash_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn owner_of(path: &Path) -> Option<String> {
    let uid = std::fs::metadata(path).ok()?.uid();
    Some(match uid {
        _ if uid == rustix::process::getuid().as_raw() => "you".to_owned(),
        0 => "root".to_owned(),
        other => format!("another user ({other})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_name_file_hash_and_owner() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("libx.so");
        std::fs::write(&path, "x").unwrap();
        let hash = hash_of(&path).unwrap();
        assert_eq!(hash, blake3::hash(b"x").to_hex().as_str());
        let owner = owner_of(&path);
        let facts = Facts { name: "x".into(), path, hash: Some(hash.clone()), owner }.to_string();
        for part in ["name   x", "libx.so", &hash, "owner  you"] {
            assert!(facts.contains(part), "{facts}");
        }
    }
}
