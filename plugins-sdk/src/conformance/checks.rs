//! What is promised, one function each.

use serde_json::Value;

use super::{
    mock::Version,
    run::{Hook, Instance, Subject, sample},
    services::{PRINCIPAL, Services},
};
use crate::{
    Kind,
    abi::{self, PluginDecl},
    schema,
};

type Outcome = Result<(), String>;

type Promise = (&'static str, fn(&Subject<'_>) -> Outcome);

/// Everything but the declaration, which comes first.
pub(super) const ALL: &[Promise] = &[
    ("it starts, stops and is destroyed", starts_and_stops),
    ("it starts again after it was destroyed, also beside another", starts_again),
    ("a configuration that is not JSON is an error", config_not_json),
    ("a configuration of the wrong shape does not crash it", config_wrong_shape),
    ("its settings fit its schema, and the defaults in there are taken", settings_fit),
    ("every accepted message is answered exactly once", answers_once),
    ("messages for links that do not exist are answered", answers_unknown_links),
    ("unknown kinds are ignored", unknown_kinds),
    ("messages of a later version are read by their stride", later_version),
    ("payloads that are not what they should be do not crash it", garbage_payloads),
    ("sockets with garbage on them do not crash it", garbage_sockets),
    ("a full host does not crash it", full_host),
    ("an unknown command is answered", unknown_command),
    ("timers that run out, also unknown ones, do not crash it", timers),
    ("every webhook request is answered exactly once", webhooks_answered),
    ("webhook requests with garbage in them do not crash it", garbage_webhooks),
    ("what it has kept, also as garbage, does not crash its next life", next_life),
    ("services that do not work do not crash it", broken_services),
    ("a host of version 1.0 is served, or refused with a reason", first_host),
    ("calls after the stop are answered", after_stop),
    ("it stops within its deadline, with messages and sockets open", stops_in_time),
];

const SOCKET: u64 = 7;

pub(super) fn declaration(declaration: &'static PluginDecl) -> Outcome {
    let d = declaration;
    if d.magic != abi::MAGIC {
        return Err(format!("the magic is {:#x}; {:#x} is wanted", d.magic, abi::MAGIC));
    }
    if d.abi_major != abi::ABI_MAJOR {
        return Err(format!("the ABI version is {}.{}; {}.x is wanted", d.abi_major, d.abi_minor, abi::ABI_MAJOR));
    }
    if (d.size as usize) < PluginDecl::SIZE_1_0 {
        return Err(format!("the size is {}; at least {} is wanted", d.size, PluginDecl::SIZE_1_0));
    }
    if d.panic_unwind != 1 {
        return Err("it is built with panic = \"abort\": a panic would end the daemon".to_owned());
    }
    let entries = [
        ("create", d.create.is_some()),
        ("start", d.start.is_some()),
        ("deliver", d.deliver.is_some()),
        ("socket_events", d.socket_events.is_some()),
        ("resume", d.resume.is_some()),
        ("command", d.command.is_some()),
        ("shutdown", d.shutdown.is_some()),
        ("destroy", d.destroy.is_some()),
    ];
    if let Some((name, _)) = entries.iter().find(|(_, there)| !there) {
        return Err(format!("`{name}` is null"));
    }
    // SAFETY: a static of the plugin.
    let manifest = unsafe { d.manifest.as_slice() }.ok_or("the manifest has a null pointer")?;
    let manifest: Value = serde_json::from_slice(manifest).map_err(|e| format!("the manifest is not JSON: {e}"))?;
    manifest_sane(&manifest)?;
    let has_webhooks = manifest["webhooks"].as_array().is_some_and(|paths| !paths.is_empty());
    if has_webhooks && d.webhook.is_none() {
        return Err("the manifest names webhooks, and `webhook` is null or absent".to_owned());
    }
    Ok(())
}

