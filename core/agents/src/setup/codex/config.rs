//! What stands in Codex' configuration: which hooks it trusts, our MCP server, and whether its terminals share a daemon.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use super::{
    super::{
        Document, Draft, Misfit, Wiring,
        servers::{ARGS, HOME, NAME},
        toml_file::{Toml, find_mut},
    },
    Trusted,
};

/// Where the servers are.
const SERVERS: &str = "mcp_servers";
/// The variables by which the mesh is found. Codex hands its servers only those that are named.
const PLACES: [&str; 3] = ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"];
/// The switch of the shared daemon.
const DAEMON: &str = "daemon_auto_start";

pub fn connect(config: &Document, wiring: &Wiring, before: &[Trusted], after: &[Trusted]) -> Result<Draft, Misfit> {
    let mut toml = Toml::open(config)?;
    let mut changes = Vec::new();
    if !wiring.keeps_codex_daemon && daemon(&toml.parsed()?) != Some(false) {
        switch(&mut toml, Some(false))?;
        changes.push(format!(
            "`features.{DAEMON}` is off: with it all terminals of Codex share one process, whose hooks run with the \
             environment of the first, so that sessions would be mistaken for each other (--keep-codex-daemon leaves it)"
        ));
    }
    changes.extend(server(&mut toml, wiring)?);
    changes.extend(trust(&mut toml, before, after)?);
    let mut draft = Draft::new(config);
    toml.finish(&mut draft, changes)?;
    Ok(draft)
}

