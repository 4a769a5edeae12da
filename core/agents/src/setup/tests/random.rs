//! Random settings: connecting twice is connecting once, and disconnecting leaves what was there.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use toml_edit::DocumentMut;

use super::*;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
enum Look {
    Compact,
    Indented(&'static str),
    Commented,
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![
        Just(Look::Compact),
        Just(Look::Indented("  ")),
        Just(Look::Indented("    ")),
        Just(Look::Indented("\t")),
        Just(Look::Commented)
    ]
}

fn written(value: &Value, look: Look) -> String {
    let indented = |indent: &str| {
        let mut out = Vec::new();
        let form = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        serde::Serialize::serialize(value, &mut serde_json::Serializer::with_formatter(&mut out, form)).unwrap();
        String::from_utf8(out).unwrap() + "\n"
    };
    match look {
        Look::Compact => value.to_string(),
        Look::Indented(indent) => indented(indent),
        Look::Commented => indented("  ").lines().map(|line| format!("{line} // c\n")).collect(),
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from)
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z \"]{1,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The hooks of others: some groups for some events, some of which we use too.
fn hooks() -> impl Strategy<Value = Value> {
    let handler = "[a-z /'\"$]{1,12}".prop_map(|command| json!({"type": "command", "command": command}));
    let group =
        (prop::collection::vec(handler, 1..3), prop::option::of("[A-Z][a-z]{1,5}")).prop_map(|(list, matcher)| {
            let mut group = json!({"hooks": list});
            if let Some(matcher) = matcher {
                group["matcher"] = json!(matcher);
            }
            group
        });
    let event = prop::sample::select(vec!["Stop", "SessionStart", "BeforeTool", "Setup", "Elsewhere"]);
    prop::collection::btree_map(event, prop::collection::vec(group, 1..3), 1..4)
        .prop_map(|events| events.into_iter().map(|(event, groups)| (event.to_owned(), Value::from(groups))).collect())
}

fn settings() -> impl Strategy<Value = Value> {
    let servers = prop::collection::btree_map("[a-s]{1,5}", any_value(), 1..3);
    let others = prop::collection::btree_map("[a-z]{7,9}", any_value(), 0..4);
    (prop::option::of(hooks()), prop::option::of(servers), others).prop_map(|(hooks, servers, others)| {
        let mut fields: Map<String, Value> = others.into_iter().collect();
        fields.extend(hooks.map(|hooks| ("hooks".to_owned(), hooks)));
        let servers: Option<Value> = servers.map(|servers| Value::Object(servers.into_iter().collect()));
        for name in ["mcpServers", "mcp"] {
            fields.extend(servers.clone().map(|servers| (name.to_owned(), servers)));
        }
        Value::Object(fields)
    })
}

/// Pieces of a configuration, each of which may stand beside every other.
fn config() -> impl Strategy<Value = String> {
    let top = prop::sample::subsequence(
        vec!["model = \"m\" # mine\n", "notify = [\"a\", 'b']\n", "# a comment\n", "tui.theme = \"x\"\n"],
        0..=4,
    );
    let features = prop::sample::select(vec![
        "",
        "[features]\n",
        "[features]\nweb = true\n",
        "[features]\ndaemon_auto_start = true # on\nweb = 1\n",
        "\n[features]\ndaemon_auto_start = false\n\n",
    ]);
    let tables = prop::sample::subsequence(
        vec![
            "\n# servers\n[mcp_servers.other]\ncommand = \"o\"\n[mcp_servers.other.env]\nA = \"b\"\n",
            "[hooks.state.\"/elsewhere/hooks.json:stop:0:0\"]\ntrusted_hash = \"sha256:00\" # theirs\n",
            "\n\n[projects.\"/a b\"]\ntrust_level = \"trusted\"\n# after\n",
            "[[profiles]]\nname = 1\n[[profiles]]\nname = 2\n",
            "# the end\n",
        ],
        0..=5,
    );
    (top, features, tables).prop_map(|(top, features, tables)| format!("{}{features}{}", top.concat(), tables.concat()))
}

fn read(text: &str) -> Value {
    let tree = jsonc_parser::cst::CstRootNode::parse(text, &jsonc_parser::ParseOptions::default()).unwrap();
    tree.to_serde_value().unwrap()
}

/// Checks what has to hold for all agents; returns the texts after disconnecting.
fn there_and_back(agent: Agent, texts: &[Option<&str>]) -> Vec<String> {
    let wiring = wiring("/opt/tie line/tieline");
    let before = documents(agent, texts);
    let after = applied(&before, &connect(agent, &before, &wiring).unwrap());
    let again = connect(agent, &after, &wiring).unwrap();
    assert!(changes(&again).is_empty(), "{again:?}");
    assert_eq!(applied(&after, &again), after);
    let back = disconnect(agent, &after).unwrap();
    let gone = disconnect(agent, &applied(&after, &back)).unwrap();
    assert!(changes(&gone).is_empty(), "{gone:?}");
    back.into_iter().map(|draft| draft.text.unwrap_or_default()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn json_settings_survive_us(value in settings(), look in look()) {
        let text = written(&value, look);
        for agent in [Agent::Claude, Agent::Codex, Agent::Gemini, Agent::Opencode] {
            let texts: &[Option<&str>] =
                if agent == Agent::Claude { &[Some(&text), Some(&text)] } else { &[Some(&text)] };
            let back = there_and_back(agent, texts);
            prop_assert_eq!(read(&back[0]), value.clone());
            // Nothing of what was written there is touched. Of one long line the breaks stay that we have made.
            if !matches!(look, Look::Compact) {
                prop_assert_eq!(&back[0], &text);
            }
        }
    }

    #[test]
    fn a_configuration_of_codex_survives_us(text in config()) {
        let back = there_and_back(Agent::Codex, &[None, Some(&text)]);
        prop_assert_eq!(&back[1], &text);
        back[1].parse::<DocumentMut>().unwrap();
    }
}