fn manifest_sane(manifest: &Value) -> Outcome {
    let text = |key: &str| manifest[key].as_str().ok_or_else(|| format!("the manifest's `{key}` is not a string"));
    let name = text("name")?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(format!("the name is `{name}`; lower-case letters, digits and `-` are wanted"));
    }
    if text("version")?.is_empty() || text("sdk_version")?.is_empty() {
        return Err("a version is empty".to_owned());
    }
    for key in ["sockets", "webhooks", "capabilities"] {
        let items = manifest[key].as_array().ok_or_else(|| format!("the manifest's `{key}` is not a list"))?;
        for item in items {
            let item =
                item.as_str().ok_or_else(|| format!("the manifest's `{key}` has something that is no string"))?;
            if key != "capabilities" && !item.starts_with('/') {
                return Err(format!("the path `{item}` of `{key}` does not begin with `/`"));
            }
        }
    }
    if !manifest["config_schema"].is_object() {
        return Err("`config_schema` is not an object".to_owned());
    }
    match schema::unchecked(&manifest["config_schema"]).as_slice() {
        [] => Ok(()),
        keywords => Err(format!(
            "`config_schema` uses {}, which the daemon does not look at: settings that are forbidden by that would reach \
             the plugin",
            keywords.join(", ")
        )),
    }
}

fn manifest(subject: &Subject<'_>) -> Value {
    // SAFETY: a static of the plugin.
    let json = unsafe { subject.declaration.manifest.as_slice() };
    json.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default()
}

