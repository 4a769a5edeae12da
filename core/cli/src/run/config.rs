//! `tieline config`: needs no daemon. `check` opens the plugins in children, to read what settings they want.

use serde_json::json;
use tieline_config::{show, show_json};

use crate::{
    args::{ConfigVerb, Place},
    context::Context,
    exit::Failed,
    settings::{self, Unchecked},
};

/// Runs it.
pub fn run(context: &Context, verb: ConfigVerb) -> Result<(), Failed> {
    let out = &context.out;
    let file = context.home.config_file();
    let is_there = file.exists();
    match verb {
        ConfigVerb::Path { of } => {
            let path = match of {
                Place::File => file,
                Place::Plugins => context.home.plugins_dir(),
            };
            if out.json {
                return out.json(&json!({ "path": path, "exists": path.exists() }));
            }
            out.text(&path.display().to_string())
        }
        ConfigVerb::Show => {
            let loaded = context.config(Vec::new())?;
            if out.json { out.json(&show_json(&loaded)) } else { out.text(&show(&loaded)) }
        }
        ConfigVerb::Check => {
            let settings::Checked { loaded, unchecked } = context.check_all()?;
            loaded.map_err(Failed::Config)?;
            let words = if is_there { "is fine" } else { "is not there, which is fine: every key has a default" };
            if out.json {
                return out.json(&json!({ "problems": [], "unchecked": unchecked }));
            }
            for Unchecked { what, why } in unchecked {
                out.note(&format!("settings that were not checked: {what}: {why}"));
            }
            out.text(&format!("{} {words}", file.display()))
        }
    }
}
