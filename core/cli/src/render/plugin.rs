//! Plugins: how they fare, why, and what they log.

use tieline_model::{
    TimestampMs,
    reply::{PluginLogRecord, PluginLogs, PluginView, Plugins},
};

use super::{
    ago, clock, line,
    style::{Paint, Style},
    table::{Cell, table},
};

/// Renders the plugins as a table; below it, one by one, why some do not run and what to do.
pub fn plugins(reply: &Plugins, style: &Style) -> String {
    if reply.plugins.is_empty() {
        return "no plugins".into();
    }
    let rows: Vec<[Cell; 5]> = reply
        .plugins
        .iter()
        .map(|plugin| {
            [
                Cell::new(Paint::Bold, line(&plugin.name)),
                Cell::new(paint(&plugin.state), line(&plugin.state)),
                runs(plugin).into(),
                plugin.version.as_deref().map(line).unwrap_or_default().into(),
                line(&plugin.file).into(),
            ]
        })
        .collect();
    let mut out = table(style, ["NAME", "STATE", "ISOLATION", "VERSION", "FILE"], &rows);
    for plugin in &reply.plugins {
        if let Some(why) = why(plugin, style) {
            out += &format!("\n{}\n{}\n", style.bold(&line(&plugin.name)), shifted(&why));
        }
    }
    out
}

/// Renders one plugin.
pub fn plugin(plugin: &PluginView, style: &Style, now: TimestampMs) -> String {
    let mut lines = vec![style.bold(&line(&plugin.name))];
    let mut add = |name: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("  {name:<9}  {value}")));
    };
    let count = |n: u32| (n > 0).then(|| n.to_string());
    add(
        "state",
        Some(format!(
            "{}, since {}",
            style.paint(paint(&plugin.state), &line(&plugin.state)),
            ago(plugin.since_ms, now)
        )),
    );
    add("isolation", Some(runs(plugin)).filter(|runs| !runs.is_empty()));
    add("version", plugin.version.as_deref().map(line));
    add("file", Some(line(&plugin.file)));
    add("hash", plugin.hash.as_deref().map(line));
    add("restarts", count(plugin.restarts));
    add("reloads", count(plugin.reloads));
    let mut out = lines.join("\n");
    if let Some(why) = why(plugin, style) {
        out += &format!("\n{}", shifted(&why));
    }
    out
}

/// Renders log records, one a line.
pub fn logs(reply: &PluginLogs, style: &Style) -> String {
    if reply.records.is_empty() {
        return format!("`{}` has logged nothing since the daemon started", line(&reply.name));
    }
    reply.records.iter().map(|record| log_record(record, style)).collect::<Vec<_>>().join("\n")
}

/// Renders one log record as one line.
pub fn log_record(record: &PluginLogRecord, style: &Style) -> String {
    let paint = match record.level.as_str() {
        "error" => Paint::Bad,
        "warn" => Paint::Warn,
        "info" => Paint::Good,
        _ => Paint::Dim,
    };
    let level = style.paint(paint, &format!("{:<5}", line(&record.level)));
    let mut said = String::new();
    if let Some(fields) = record.fields.as_object() {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        said = fields.get("message").map(text).map(|text| line(&text)).unwrap_or_default();
        for (name, value) in fields.iter().filter(|(name, _)| *name != "message") {
            said += &style.dim(&format!("  {}={}", line(name), line(&text(value))));
        }
    }
    format!("{}  {level}  {}  {said}", style.dim(&clock(record.at_ms)), style.dim(&line(&record.target)))
}

/// Says why a plugin does not run, or its newest file does not, and what to do; over several lines.
fn why(plugin: &PluginView, style: &Style) -> Option<String> {
    let mut said = Vec::new();
    let at = |step: &str, reason: &str| format!("at {}: {}", style.bold(&line(step)), line(reason));
    match (plugin.step.as_deref(), plugin.reason.as_deref()) {
        (Some(step), Some(reason)) => said.push(at(step, reason)),
        (None, Some(reason)) => said.push(line(reason)),
        _ => {}
    }
    if let Some(pending) = &plugin.pending {
        said.push(format!("a newer file is not taken, {}", at(&pending.step, &pending.reason)));
    }
    if let Some(advice) = &plugin.advice {
        said.push(format!("{} {}", style.warn("→"), line(advice)));
    }
    (!said.is_empty()).then(|| said.join("\n"))
}

/// Says where a plugin runs, and under which number while it has a process of its own.
fn runs(plugin: &PluginView) -> String {
    let isolation = plugin.isolation.as_deref().map(line).unwrap_or_default();
    plugin.pid.map_or_else(|| isolation.clone(), |pid| format!("{isolation} {pid}"))
}

fn paint(state: &str) -> Paint {
    match state {
        "running" => Paint::Good,
        "disabled" | "stopped" => Paint::Dim,
        "starting" | "waiting" | "restarting" => Paint::Warn,
        _ => Paint::Bad,
    }
}

/// Moves lines to the right that are safe to show already and may be painted.
fn shifted(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use tieline_model::reply::PendingPlugin;

    use super::*;
    use crate::render::testing::*;

    fn view(name: &str, state: &str) -> PluginView {
        PluginView {
            name: name.into(),
            file: format!("lib{name}.so"),
            state: state.into(),
            since_ms: THEN,
            ..PluginView::default()
        }
    }

    #[test]
    fn what_does_not_run_says_at_which_step_why_and_what_to_do() {
        let running = PluginView {
            isolation: Some("in-process".into()),
            version: Some("0.1.0".into()),
            ..view("websocket", "running")
        };
        let failed = PluginView {
            step: Some("symbol".into()),
            reason: Some("no TIELINE_TRANSPORT".into()),
            advice: Some("build it anew".into()),
            ..view("x", "failed")
        };
        let apart = PluginView { isolation: Some("process".into()), pid: Some(1234), ..view("echo", "running") };
        assert_eq!(
            plugins(&Plugins { plugins: vec![running, apart, failed] }, &PLAIN),
            "NAME       STATE    ISOLATION     VERSION  FILE\n\
             websocket  running  in-process    0.1.0    libwebsocket.so\n\
             echo       running  process 1234           libecho.so\n\
             x          failed                          libx.so\n\
             \n\
             x\n  at symbol: no TIELINE_TRANSPORT\n  → build it anew\n"
        );
    }

    #[test]
    fn one_plugin_shows_all_that_is_known() {
        let pending = PendingPlugin { hash: None, step: "trust".into(), reason: "its hash changed".into() };
        let it = PluginView { hash: Some("ab".into()), restarts: 2, pending: Some(pending), ..view("echo", "running") };
        let text = plugin(&it, &PLAIN, NOW);
        assert!(text.starts_with("echo\n  state      running, since "), "{text}");
        for part in ["  hash       ab", "  restarts   2", "a newer file is not taken, at trust: its hash changed"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_log_record_is_one_line_that_steers_no_terminal() {
        let record = PluginLogRecord {
            seq: 1,
            at_ms: THEN,
            level: "warn".into(),
            target: "echo".into(),
            fields: serde_json::json!({"message": "a\n\u{1b}[2Jb", "count": 3}),
        };
        let text = log_record(&record, &PLAIN);
        assert_eq!(text, "22:30:00.000Z  warn   echo  a\\n\\u{1b}[2Jb  count=3");
    }
}
