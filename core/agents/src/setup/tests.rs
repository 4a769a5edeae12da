//! Connecting and disconnecting, over files as people have them and over random ones.

mod random;

use super::*;

fn wiring(program: &str) -> Wiring {
    Wiring { program: program.into(), env: BTreeMap::new(), may_use_tools: false, keeps_codex_daemon: false }
}

fn documents(agent: Agent, texts: &[Option<&str>]) -> Vec<Document> {
    let roots = Roots::new(Path::new("/home/u"), |_| None);
    let paths = files(agent, &roots, |_| false);
    let texts = texts.iter().copied().chain(std::iter::repeat(None));
    let document = |(path, text): (PathBuf, Option<&str>)| Document {
        path,
        text: text.map(str::to_owned),
        earlier: Some(text.unwrap_or_default().to_owned()),
    };
    paths.into_iter().zip(texts).map(document).collect()
}

/// The files after the change, with what was in them before the first.
fn applied(documents: &[Document], drafts: &[Draft]) -> Vec<Document> {
    let after = |(old, new): (&Document, &Draft)| Document { text: new.text.clone(), ..old.clone() };
    documents.iter().zip(drafts).map(after).collect()
}

fn changes(drafts: &[Draft]) -> Vec<&str> {
    drafts.iter().flat_map(|draft| &draft.changes).map(String::as_str).collect()
}

fn connected(agent: Agent, texts: &[Option<&str>], wiring: &Wiring) -> Vec<Document> {
    let documents = documents(agent, texts);
    applied(&documents, &connect(agent, &documents, wiring).unwrap())
}

#[test]
fn every_agent_is_connected_from_nothing_once_and_taken_out_again() {
    for agent in Agent::ALL {
        let wiring = wiring("/usr/bin/tieline");
        let before = documents(agent, &[]);
        let first = connect(agent, &before, &wiring).unwrap();
        assert!(first.iter().all(|draft| !draft.changes.is_empty()), "{agent}: {first:?}");
        let after = applied(&before, &first);
        assert!(changes(&connect(agent, &after, &wiring).unwrap()).is_empty(), "{agent}");
        for draft in disconnect(agent, &after).unwrap() {
            let rest = draft.text.unwrap_or_default();
            assert!(matches!(rest.trim(), "" | "{}"), "{agent}: {rest}");
        }
    }
}

#[test]
fn a_new_place_of_the_program_is_taken_over_and_nothing_is_there_twice() {
    for agent in Agent::ALL {
        let old = connected(agent, &[], &wiring("/old/tieline"));
        let new = applied(&old, &connect(agent, &old, &wiring("/new/tieline")).unwrap());
        assert_eq!(new, connected(agent, &[], &wiring("/new/tieline")), "{agent}");
    }
}

#[test]
fn the_hooks_of_others_stay_in_their_places_and_ours_come_after() {
    let text = r#"{
    "model": "opus",
    "hooks": {
        "Stop": [{ "hooks": [{ "type": "command", "command": "say done" }] }]
    }
}
"#;
    let documents = connected(Agent::Claude, &[Some(text)], &wiring("/bin/tieline"));
    let after = documents[0].text.as_deref().unwrap();
    assert!(after.starts_with("{\n    \"model\": \"opus\",\n    \"hooks\": {\n        \"Stop\": ["), "{after}");
    let value: serde_json::Value = serde_json::from_str(after).unwrap();
    let stop = &value["hooks"]["Stop"];
    assert_eq!(stop[0]["hooks"][0]["command"], "say done");
    assert_eq!(
        stop[1],
        serde_json::json!({"hooks": [
            {"type": "command", "command": "/bin/tieline hook --agent claude Stop", "timeout": 10}
        ]})
    );
    let servers: serde_json::Value = serde_json::from_str(documents[1].text.as_deref().unwrap()).unwrap();
    let server = serde_json::json!({"tieline": {"type": "stdio", "command": "/bin/tieline", "args": ["mcp"]}});
    assert_eq!(servers["mcpServers"], server);
}

#[test]
fn comments_order_and_indentation_stay() {
    let text = "// mine\n{\n\t\"ui\": {\"theme\": \"x\"}, // dark\n\t/* old */ \"mcpServers\": {\n\t\t\"a\": {\"command\": \"a\"}, // keep\n\t},\n}\n";
    let documents = connected(Agent::Gemini, &[Some(text)], &wiring("/bin/tieline"));
    let after = documents[0].text.as_deref().unwrap();
    for piece in ["// mine\n", "\"ui\": {\"theme\": \"x\"}, // dark\n", "/* old */", "// keep", "\n\t\t\"tieline\": {"]
    {
        assert!(after.contains(piece), "{piece}: {after}");
    }
    let back = disconnect(Agent::Gemini, &documents).unwrap();
    assert_eq!(back[0].text.as_deref().unwrap(), text);
}

#[test]
fn what_a_person_added_to_our_server_stays() {
    let state = r#"{"mcpServers": {"tieline": {"command": "/old", "args": ["mcp", "--session", "review"], "x": 1}}}"#;
    let documents = connected(Agent::Claude, &[None, Some(state)], &wiring("/new"));
    let after = documents[1].text.as_deref().unwrap();
    assert_eq!(after, state.replace("/old", "/new"));
}

