//! Plugins are steered by humans alone, through the same door as everything else, and each time it is written down.

use std::sync::Arc;

use tieline_model::{
    Code, Command, EventBody, Principal, PrincipalKind, Scope,
    command::{PluginList, PluginLogs, PluginRef, PluginTrust},
    reply::{PluginView, Reply},
};
use tieline_tests::{Outcomes, World, port::LOG_RECORDS};

fn plugin(name: &str, file: &str) -> PluginView {
    PluginView {
        name: name.into(),
        file: file.into(),
        state: "quarantined".into(),
        hash: Some("ab12".into()),
        ..PluginView::default()
    }
}

async fn world() -> World {
    let world = World::start().await;
    world.port().set_plugins(vec![
        plugin("echo", "libecho.so"),
        plugin("slack", "libslack.so"),
        plugin("twin", "libtwin.so"),
        plugin("twin", "libtwin2.so"),
    ]);
    world
}

fn commands(name: &str) -> [Command; 4] {
    let it = || PluginRef { name: name.to_owned() };
    [
        Command::PluginTrust(PluginTrust { name: name.to_owned(), hash: None }),
        Command::PluginReload(it()),
        Command::PluginDisable(it()),
        Command::PluginEnable(it()),
    ]
}

fn logs(name: &str, limit: Option<u32>, after: Option<u64>) -> Command {
    Command::PluginLogs(PluginLogs { name: name.to_owned(), limit, after })
}

#[actix_rt::test]
async fn an_agent_a_service_and_a_plugin_are_refused_whatever_their_scopes_say() {
    let world = world().await;
    let guest = world.agent("guest").await;
    let reads = [
        Command::PluginList(PluginList {}),
        Command::PluginInfo(PluginRef { name: "echo".into() }),
        logs("echo", None, None),
    ];
    for kind in [PrincipalKind::Agent, PrincipalKind::Service, PrincipalKind::Plugin, PrincipalKind::Schedule] {
        let everything = Arc::new(Principal { kind, scopes: Scope::ALL.to_vec(), ..(*guest).clone() });
        for command in commands("echo").into_iter().chain(reads.clone()) {
            let name = command.name();
            let refusal = world.call(&everything, command).await.refused();
            assert_eq!(refusal.code, Code::Forbidden, "{name} by a {}", kind.as_str());
        }
    }
    assert_eq!(world.port().operations(), []);
}

#[actix_rt::test]
async fn what_a_human_does_is_on_the_log_of_the_mesh_before_it_is_answered() {
    let mut world = world().await;
    let human = Arc::clone(world.human());
    let mesh = world.engine().door.shared().mesh().expect("the daemon has a session of its own");
    for (at, command) in commands("echo").into_iter().enumerate() {
        let name = command.name();
        let Ok(Reply::Plugin(view)) = world.call(&human, command).await else { panic!("`{name}` was refused") };
        assert_eq!(view.state, if name == "plugin_disable" { "disabled" } else { "running" });
        let events = world.timeline(mesh).await;
        let last = events.last().expect("an event");
        assert_eq!(last.seq, at as u64 + 2, "without a gap after the opening");
        let operated = EventBody::PluginOperated {
            plugin: "echo".into(),
            file: "libecho.so".into(),
            command: name.into(),
            hash: Some("ab12".into()),
            by: human.id,
        };
        assert_eq!(last.body, operated);
    }
    let done: Vec<_> = world.port().operations().into_iter().map(|(name, by)| (name, by == human.id)).collect();
    let wanted = ["plugin_trust", "plugin_reload", "plugin_disable", "plugin_enable"].map(|name| (name, true));
    assert_eq!(done, wanted);
    let metrics = world.engine().door.shared().metrics.render(&[]);
    assert!(metrics.contains(r#"tieline_commands_total{command="plugin_trust",result="ok"} 1"#), "{metrics}");

    world.restart().await;
    assert_eq!(world.timeline(mesh).await.len(), 5);
}

#[actix_rt::test]
async fn a_name_that_is_unknown_or_means_several_is_refused_with_what_there_is() {
    let world = world().await;
    let info = |name: &str| Command::PluginInfo(PluginRef { name: name.into() });
    for command in commands("ehco").into_iter().chain([info("ehco"), logs("ehco", None, None)]) {
        let field = format!("{}.name", command.name());
        let refusal = world.call(world.human(), command).await.refused();
        assert_eq!((refusal.code, refusal.field), (Code::UnknownPlugin, Some(field)));
        assert_eq!(refusal.candidates[0], "echo");
    }
    for command in commands("twin").into_iter().chain([info("twin"), logs("twin", None, None)]) {
        let refusal = world.call(world.human(), command).await.refused();
        assert_eq!(refusal.code, Code::AmbiguousPlugin);
        assert_eq!(refusal.candidates, ["libtwin.so", "libtwin2.so"]);
    }
    let Ok(Reply::Plugin(view)) = world.call(world.human(), info("libtwin2.so")).await else { panic!("no plugin") };
    assert_eq!(view.file, "libtwin2.so");
}

#[actix_rt::test]
async fn another_hash_than_the_one_that_was_meant_is_not_trusted() {
    let world = world().await;
    let trust = |hash: &str| Command::PluginTrust(PluginTrust { name: "echo".into(), hash: Some(hash.into()) });
    assert_eq!(world.call(world.human(), trust("cd34")).await.refused().code, Code::WrongHash);
    assert_eq!(world.port().operations(), []);
    assert!(matches!(world.call(world.human(), trust("ab12")).await, Ok(Reply::Plugin(_))));
}

#[actix_rt::test]
async fn log_records_are_the_newest_ones_or_those_after_a_number() {
    let world = world().await;
    let read = async |limit, after| {
        let Ok(Reply::PluginLogs(page)) = world.call(world.human(), logs("echo", limit, after)).await else {
            panic!("no logs")
        };
        let seqs: Vec<u64> = page.records.iter().map(|record| record.seq).collect();
        (seqs.first().copied(), seqs.last().copied(), seqs.len())
    };
    assert_eq!(read(None, None).await, (Some(LOG_RECORDS - 99), Some(LOG_RECORDS), 100));
    assert_eq!(read(Some(2), None).await, (Some(LOG_RECORDS - 1), Some(LOG_RECORDS), 2));
    assert_eq!(read(Some(2), Some(7)).await, (Some(8), Some(9), 2));
    assert_eq!(read(None, Some(LOG_RECORDS)).await, (None, None, 0));
    let refusal = world.call(world.human(), logs("echo", Some(0), None)).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("plugin_logs.limit")));
}