pub fn disconnect(config: &Document, before: &[Trusted]) -> Result<Draft, Misfit> {
    let mut toml = Toml::open(config)?;
    let mut draft = Draft::new(config);
    let mut changes = Vec::new();
    changes.extend(trust(&mut toml, before, &[])?);
    let parsed = toml.parsed()?;
    if parsed.get(SERVERS).and_then(|servers| servers.get(NAME)).is_some_and(is_ours) {
        toml.cut(&[SERVERS, NAME])?;
        changes.push(format!("the MCP server `{NAME}` goes"));
    }
    if daemon(&parsed) == Some(false) {
        match config.earlier.as_deref().map(str::parse::<DocumentMut>) {
            Some(Ok(earlier)) if daemon(&earlier) != Some(false) => {
                switch(&mut toml, daemon(&earlier))?;
                let features = parsed_item(&toml, "features")?;
                let is_empty = features.as_ref().and_then(Item::as_table_like).is_some_and(TableLike::is_empty);
                if is_empty && !earlier.contains_key("features") {
                    toml.cut(&["features"])?;
                }
                changes.push(format!("`features.{DAEMON}` is as it was"));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None if changes.is_empty() => {}
            Some(Err(_)) | None => {
                draft.warnings.push(format!("`features.{DAEMON} = false` stays: what it was before is not known"));
            }
        }
    }
    toml.finish(&mut draft, changes)?;
    Ok(draft)
}

fn daemon(parsed: &DocumentMut) -> Option<bool> {
    parsed.get("features")?.get(DAEMON)?.as_bool()
}

fn switch(toml: &mut Toml<'_>, is_on: Option<bool>) -> Result<(), Misfit> {
    let Some(features) = parsed_item(toml, "features")? else {
        if let Some(is_on) = is_on {
            let mut table = Table::new();
            table.insert(DAEMON, value(is_on));
            toml.append(&["features"], &table);
        }
        return Ok(());
    };
    let wrong = toml.unexpected("features", &features, "a table");
    toml.edit(|parsed| {
        let features = find_mut(parsed, &["features"]).ok_or(wrong)?;
        match is_on {
            Some(is_on) => set(features, DAEMON, is_on.into()),
            None => {
                features.remove(DAEMON);
            }
        }
        Ok(())
    })
}

/// Puts our server in, and says what changed. What a person added to it stays.
fn server(toml: &mut Toml<'_>, wiring: &Wiring) -> Result<Option<String>, Misfit> {
    let place = format!("{SERVERS}.{NAME}");
    let servers = parsed_item(toml, SERVERS)?;
    let Some(found) = servers.as_ref().and_then(|servers| servers.get(NAME)) else {
        let mut table = Table::new();
        table.insert("command", value(&wiring.program));
        table.insert("args", value(ARGS.into_iter().collect::<Array>()));
        complete(&mut table, wiring);
        match &servers {
            Some(servers) if servers.is_inline_table() => {
                return Err(toml.unexpected(SERVERS, servers, "a table with a header"));
            }
            Some(servers) if !servers.is_table_like() => return Err(toml.unexpected(SERVERS, servers, "a table")),
            _ => toml.append(&[SERVERS, NAME], &table),
        }
        return Ok(Some(format!("the MCP server `{NAME}` is added")));
    };
    if !is_ours(found) {
        return Err(toml.taken(format!("`{place}`")));
    }
    let mut is_changed = false;
    toml.edit(|parsed| {
        let Some(server) = find_mut(parsed, &[SERVERS, NAME]) else { return Ok(()) };
        if server.get("command").and_then(Item::as_str) != Some(&wiring.program) {
            set(server, "command", wiring.program.as_str().into());
            is_changed = true;
        }
        is_changed |= complete(server, wiring);
        Ok(())
    })?;
    Ok(is_changed.then(|| format!("the MCP server `{NAME}` is renewed")))
}

/// Sets how the server finds the mesh, and what it may do. Tells whether something changed.
fn complete(server: &mut dyn TableLike, wiring: &Wiring) -> bool {
    let mut is_changed = false;
    if wiring.env.is_empty() {
        let stale = server.get_mut("env").and_then(Item::as_table_like_mut).and_then(|env| env.remove(HOME));
        if stale.is_some() {
            is_changed = true;
            if server.get("env").and_then(Item::as_table_like).is_some_and(TableLike::is_empty) {
                server.remove("env");
            }
        }
        if !server.contains_key("env_vars") {
            server.insert("env_vars", value(PLACES.into_iter().collect::<Array>()));
            is_changed = true;
        }
    } else {
        if !server.get("env").is_some_and(Item::is_table_like) {
            server.insert("env", value(InlineTable::new()));
        }
        if let Some(env) = server.get_mut("env").and_then(Item::as_table_like_mut) {
            for (name, wanted) in &wiring.env {
                if env.get(name).and_then(Item::as_str) != Some(wanted) {
                    set(env, name, wanted.as_str().into());
                    is_changed = true;
                }
            }
        }
    }
    if wiring.may_use_tools && server.get(APPROVAL).and_then(Item::as_str) != Some("approve") {
        set(server, APPROVAL, "approve".into());
        is_changed = true;
    }
    is_changed
}

const APPROVAL: &str = "default_tools_approval_mode";

/// Trusts the hooks that are there now, and forgets those of ours that were elsewhere.
fn trust(toml: &mut Toml<'_>, before: &[Trusted], after: &[Trusted]) -> Result<Option<String>, Misfit> {
    let known = |parsed: &DocumentMut, key: &str| {
        let hash = parsed.get("hooks")?.get("state")?.get(key)?.get("trusted_hash")?;
        hash.as_str().map(str::to_owned)
    };
    let mut parsed = toml.parsed()?;
    let gone: Vec<&Trusted> = before
        .iter()
        .filter(|old| known(&parsed, &old.key).as_ref() == Some(&old.hash))
        .filter(|old| after.iter().all(|new| new.key != old.key))
        .collect();
    for old in &gone {
        toml.cut(&["hooks", "state", &old.key])?;
    }
    let new: Vec<&Trusted> = after.iter().filter(|new| known(&parsed, &new.key).as_ref() != Some(&new.hash)).collect();
    for new in &new {
        parsed = toml.parsed()?;
        let state = parsed.get("hooks").and_then(|hooks| hooks.get("state"));
        if state.and_then(|state| state.get(&new.key)).is_none() {
            let mut table = Table::new();
            table.insert("trusted_hash", value(&new.hash));
            toml.append(&["hooks", "state", &new.key], &table);
            continue;
        }
        toml.edit(|parsed| {
            if let Some(entry) = find_mut(parsed, &["hooks", "state", &new.key]) {
                set(entry, "trusted_hash", new.hash.as_str().into());
            }
            Ok(())
        })?;
    }
    Ok(match (new.len(), gone.len()) {
        (0, 0) => None,
        (0, gone) => Some(format!("{gone} hooks of ours are not trusted any more")),
        (new, _) => Some(format!("{new} hooks of ours are trusted, so that Codex runs them")),
    })
}

fn parsed_item(toml: &Toml<'_>, name: &str) -> Result<Option<Item>, Misfit> {
    Ok(toml.parsed()?.get(name).cloned())
}

/// Ours is started as `… mcp`, whichever program that is.
fn is_ours(server: &Item) -> bool {
    let first = server.get("args").and_then(|args| args.as_array()?.get(0)?.as_str());
    first == Some(ARGS[0])
}

/// Sets a value and leaves the comment beside it.
fn set(table: &mut dyn TableLike, name: &str, wanted: Value) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = wanted;
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(name, Item::Value(wanted));
        }
    }
}