/// The paths that the manifest names under this key.
fn paths(subject: &Subject<'_>, key: &str) -> Vec<String> {
    let paths = manifest(subject)[key].as_array().cloned().unwrap_or_default();
    paths.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn open(subject: &Subject<'_>, instance: &Instance) -> Outcome {
    let Some(path) = paths(subject, "sockets").into_iter().next() else { return Ok(()) };
    let opened = format!(r#"{{"path":{},"principal":{PRINCIPAL}}}"#, serde_json::json!(path));
    instance.socket(&[(abi::SOCKET_OPEN, SOCKET, opened.as_bytes())]).map(|_| ())
}

fn starts_and_stops(subject: &Subject<'_>) -> Outcome {
    let instance = subject.start()?;
    instance.shutdown()?;
    instance.no_complaints()
}

fn starts_again(subject: &Subject<'_>) -> Outcome {
    for _ in 0..3 {
        drop(subject.start()?);
    }
    let (one, other) = (subject.start()?, subject.start()?);
    drop(one);
    other.shutdown()?;
    other.no_complaints()
}

fn config_not_json(subject: &Subject<'_>) -> Outcome {
    for config in [&b"{"[..], b"not json", b"\xff\xfe"] {
        match subject.try_start(config)? {
            (_, abi::OK) => return Err(format!("it started with {:?}", String::from_utf8_lossy(config))),
            (instance, abi::PANIC) => return Err(format!("it panicked: {:?}", instance.mock.seen().faults)),
            (instance, _) if instance.mock.seen().faults.is_empty() => {
                return Err("it failed without a reason; say it with `fault`".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

fn config_wrong_shape(subject: &Subject<'_>) -> Outcome {
    for config in ["[]", "null", "7", "\"x\"", r#"{"no such key":{"a":[1,2,{}]}}"#] {
        if let (instance, abi::PANIC) = subject.try_start(config.as_bytes())? {
            return Err(format!("it panicked with {config}: {:?}", instance.mock.seen().faults));
        }
    }
    Ok(())
}

fn settings_fit(subject: &Subject<'_>) -> Outcome {
    let schema = manifest(subject)["config_schema"].clone();
    let config = &subject.options.config;
    if let Some(mistake) = schema::check(&schema, config).first() {
        return Err(format!("the settings that it is tested with do not fit its schema: {mistake}"));
    }
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let defaults = properties.iter().filter_map(|(key, inner)| Some((key, inner.get("default")?)));
    for (key, default) in defaults.filter(|(key, _)| config.get(key).is_none()) {
        let mut config = config.clone();
        config[key] = default.clone();
        if let Some(mistake) = schema::check(&schema, &config).first() {
            return Err(format!("the default of `{key}` does not fit its own schema: {mistake}"));
        }
        let (instance, status) = subject.try_start(config.to_string().as_bytes())?;
        if status != abi::OK {
            let faults = &instance.mock.seen().faults;
            return Err(format!("it did not start with the default of `{key}`: status {status}, {faults:?}"));
        }
    }
    Ok(())
}

const TO_PLUGIN: [Kind; 5] = [Kind::Outcome, Kind::Delivery, Kind::Skip, Kind::Progress, Kind::LinkDown];

fn answers_once(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    open(subject, &instance)?;
    for round in 0..50 {
        instance.deliver(&[(Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery)); 4])?;
        if round % 10 == 9 {
            instance.deliver(&[])?;
        }
    }
    for kind in TO_PLUGIN {
        instance.deliver(&[(kind.as_u16(), SOCKET, 1, sample(kind))])?;
    }
    instance.shutdown()?;
    instance.all_answered()?;
    instance.no_complaints()
}

fn answers_unknown_links(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    for link in [0, 12_345, 1 << 63, u64::MAX] {
        for kind in TO_PLUGIN {
            instance.deliver(&[(kind.as_u16(), link, 3, sample(kind))])?;
        }
    }
    instance.all_answered()?;
    instance.no_complaints()
}

fn unknown_kinds(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    for kind in [0, 10, 999, u16::MAX] {
        match instance.deliver(&[(kind, SOCKET, 0, "{}")])? {
            abi::OK => {}
            status => return Err(format!("kind {kind} was answered with status {status}; OK is wanted")),
        }
    }
    instance.all_answered()?;
    instance.no_complaints()
}

fn later_version(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    open(subject, &instance)?;
    let message = (Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery));
    match instance.deliver_wide(&[message; 3])? {
        abi::INVALID => return Err("it refuses messages that are larger than it knows".to_owned()),
        _ => instance.all_answered()?,
    }
    instance.no_complaints()
}

fn garbage_payloads(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    open(subject, &instance)?;
    for kind in TO_PLUGIN {
        for payload in ["", "null", "{}", "[[[[", "{\"lane\":7}", "\u{0}\u{1f600}"] {
            instance.deliver(&[(kind.as_u16(), SOCKET, 9, payload)])?;
        }
    }
    instance.shutdown()?;
    instance.all_answered()
}

fn garbage_sockets(subject: &Subject<'_>) -> Outcome {
    let long = vec![b'['; 100_000];
    let frames: [&[u8]; 7] = [b"", b"{}", b"[", b"{\"hello\":{}}", b"null", "\u{1f600}".as_bytes(), &long];
    for what in [abi::SOCKET_TEXT, abi::SOCKET_BINARY] {
        for frame in frames {
            let instance = subject.start()?;
            open(subject, &instance)?;
            instance.socket(&[(what, SOCKET, frame), (what, SOCKET, frame)])?;
            instance.socket(&[(abi::SOCKET_CLOSED, SOCKET, br#"{"code":1000}"#)])?;
            // Late, unknown, twice: all of that happens.
            instance.socket(&[(what, SOCKET, frame), (abi::SOCKET_CLOSED, SOCKET, b"{}"), (what, 99, frame)])?;
            instance.no_complaints()?;
        }
    }
    let instance = subject.start()?;
    instance.socket(&[
        (abi::SOCKET_OPEN, SOCKET, b"not json"),
        (abi::SOCKET_OPEN, SOCKET, br#"{"path":"/no such path","principal":{}}"#),
        (abi::SOCKET_CLOSED, SOCKET, b"not json"),
        (77, SOCKET, b""),
    ])?;
    instance.no_complaints()
}

fn full_host(subject: &Subject<'_>) -> Outcome {
    let instance = subject.start()?;
    instance.mock.seen().full = true;
    open(subject, &instance)?;
    for frame in [&br#"{"hello":{"protocol":1}}"#[..], b"{}", b"x"] {
        instance.socket(&[(abi::SOCKET_TEXT, SOCKET, frame)])?;
    }
    instance.mock.seen().full = false;
    instance.resume()?;
    instance.shutdown()?;
    instance.no_complaints()
}

fn unknown_command(subject: &Subject<'_>) -> Outcome {
    let instance = subject.start()?;
    for json in [&b"{}"[..], b"", b"not json", br#"{"no such command":{}}"#] {
        instance.command(json)?;
    }
    Ok(())
}

/// What a client may send.
const HEADERS: &str = r#"[["host","127.0.0.1"],["content-type","application/json"],["x-twice","1"],["x-twice","2"]]"#;

fn timers(subject: &Subject<'_>) -> Outcome {
    let instance = subject.start()?;
    open(subject, &instance)?;
    // Those that it has set, as often as it sets them again; it may do so for ever.
    for _ in 0..20 {
        let set: Vec<u64> = instance.mock.seen().services.timers.keys().copied().collect();
        for id in set {
            instance.timer(id)?;
        }
    }
    // Late, cancelled, never set: all of that happens.
    for id in [0, 1, 12_345, u64::MAX] {
        instance.timer(id)?;
    }
    instance.shutdown()?;
    instance.no_complaints()
}

fn webhooks_answered(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    for path in paths(subject, "webhooks") {
        for (method, body) in [("GET", &b""[..]), ("POST", b"{}"), ("PUT", b"x"), ("DELETE", b""), ("HEAD", b"")] {
            let hook = Hook { method, path: &path, headers: HEADERS, body };
            for is_wide in [false, true] {
                match instance.webhook(&hook, is_wide)? {
                    Some((id, abi::OK)) => instance.webhook_answered(id)?,
                    Some((_, status)) => return Err(format!("{method} {path} was not taken: status {status}")),
                    None => return Err("`webhook` is null".to_owned()),
                }
            }
        }
    }
    instance.shutdown()?;
    instance.no_complaints()
}

fn garbage_webhooks(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    let named = paths(subject, "webhooks").into_iter().next().unwrap_or_else(|| "/none".to_owned());
    let long = vec![b'{'; 1 << 20];
    for path in [named.as_str(), "", "/no such path"] {
        for headers in [HEADERS, "[]", "{}", "", "[[\"a\"]]"] {
            for body in [&b""[..], b"\xff\xfe", b"null", &long] {
                for method in ["POST", "", "\u{1f600}"] {
                    let hook = Hook { method, path, headers, body };
                    if let Some((id, abi::OK)) = instance.webhook(&hook, false)? {
                        instance.webhook_answered(id)?;
                    }
                }
            }
        }
    }
    instance.shutdown()?;
    instance.no_complaints()
}

/// Lives once, and returns what it has kept.
fn live(subject: &Subject<'_>, services: Services) -> Result<Services, String> {
    let mut instance = subject.start_with(Version::Own, services)?;
    open(subject, &instance)?;
    instance.deliver(&[(Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery)); 4])?;
    instance.socket(&[(abi::SOCKET_TEXT, SOCKET, b"{}"), (abi::SOCKET_TEXT, SOCKET, b"x")])?;
    let set: Vec<u64> = instance.mock.seen().services.timers.keys().copied().collect();
    for id in set {
        instance.timer(id)?;
    }
    instance.shutdown()?;
    instance.all_answered()?;
    instance.no_complaints()?;
    let kv = std::mem::take(&mut instance.mock.seen().services.kv);
    Ok(Services { kv, ..Services::default() })
}

fn next_life(subject: &Subject<'_>) -> Outcome {
    let mut kept = live(subject, Services::default())?;
    kept = live(subject, kept)?;
    for value in kept.kv.values_mut() {
        *value = b"\xff garbage".to_vec();
    }
    // It may refuse to start with that, as long as it says why.
    let config = subject.options.config.to_string();
    let (instance, status) = subject.try_start_with(config.as_bytes(), Version::Own, kept)?;
    refused_or_fine(&instance, status, "with garbage in its key-value space")
}

fn refused_or_fine(instance: &Instance, status: i32, when: &str) -> Outcome {
    match status {
        abi::OK => instance.shutdown().map(|_| ()),
        abi::PANIC => Err(format!("it panicked {when}: {:?}", instance.mock.seen().faults)),
        _ if instance.mock.seen().faults.is_empty() => Err(format!("it did not start {when}, without a reason")),
        _ => Ok(()),
    }
}

fn broken_services(subject: &Subject<'_>) -> Outcome {
    let config = subject.options.config.to_string();
    for broken in [abi::FAILED, abi::TOO_LARGE, abi::CLOSED, abi::INVALID, abi::NOT_FOUND] {
        let services = Services { broken: Some(broken), ..Services::default() };
        let (instance, status) = subject.try_start_with(config.as_bytes(), Version::Own, services)?;
        refused_or_fine(&instance, status, "beside services that do not work")?;
        // And when they end in the middle of its life.
        let mut instance = subject.start()?;
        instance.mock.seen().services.broken = Some(broken);
        open(subject, &instance)?;
        instance.deliver(&[(Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery)); 4])?;
        instance.socket(&[(abi::SOCKET_TEXT, SOCKET, b"{}"), (abi::SOCKET_TEXT, SOCKET, b"x")])?;
        for path in paths(subject, "webhooks") {
            instance.webhook(&Hook { method: "POST", path: &path, headers: HEADERS, body: b"{}" }, false)?;
        }
        let set: Vec<u64> = instance.mock.seen().services.timers.keys().copied().collect();
        for id in set {
            instance.timer(id)?;
        }
        instance.shutdown()?;
        instance.all_answered()?;
    }
    Ok(())
}

fn first_host(subject: &Subject<'_>) -> Outcome {
    let config = subject.options.config.to_string();
    let (mut instance, status) = subject.try_start_with(config.as_bytes(), Version::First, Services::default())?;
    if status == abi::OK {
        open(subject, &instance)?;
        instance.deliver(&[(Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery)); 4])?;
        instance.socket(&[(abi::SOCKET_TEXT, SOCKET, b"{}"), (abi::SOCKET_TEXT, SOCKET, b"x")])?;
    }
    refused_or_fine(&instance, status, "beside a host of version 1.0")?;
    match instance.mock.seen().wrong.first() {
        None => Ok(()),
        Some(wrong) => Err(wrong.clone()),
    }
}

fn after_stop(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    open(subject, &instance)?;
    instance.shutdown()?;
    instance.deliver(&[(Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery))])?;
    instance.socket(&[(abi::SOCKET_TEXT, SOCKET, b"{}"), (abi::SOCKET_CLOSED, SOCKET, b"{}")])?;
    instance.resume()?;
    instance.timer(1)?;
    for path in paths(subject, "webhooks") {
        let hook = Hook { method: "POST", path: &path, headers: HEADERS, body: b"{}" };
        if let Some((_, abi::OK)) = instance.webhook(&hook, false)? {
            return Err("a webhook request was taken after the stop".to_owned());
        }
    }
    instance.shutdown()?;
    instance.all_answered()
}

fn stops_in_time(subject: &Subject<'_>) -> Outcome {
    let mut instance = subject.start()?;
    open(subject, &instance)?;
    instance.deliver(&[(Kind::Delivery.as_u16(), SOCKET, 0, sample(Kind::Delivery)); 8])?;
    let took = instance.shutdown()?;
    if took > subject.options.limit {
        return Err(format!("it took {took:?} of {:?}", subject.options.limit));
    }
    instance.all_answered()
}
