//! pi: an extension file that tells what happens, prompts it with its mail, and brings it the tools: it has no MCP of its own.

use super::{Document, Draft, Misfit, Wiring, program_file::ProgramFile};

const EXTENSION: ProgramFile =
    ProgramFile { source: include_str!("../../assets/pi.ts"), what: "the extension that tells the mesh what happens" };

pub fn connect(extension: &Document, wiring: &Wiring) -> Result<Vec<Draft>, Misfit> {
    Ok(vec![EXTENSION.put(extension, wiring)?])
}

pub fn disconnect(extension: &Document) -> Result<Vec<Draft>, Misfit> {
    Ok(vec![EXTENSION.remove(extension)])
}
