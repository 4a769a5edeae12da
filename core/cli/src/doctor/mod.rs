//! `tieline doctor`: proves that a message gets through, instead of listing settings.

mod agents;
mod place;
mod readable;
mod report;
mod trip;
mod turn;
mod woken;

use std::path::PathBuf;

use serde_json::json;
use tieline_model::{
    Command, Reply,
    command::{PluginList, Search, Whoami},
};

use crate::{
    args::{Doctor, DoctorVerb},
    client::Client,
    context::Context,
    endpoint::Endpoint,
    exit::Failed,
};

use report::{Finding, Report};

/// Runs it.
pub async fn run(context: &Context, args: Doctor) -> Result<(), Failed> {
    match args.verb {
        None => installation(context).await,
        Some(DoctorVerb::Agents { agents, live }) => agents::run(context, &agents, live).await,
    }
}

async fn installation(context: &Context) -> Result<(), Failed> {
    let mut report = Report::new(&context.out);
    report.add("home", place::home(&context.home))?;
    report.add("configuration", place::configuration(context)?)?;
    report.add("token", place::token(context))?;
    let is_up = report.add("socket", socket(context).await)?;
    let is_up_tcp = report.add("tcp", tcp(context).await)?;
    let is_reachable = if context.is_over_tcp() { is_up_tcp } else { is_up };
    match context.client() {
        Ok(client) if is_reachable => through(&client, &mut report).await?,
        Ok(_) | Err(Failed::Unreachable { .. }) => {
            report.add("round trip", Finding::fail("not tried: the daemon was not reached", ""))?;
        }
        Err(_) => {
            report.add("round trip", Finding::fail("not tried: there is no token to speak with", ""))?;
        }
    }
    let readable = readable::sentences(context);
    if context.out.json {
        context.out.json(&json!({ "checks": report.lines(), "readable_by_your_programs": readable }))?;
    } else {
        context.out.text(&format!("\nWhat another program of yours could still do:\n{}", readable::list(&readable)))?;
    }
    report.verdict()
}

/// What needs the daemon's trust.
async fn through(client: &Client, report: &mut Report<'_>) -> Result<(), Failed> {
    if !report.add("who you are", who(client).await)? {
        return Ok(());
    }
    report.add("plugins", plugins(client).await)?;
    report.add("search", search(client).await)?;
    trip::run(client, report).await
}

async fn socket(context: &Context) -> Finding {
    let endpoint = context.socket();
    let Endpoint::Unix(path) = &endpoint else { return Finding::note("not used") };
    let found = healthy(endpoint.clone()).await;
    match place::mode(path) {
        Some(mode) if found.is_ok() && mode & 0o077 != 0 => Finding::fail(
            format!("{endpoint} answers, and its mode is {mode:o}: other users may connect"),
            format!("chmod 600 {endpoint}"),
        ),
        _ => found.map_or_else(
            |failed| Finding::fail(failed.to_string(), "start the daemon with `tieline serve`"),
            |()| Finding::ok(format!("{endpoint} answers, and only you may connect")),
        ),
    }
}

async fn tcp(context: &Context) -> Finding {
    let endpoint = match context.tcp() {
        Some(endpoint) => endpoint,
        None => return Finding::note("not tried: `server.listen` picks a free port; name it with --url"),
    };
    match healthy(endpoint.clone()).await {
        Ok(()) => Finding::ok(format!("{endpoint} answers")),
        Err(failed) => Finding::fail(
            failed.to_string(),
            "when the daemon was started with another --listen, name that one with --url",
        ),
    }
}

/// Asks the one open route. No token is shown to whoever listens there.
async fn healthy(endpoint: Endpoint) -> Result<(), Failed> {
    let place = endpoint.to_string();
    let answer = Client::new(endpoint, None).get("/healthz").await?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() && body["status"] == "ok" {
        return Ok(());
    }
    Err(Failed::Stranger { place, what: format!("status {} for /healthz", answer.status.as_u16()) })
}

async fn who(client: &Client) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    match client.call(&Command::Whoami(Whoami {})).await {
        Ok(Reply::Whoami(who)) if who.version != own => Finding::fail(
            format!("the daemon is version {}, this program is {own}", who.version),
            "restart the daemon with this program: `tieline serve`",
        ),
        Ok(Reply::Whoami(who)) => {
            Finding::ok(format!("the token is good: {} `{}`", who.principal.kind.as_str(), who.principal.name))
        }
        Ok(_) => Finding::fail("the daemon gave a reply of another command", "restart the daemon"),
        Err(failed) => Finding::fail(failed.to_string(), "name a good token with --token-file"),
    }
}

/// Searches for anything of today: what matters is whether it can be searched, and how far the index is behind.
async fn search(client: &Client) -> Finding {
    let search = Search { query: "after:1d".into(), limit: Some(1), ..Search::default() };
    match client.call(&Command::Search(search)).await {
        Ok(Reply::Found(page)) if page.behind == 0 => Finding::ok("every event is indexed"),
        Ok(Reply::Found(page)) => {
            Finding::note(format!("{} events are not indexed yet; they are found more slowly", page.behind))
        }
        Ok(_) => Finding::fail("the daemon gave a reply of another command", "restart the daemon"),
        Err(Failed::Refused(_)) => Finding::note("not shown to this token"),
        Err(failed) => Finding::fail(
            failed.to_string(),
            "look into the daemon's log; `search.db` beside the database can be removed while the daemon is stopped",
        ),
    }
}

async fn plugins(client: &Client) -> Finding {
    let plugins = match client.call(&Command::PluginList(PluginList {})).await {
        Ok(Reply::Plugins(reply)) => reply.plugins,
        Ok(_) => return Finding::fail("the daemon gave a reply of another command", "restart the daemon"),
        Err(Failed::Refused(_)) => return Finding::note("not shown to this token"),
        Err(failed) => return Finding::fail(failed.to_string(), ""),
    };
    let is_bad = |state: &str| !matches!(state, "running" | "disabled" | "stopped");
    if let Some(bad) = plugins.iter().find(|plugin| is_bad(&plugin.state)) {
        let reason = bad.reason.clone().unwrap_or_default();
        return Finding::fail(
            format!("{} is {}: {reason}", bad.file, bad.state),
            "`tieline plugins` shows all of them",
        );
    }
    let names: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    if names.is_empty() {
        return Finding::note("none: agents reach the mesh over HTTP and MCP, and not over WebSocket");
    }
    Finding::ok(names.join(", "))
}

/// Returns the files that hold something worth protecting.
fn precious(context: &Context) -> Vec<PathBuf> {
    let home = &context.home;
    [home.token_file("human"), home.token_file("agent"), home.database()].into()
}