#[test]
fn a_server_of_that_name_that_is_not_ours_is_left_alone() {
    let state = r#"{"mcpServers": {"tieline": {"command": "other", "args": []}}}"#;
    let documents = documents(Agent::Claude, &[None, Some(state)]);
    let error = connect(Agent::Claude, &documents, &wiring("/new")).unwrap_err().to_string();
    assert!(error.starts_with("/home/u/.claude.json: `mcpServers.tieline` is there already"), "{error}");
    assert!(changes(&disconnect(Agent::Claude, &documents).unwrap()).is_empty());
}

#[test]
fn a_broken_file_is_named_with_its_place() {
    let broken = |agent, texts: &[Option<&str>]| {
        connect(agent, &documents(agent, texts), &wiring("/t")).unwrap_err().to_string()
    };
    let error = broken(Agent::Claude, &[Some("{\n  \"a\": 1\n  \"b\": 2\n}")]);
    assert!(error.starts_with("/home/u/.claude/settings.json:2:9: not JSON: "), "{error}");
    let error = broken(Agent::Claude, &[Some("{\"hooks\": []}")]);
    assert_eq!(error, "/home/u/.claude/settings.json: `hooks` is a list, wanted an object");
    let error = broken(Agent::Claude, &[Some("{\"hooks\": {}, \"hooks\": {}}")]);
    assert_eq!(error, "/home/u/.claude/settings.json: `hooks` is there twice, wanted one of it");
    let error = broken(Agent::Codex, &[None, Some("a = ")]);
    assert!(error.starts_with("/home/u/.codex/config.toml:1:"), "{error}");
    let error = broken(Agent::Codex, &[None, Some("features = 1\n")]);
    assert_eq!(error, "/home/u/.codex/config.toml: `features` is a number, wanted a table");
    let error = broken(Agent::Opencode, &[None, Some("export const Mine = 1")]);
    assert!(error.contains("plugin/tieline.js: the file is there already and is not ours"), "{error}");
}

#[test]
fn codex_trusts_exactly_what_stands_in_its_hooks() {
    let foreign = r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say"}]}]}}"#;
    let documents = connected(Agent::Codex, &[Some(foreign)], &wiring("/usr/bin/tieline"));
    let config = documents[1].text.as_deref().unwrap();
    let stop = "[hooks.state.\"/home/u/.codex/hooks.json:stop:1:0\"]\n\
                trusted_hash = \"sha256:1b7383558e4f4ff865a6d2ab8167a96510b2f7f43ac512e75a79233061ca1cd2\"\n";
    assert!(config.contains(stop), "{config}");
    assert_eq!(config.matches("trusted_hash").count(), 11);
    assert!(!config.contains("json:stop:0:0"));
    assert!(config.contains("[mcp_servers.tieline]\ncommand = \"/usr/bin/tieline\"\nargs = [\"mcp\"]\n"), "{config}");
    assert!(!config.contains("approval"), "{config}");

    // Somebody takes the foreign hook away: ours is at another place, and is trusted there.
    let hooks =
        documents[0].text.as_deref().unwrap().replace(r#"{"hooks": [{"type": "command", "command": "say"}]},"#, "");
    let moved = super::Document { text: Some(hooks), ..documents[0].clone() };
    let documents = [moved, documents[1].clone()];
    let after = applied(&documents, &connect(Agent::Codex, &documents, &wiring("/usr/bin/tieline")).unwrap());
    assert!(after[1].text.as_deref().unwrap().contains("json:stop:0:0"), "{after:?}");
}

#[test]
fn the_shared_daemon_of_codex_is_off_only_as_long_as_we_are_there() {
    for config in [
        "",
        "[features]\nweb = true # yes\n",
        "features.daemon_auto_start = true\n",
        "# c\n[features]\ndaemon_auto_start = false\n",
    ] {
        let documents = connected(Agent::Codex, &[None, Some(config)], &wiring("/t"));
        let after = documents[1].text.as_deref().unwrap();
        assert!(after.contains("daemon_auto_start = false"), "{after}");
        assert_eq!(disconnect(Agent::Codex, &documents).unwrap()[1].text.as_deref(), Some(config));
    }
    let keep = Wiring { keeps_codex_daemon: true, may_use_tools: true, ..wiring("/t") };
    let after = connected(Agent::Codex, &[], &keep)[1].text.clone().unwrap();
    assert!(
        !after.contains("daemon_auto_start") && after.contains("default_tools_approval_mode = \"approve\""),
        "{after}"
    );
}

#[test]
fn a_mesh_with_a_home_of_its_own_is_named_everywhere() {
    for agent in Agent::ALL {
        let plain = wiring("/bin/tieline");
        let moved = Wiring { env: BTreeMap::from([("TIELINE_HOME".into(), "/srv/mesh".into())]), ..plain.clone() };
        let documents = connected(agent, &[], &moved);
        assert!(
            documents.iter().all(|document| document.text.as_deref().unwrap().contains("/srv/mesh")),
            "{agent}: {documents:?}"
        );
        // Back at the usual places nothing remembers the old one.
        let back = applied(&documents, &connect(agent, &documents, &plain).unwrap());
        assert!(
            back.iter().all(|document| !document.text.as_deref().unwrap().contains("/srv/mesh")),
            "{agent}: {back:?}"
        );
    }
}
