//! `tieline token`.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use tieline_model::{
    Command, Reply,
    command::{TokenCreate, TokenList, TokenRevoke},
    reply::{TokenCreated, TokenView, Tokens},
};

use super::ask::unexpected;
use crate::{
    args::{self, Token, TokenVerb, millis},
    context::Context,
    exit::Failed,
    output::now,
    render,
};

/// Runs it.
pub async fn run(context: &Context, args: Token) -> Result<(), Failed> {
    match args.verb {
        TokenVerb::Create(args) => create(context, args).await,
        TokenVerb::List(args) => list(context, args.all).await,
        TokenVerb::Revoke(args) => {
            let reply = context.call(&Command::TokenRevoke(TokenRevoke { token: args.id })).await?;
            context.out.reply_or(&reply, |_| "revoked".into())
        }
    }
}

/// People are shown what is good; programs get it all.
async fn list(context: &Context, is_all: bool) -> Result<(), Failed> {
    let reply = context.call(&Command::TokenList(TokenList {})).await?;
    let Reply::Tokens(tokens) = &reply else { return Err(unexpected(&reply)) };
    if is_all || context.out.json {
        return context.out.reply(&reply);
    }
    let now = now();
    let is_good = |token: &TokenView| token.revoked_at_ms.is_none() && token.expires_at_ms.is_none_or(|at| at > now);
    let (good, ended): (Vec<TokenView>, Vec<TokenView>) = tokens.tokens.iter().cloned().partition(is_good);
    context.out.reply(&Reply::Tokens(Tokens { tokens: good }))?;
    if !ended.is_empty() {
        context.out.note(&format!("{} revoked or expired ones are not shown: --all", ended.len()));
    }
    Ok(())
}

async fn create(context: &Context, args: args::Create) -> Result<(), Failed> {
    // A file that cannot be made must not cost a token whose secret nobody has.
    let file = args.out.as_deref().map(|path| Ok::<_, Failed>((path.to_owned(), private_file(path)?))).transpose()?;
    let some = |values: Vec<String>| (!values.is_empty()).then_some(values);
    let command = Command::TokenCreate(TokenCreate {
        name: args.name,
        kind: args.kind,
        scopes: (!args.scope.is_empty()).then_some(args.scope),
        circles: some(args.circle),
        expires_in_ms: args.expires.map(millis),
    });
    let reply = context.call(&command).await;
    let Some((path, mut file)) = file else { return context.out.reply(&reply?) };
    match reply {
        Ok(Reply::TokenCreated(created)) => {
            file.write_all(format!("{}\n", created.secret).as_bytes())?;
            file.sync_all()?;
            let hidden = TokenCreated { secret: String::new(), ..created };
            context.out.reply_or(&Reply::TokenCreated(hidden.clone()), |style| {
                let shown = path.display();
                let words = render::created(&hidden, style);
                format!("{words}\n  written to {shown}\n  use it: TIELINE_TOKEN_FILE={shown} tieline whoami")
            })
        }
        other => {
            std::fs::remove_file(&path)?;
            Err(other.map_or_else(|failed| failed, |reply| unexpected(&reply)))
        }
    }
}

fn private_file(path: &Path) -> Result<std::fs::File, Failed> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failed::Input(format!("failed to make the file {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_only_and_never_over_a_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("t");
        let file = private_file(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(private_file(&path).unwrap_err().exit_code(), 2);
    }
}
