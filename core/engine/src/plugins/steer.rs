//! Operations on plugins: a command of the model becomes one of the host, and its errors become refusals.

use tieline_host::{Host, Operation, OperationError};
use tieline_model::{
    Code, Command, Principal, Refusal,
    command::{PluginRef, PluginTrust},
    plugin,
    reply::PluginView,
};

use super::show;
use crate::port::Unable;

/// Carries an operation out and returns how the plugin is then. Blocks.
pub fn operate(host: &Host, command: &Command, by: &Principal) -> Result<PluginView, Unable> {
    let operation = match command {
        Command::PluginEnable(PluginRef { name }) => Operation::Enable { name: name.clone() },
        Command::PluginDisable(PluginRef { name }) => Operation::Disable { name: name.clone() },
        Command::PluginReload(PluginRef { name }) => Operation::Reload { name: name.clone() },
        Command::PluginTrust(PluginTrust { name, hash }) => {
            Operation::Trust { name: name.clone(), hash: hash.clone(), by: by.name.clone() }
        }
        other => return Err(Unable::Failed(format!("`{}` is no operation on a plugin", other.name()))),
    };
    let name = operation.name().to_owned();
    let field = |of: &str| format!("{}.{of}", command.name());
    match host.operate(operation) {
        Ok(about) => match about.into_iter().next() {
            Some(status) => Ok(show::plugin(status)),
            None => Err(plugin::unknown(&name, [], &field("name")).into()),
        },
        Err(error) => Err(unable(error, &field)),
    }
}

fn unable(error: OperationError, field: &dyn Fn(&str) -> String) -> Unable {
    let message = error.to_string();
    match error {
        OperationError::Unknown { name, candidates } => plugin::unknown(&name, candidates, &field("name")).into(),
        OperationError::Ambiguous { name, files } => plugin::ambiguous(&name, files, &field("name")).into(),
        OperationError::WrongHash { .. } => Refusal::new(Code::WrongHash, message).at(field("hash")).into(),
        OperationError::NotNow { .. } | OperationError::ConfiguredOff { .. } => {
            Refusal::new(Code::PluginState, message).at(field("name")).into()
        }
        OperationError::Io { .. } => Unable::Failed(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(error: OperationError) -> Refusal {
        match unable(error, &|of| format!("plugin_trust.{of}")) {
            Unable::Refused(refusal) => *refusal,
            Unable::Failed(what) => panic!("{what}"),
        }
    }

    #[test]
    fn what_the_host_does_not_do_becomes_a_refusal_with_its_code() {
        let unknown = OperationError::Unknown { name: "ehco".into(), candidates: vec!["slack".into(), "echo".into()] };
        let unknown = refusal(unknown);
        assert_eq!((unknown.code, unknown.field.as_deref()), (Code::UnknownPlugin, Some("plugin_trust.name")));
        assert_eq!(unknown.candidates, ["echo", "slack"]);
        let ambiguous =
            refusal(OperationError::Ambiguous { name: "e".into(), files: vec!["a.so".into(), "b.so".into()] });
        assert_eq!((ambiguous.code, ambiguous.candidates.len()), (Code::AmbiguousPlugin, 2));
        let wrong = refusal(OperationError::WrongHash { found: "aa".into(), wanted: "bb".into() });
        assert_eq!((wrong.code, wrong.field.as_deref()), (Code::WrongHash, Some("plugin_trust.hash")));
        assert!(wrong.message.contains("aa") && wrong.message.contains("bb"), "{}", wrong.message);
        assert_eq!(refusal(OperationError::NotNow { reason: "not now".into() }).code, Code::PluginState);
        let io = OperationError::Io { path: "/x".into(), source: std::io::Error::other("gone") };
        assert!(matches!(unable(io, &|_| String::new()), Unable::Failed(what) if what.contains("/x")));
    }
}
