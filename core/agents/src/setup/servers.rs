//! Our MCP server in a JSON file of an agent program.

use jsonc_parser::cst::{CstInputValue, CstObject};

use super::{
    Misfit, Wiring,
    jsonc::{Json, text},
};

/// The name that our server has everywhere.
pub const NAME: &str = "tieline";
/// What it is started with.
pub const ARGS: [&str; 1] = ["mcp"];

/// How an agent program writes a server down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Program and arguments apart.
    Apart {
        /// Whether the kind of connection is named.
        is_typed: bool,
    },
    /// Program and arguments in one list, as OpenCode does.
    Together,
}

impl Form {
    const fn list(self) -> &'static str {
        match self {
            Form::Apart { .. } => "mcpServers",
            Form::Together => "mcp",
        }
    }

    const fn env(self) -> &'static str {
        match self {
            Form::Apart { .. } => "env",
            Form::Together => "environment",
        }
    }

    /// Puts our server in, and says what changed. What a person added to it stays.
    pub fn put(self, json: &Json<'_>, wiring: &Wiring) -> Result<Vec<String>, Misfit> {
        let list = json.object(&json.root, self.list())?;
        let place = format!("{}.{NAME}", self.list());
        let Some(server) = json.find_object(&list, NAME, &place)? else {
            list.append(NAME, self.entry(wiring));
            return Ok(vec![format!("the MCP server `{NAME}` is added")]);
        };
        if !self.is_ours(&server) {
            return Err(json.taken(format!("`{place}`")));
        }
        let mut is_changed = false;
        let command = self.command(&server);
        if command.first() != Some(&wiring.program) {
            is_changed = true;
            match self {
                Form::Apart { .. } => set(&server, "command", wiring.program.as_str().into()),
                Form::Together => {
                    let words = std::iter::once(&wiring.program).chain(command.iter().skip(1));
                    let words = words.map(|word| word.as_str().into()).collect();
                    set(&server, "command", CstInputValue::Array(words));
                }
            }
        }
        for (name, value) in &wiring.env {
            let env = json.object(&server, self.env())?;
            if text(&env, name).as_ref() != Some(value) {
                is_changed = true;
                set(&env, name, value.as_str().into());
            }
        }
        is_changed |= self.forget_home(&server, wiring);
        Ok(is_changed.then(|| format!("the MCP server `{NAME}` is renewed")).into_iter().collect())
    }

    /// Takes our server out, and says what changed.
    pub fn remove(self, json: &Json<'_>) -> Result<Vec<String>, Misfit> {
        let Some(list) = json.find_object(&json.root, self.list(), self.list())? else { return Ok(Vec::new()) };
        let place = format!("{}.{NAME}", self.list());
        let Some(server) = json.find_object(&list, NAME, &place)? else { return Ok(Vec::new()) };
        if !self.is_ours(&server) {
            return Ok(Vec::new());
        }
        if let Some(prop) = list.get(NAME) {
            prop.remove();
        }
        if let Some(prop) = json.root.get(self.list()).filter(|_| list.properties().is_empty()) {
            prop.remove();
        }
        Ok(vec![format!("the MCP server `{NAME}` goes")])
    }

    /// A mesh that has moved back to the usual places is not to be looked for at the old one.
    fn forget_home(self, server: &CstObject, wiring: &Wiring) -> bool {
        let Some(env) = server.object_value(self.env()) else { return false };
        let Some(home) = env.get(HOME).filter(|_| !wiring.env.contains_key(HOME)) else { return false };
        home.remove();
        true
    }

    fn entry(self, wiring: &Wiring) -> CstInputValue {
        let program = wiring.program.as_str();
        let mut fields: Vec<(String, CstInputValue)> = Vec::new();
        match self {
            Form::Apart { is_typed } => {
                if is_typed {
                    fields.push(("type".into(), "stdio".into()));
                }
                fields.push(("command".into(), program.into()));
                fields.push(("args".into(), words(&ARGS)));
            }
            Form::Together => {
                fields.push(("type".into(), "local".into()));
                fields.push(("command".into(), words(&[program, ARGS[0]])));
                fields.push(("enabled".into(), true.into()));
            }
        }
        if !wiring.env.is_empty() {
            let env = wiring.env.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            fields.push((self.env().into(), CstInputValue::Object(env)));
        }
        CstInputValue::Object(fields)
    }

    /// Ours is started as `… mcp`, whichever program that is.
    fn is_ours(self, server: &CstObject) -> bool {
        let argument = match self {
            Form::Apart { .. } => strings(server, "args").into_iter().next(),
            Form::Together => strings(server, "command").into_iter().nth(1),
        };
        argument.as_deref() == Some(ARGS[0])
    }

    fn command(self, server: &CstObject) -> Vec<String> {
        match self {
            Form::Apart { .. } => text(server, "command").into_iter().collect(),
            Form::Together => strings(server, "command"),
        }
    }
}

/// The variable that says where the mesh lives.
pub const HOME: &str = "TIELINE_HOME";

fn set(object: &CstObject, name: &str, value: CstInputValue) {
    match object.get(name) {
        Some(prop) => prop.set_value(value),
        None => {
            object.append(name, value);
        }
    }
}

fn words(words: &[&str]) -> CstInputValue {
    CstInputValue::Array(words.iter().map(|word| (*word).into()).collect())
}

fn strings(object: &CstObject, name: &str) -> Vec<String> {
    let elements = object.array_value(name).map(|list| list.elements()).unwrap_or_default();
    elements.iter().filter_map(|element| element.as_string_lit()?.decoded_value().ok()).collect()
}
