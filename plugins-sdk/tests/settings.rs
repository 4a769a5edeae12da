//! One definition makes a type and its schema, and they agree.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tieline_plugin_sdk::{Settings, conformance, declaration, prelude::*, schema};

settings! {
    /// How loud.
    enum Mode {
        /// As loud as it goes.
        Loud = "loud",
        Quiet = "quiet",
    }
}

settings! {
    #[derive(Debug, Clone, PartialEq)]
    struct Proxy {
        /// Where it is.
        host: String = "localhost",
        port: u16 where 1..=65535 = 3128,
    }
}

settings! {
    #[derive(Debug, Clone, PartialEq)]
    struct Room {
        name: String,
        is_public: bool = false,
    }
}

settings! {
    /// All kinds of settings.
    #[derive(Debug, Clone, PartialEq)]
    struct All {
        /// Where the other side is:
        /// a "URL", with a back\slash.
        url: String,
        token_name: Option<String>,
        /// How often to try again.
        retries: u32 where 1..=10 = 3,
        offset: i64 where -5..=5 = -1,
        large: u64 = 18_446_744_073_709_551_615,
        ratio: f64 = 0.5,
        mode: Mode = "quiet",
        motto: String = "a \"b\" \\ c",
        is_on: bool = true,
        rooms: Vec<Room>,
        names: BTreeMap<String, u8>,
        proxy: Proxy,
        maybe: Option<Proxy>,
        anything: Value,
    }
}

struct Typed(Host);

impl Transport for Typed {
    const MANIFEST: Manifest = Manifest::new("typed", "1.0.0");
    type Config = All;

    fn start(host: Host, config: All) -> Result<Self, Error> {
        tracing::info!(?config, "started");
        Ok(Typed(host))
    }

    fn deliver(&self, _message: Message<'_>, done: Completion) -> Flow {
        let _now = self.0;
        done.ok();
        Flow::Accepted
    }
}

/// The schema as it stands in the manifest.
#[allow(unsafe_code)]
fn schema_of<T: Transport>() -> Value {
    // SAFETY: a static of this very program.
    let manifest = unsafe { declaration::<T>().manifest.as_slice() }.unwrap();
    serde_json::from_slice::<Value>(manifest).unwrap()["config_schema"].clone()
}

#[test]
fn the_manifest_has_the_schema_of_the_definition() {
    let proxy = json!({
        "type": "object", "additionalProperties": false, "required": [],
        "properties": {
            "host": {"description": "Where it is.", "default": "localhost", "type": "string"},
            "port": {"default": 3128, "type": "integer", "minimum": 1, "maximum": 65535},
        },
    });
    let wanted = json!({
        "type": "object", "additionalProperties": false, "required": ["url"],
        "properties": {
            "url": {"description": "Where the other side is: a \"URL\", with a back\\slash.", "type": "string"},
            "token_name": {"type": "string"},
            "retries": {"description": "How often to try again.", "default": 3, "type": "integer", "minimum": 1, "maximum": 10},
            "offset": {"default": -1, "type": "integer", "minimum": -5, "maximum": 5},
            "large": {"default": u64::MAX, "type": "integer", "minimum": 0, "maximum": u64::MAX},
            "ratio": {"default": 0.5, "type": "number"},
            "mode": {"default": "quiet", "enum": ["loud", "quiet"]},
            "motto": {"default": "a \"b\" \\ c", "type": "string"},
            "is_on": {"default": true, "type": "boolean"},
            "rooms": {"type": "array", "items": {
                "type": "object", "additionalProperties": false, "required": ["name"],
                "properties": {"name": {"type": "string"}, "is_public": {"default": false, "type": "boolean"}},
            }},
            "names": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 255}},
            "proxy": proxy, "maybe": proxy,
            "anything": {},
        },
    });
    let schema = schema_of::<Typed>();
    assert_eq!(schema, wanted);
    assert_eq!(schema::unchecked(&schema), [""; 0]);
}

#[test]
fn what_is_not_given_has_its_default() {
    let read = All::from_value(&json!({"url": "x"})).unwrap();
    let wanted = All {
        url: "x".to_owned(),
        token_name: None,
        retries: 3,
        offset: -1,
        large: u64::MAX,
        ratio: 0.5,
        mode: Mode::Quiet,
        motto: "a \"b\" \\ c".to_owned(),
        is_on: true,
        rooms: Vec::new(),
        names: BTreeMap::new(),
        proxy: Proxy { host: "localhost".to_owned(), port: 3128 },
        maybe: None,
        anything: json!({}),
    };
    assert_eq!(read, wanted);
}

#[test]
fn what_is_given_is_read() {
    let given = json!({
        "url": "x", "token_name": "t", "retries": 10, "offset": -5, "large": 0, "ratio": 1, "mode": "loud", "motto": "",
        "is_on": false, "rooms": [{"name": "a"}, {"name": "b", "is_public": true}], "names": {"one": 1},
        "proxy": {"port": 1}, "maybe": {"host": "h"}, "anything": [1, {}],
    });
    assert_eq!(schema::check(&schema_of::<Typed>(), &given), []);
    let read = All::from_value(&given).unwrap();
    assert_eq!((read.retries, read.offset, read.large, read.ratio, read.mode), (10, -5, 0, 1.0, Mode::Loud));
    let rooms = [("a", false), ("b", true)].map(|(name, is_public)| Room { name: name.to_owned(), is_public });
    assert_eq!((read.rooms.as_slice(), read.names["one"]), (&rooms[..], 1));
    assert_eq!(read.proxy, Proxy { host: "localhost".to_owned(), port: 1 });
    assert_eq!(read.maybe, Some(Proxy { host: "h".to_owned(), port: 3128 }));
    assert_eq!((read.token_name.as_deref(), read.anything), (Some("t"), json!([1, {}])));
}

fn options(config: Value) -> conformance::Options {
    conformance::Options { config, ..Default::default() }
}

#[test]
fn every_mistake_is_named_before_the_transport_is_started() {
    let wrong = json!({"retries": 11, "mode": "lod", "rooms": [{"is_public": 1}], "proxy": {"prot": 1}, "colour": 1});
    let report = conformance::check_with(declaration::<Typed>(), &options(wrong)).to_string();
    for says in [
        "url: found nothing, wanted text",
        "retries: found 11, wanted a whole number from 1 to 10",
        r#"mode: found \"lod\", wanted \"loud\" or \"quiet\""#,
        "rooms.0.is_public: found 1, wanted true or false",
        "rooms.0.name: found nothing, wanted text",
        "proxy.prot: found an unknown key, wanted `port`",
        "colour: found an unknown key",
    ] {
        assert!(report.contains(says), "no `{says}` in {report}");
    }
}

#[test]
fn a_typed_transport_conforms() {
    conformance::check_with(declaration::<Typed>(), &options(json!({"url": "x"}))).assert();
}
