//! Finding a plugin by its name, and what to do about one that does not run.

use crate::{
    outcome::{Code, Refusal},
    reply::PluginView,
    route::nearest_first,
};

/// Finds the one plugin that a name means: its own, or that of its file. `field` names the input at fault.
pub fn find<'a>(plugins: &'a [PluginView], name: &str, field: &str) -> Result<&'a PluginView, Refusal> {
    if let Some(plugin) = plugins.iter().find(|plugin| plugin.file == name) {
        return Ok(plugin);
    }
    let named: Vec<&PluginView> = plugins.iter().filter(|plugin| plugin.name == name).collect();
    let alive = || named.iter().filter(|plugin| matches!(plugin.state.as_str(), "running" | "starting" | "restarting"));
    match named[..] {
        [plugin] => Ok(plugin),
        // The one that has the name now is meant, and not one that would like to have it.
        [_, ..] if alive().count() == 1 => alive().next().copied().ok_or_else(|| unknown(name, [], field)),
        [] => Err(unknown(name, plugins.iter().map(|plugin| plugin.name.clone()), field)),
        _ => Err(ambiguous(name, named.iter().map(|plugin| plugin.file.clone()), field)),
    }
}

/// The refusal for a name that no plugin and no file has, with those that there are.
pub fn unknown(name: &str, known: impl IntoIterator<Item = String>, field: &str) -> Refusal {
    let known = nearest_first(name, known);
    let none = if known.is_empty() { "; there are none" } else { "" };
    let message = format!("no plugin is called `{}`{none}", crate::text::printable(name));
    Refusal::new(Code::UnknownPlugin, message).at(field).with_candidates(known)
}

/// The refusal for a name that several files have.
pub fn ambiguous(name: &str, files: impl IntoIterator<Item = String>, field: &str) -> Refusal {
    let message = format!("several files hold a plugin called `{name}`; name one of the files");
    Refusal::new(Code::AmbiguousPlugin, message).at(field).with_candidates(files)
}

/// Says what a person can do about a plugin that does not run, or whose newest file does not. Nothing for one that is
/// well.
pub fn advice(plugin: &PluginView) -> Option<String> {
    let name = &plugin.name;
    if let Some(pending) = &plugin.pending {
        let to_do = for_step(name, &pending.step);
        return Some(format!("it goes on as it was; for the file that is there now: {to_do}"));
    }
    match plugin.state.as_str() {
        "running" | "starting" => None,
        "waiting" => Some("it is loaded as soon as its file is complete; if the copy has ended, copy it again".into()),
        "restarting" => Some(format!("it is started again after a pause; see `tieline plugins logs {name}`")),
        "disabled" => Some(format!("tieline plugins enable {name}")),
        "stopped" => Some(format!("tieline plugins reload {name}")),
        _ => Some(for_step(name, plugin.step.as_deref().unwrap_or_default())),
    }
}

fn for_step(name: &str, step: &str) -> String {
    match step {
        "elf" => "copy the whole library again, built for this machine".into(),
        "owner" => "give it and its folders to your user, writable by nobody else".into(),
        "trust" => format!("if you know the file: tieline plugins trust {name}"),
        "stage" => format!("make room in the data directory, then: tieline plugins reload {name}"),
        "probe" | "open" | "symbol" | "version" | "manifest" => {
            "build it anew against this version's SDK, run its conformance test, and copy it again".into()
        }
        "create" | "start" => {
            format!("mend its settings ([plugins.{name}.settings]) or its file, then: tieline plugins reload {name}")
        }
        _ => format!("see `tieline plugins logs {name}`, replace its file, or: tieline plugins reload {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::PendingPlugin;

    fn plugin(name: &str, file: &str) -> PluginView {
        PluginView { name: name.into(), file: file.into(), state: "running".into(), ..PluginView::default() }
    }

    #[test]
    fn a_plugin_is_found_by_its_name_and_by_its_file() {
        let plugins = [plugin("echo", "libecho.so"), plugin("slack", "libslack.so")];
        assert_eq!(find(&plugins, "slack", "x").unwrap().file, "libslack.so");
        assert_eq!(find(&plugins, "libecho.so", "x").unwrap().name, "echo");
    }

    #[test]
    fn an_unknown_name_lists_those_that_there_are() {
        let plugins = [plugin("slack", "libslack.so"), plugin("echo", "libecho.so")];
        let refusal = find(&plugins, "ehco", "plugin_info.name").unwrap_err();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::UnknownPlugin, Some("plugin_info.name")));
        assert_eq!(refusal.candidates, ["echo", "slack"]);
        assert!(find(&[], "echo", "x").unwrap_err().message.contains("there are none"));
    }

    #[test]
    fn of_several_the_one_that_runs_is_meant() {
        let failed = PluginView { state: "failed".into(), ..plugin("echo", "liba.so") };
        assert_eq!(find(&[failed, plugin("echo", "libb.so")], "echo", "x").unwrap().file, "libb.so");
    }

    #[test]
    fn a_name_of_several_files_lists_the_files() {
        let plugins = [plugin("echo", "liba.so"), plugin("echo", "libb.so")];
        let refusal = find(&plugins, "echo", "x").unwrap_err();
        assert_eq!(
            (refusal.code, &refusal.candidates[..]),
            (Code::AmbiguousPlugin, &["liba.so".into(), "libb.so".into()][..])
        );
        assert_eq!(find(&plugins, "libb.so", "x").unwrap().file, "libb.so");
    }

    #[test]
    fn what_does_not_run_comes_with_what_to_do() {
        assert_eq!(advice(&plugin("echo", "libecho.so")), None);
        for (state, step, says) in [
            ("failed", "trust", "tieline plugins trust echo"),
            ("quarantined", "trust", "tieline plugins trust echo"),
            ("failed", "elf", "copy the whole library"),
            ("failed", "start", "[plugins.echo.settings]"),
            ("quarantined", "deliver", "tieline plugins logs echo"),
            ("disabled", "trust", "tieline plugins enable echo"),
            ("stopped", "", "tieline plugins reload echo"),
        ] {
            let found = advice(&PluginView { state: state.into(), step: Some(step.into()), ..plugin("echo", "f") });
            assert!(found.as_deref().is_some_and(|found| found.contains(says)), "{state} at {step}: {found:?}");
        }
        let pending = PendingPlugin { hash: None, step: "trust".into(), reason: "it is new".into() };
        let held = advice(&PluginView { pending: Some(pending), ..plugin("echo", "f") }).unwrap();
        assert!(held.contains("goes on") && held.contains("tieline plugins trust echo"), "{held}");
    }
}
