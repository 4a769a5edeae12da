//! OpenCode: our MCP server in its configuration, and a plugin file that tells what happens, and prompts it
//! with its mail.

use super::{Document, Draft, Misfit, Wiring, jsonc::Json, program_file::ProgramFile, servers::Form};

const SERVER: Form = Form::Together;

const PLUGIN: ProgramFile = ProgramFile {
    source: include_str!("../../assets/opencode.js"),
    what: "the plugin that tells the mesh what happens",
};

pub fn connect(config: &Document, plugin: &Document, wiring: &Wiring) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(config)?;
    let mut server = Draft::new(config);
    server.take(&json, SERVER.put(&json, wiring)?);
    Ok(vec![server, PLUGIN.put(plugin, wiring)?])
}

pub fn disconnect(config: &Document, plugin: &Document) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(config)?;
    let mut server = Draft::new(config);
    server.take(&json, SERVER.remove(&json)?);
    Ok(vec![server, PLUGIN.remove(plugin)])
}
