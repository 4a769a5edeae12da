//! What a key takes, and reading it from text.

use std::net::SocketAddr;
use toml::Value;

/// The longest path that a Unix socket can be bound to on every system (macOS has the shorter limit).
const SOCKET_PATH_BYTES: usize = 103;
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second, both included.
    Whole(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A loopback address with its port.
    Loopback,
    /// A path for a Unix socket, or nothing.
    SocketPath,
    /// Host names without port.
    Hosts,
    /// Beginnings of secrets: up to 100 of 3 to 64 characters each.
    Beginnings,
    /// Names of transports.
    Names,
    /// Whole paths of folders.
    Folders,
    /// Ways to start a program.
    Profiles,
    /// The name of a transport.
    Name,
    /// Web origins.
    Origins,
    /// A list of these words.
    Words(&'static [&'static str]),
    /// The name of a circle.
    Circle,
    /// Log levels.
    Filter,
    /// A plugin's own setting.
    Anything,
}

impl Kind {
    /// Says what is wanted.
    pub fn wanted(self) -> String {
        match self {
            Kind::Flag => "true or false".into(),
            Kind::Whole(from, to) => format!("a whole number from {from} to {to}"),
            Kind::OneOf(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or "),
            Kind::Loopback => "a loopback address with its port, such as \"127.0.0.1:8435\" or \"[::1]:0\"".into(),
            Kind::SocketPath => {
                format!("an absolute path of at most {SOCKET_PATH_BYTES} bytes, the limit of Unix sockets, or \"\"")
            }
            Kind::Hosts => "a list of host names without scheme, port or path, such as [\"mesh.example.org\"]".into(),
            Kind::Beginnings => "a list of up to 100 beginnings of 3 to 64 characters each, such as [\"corp-\"]".into(),
            Kind::Names => "a list of up to 16 names of transports, such as [\"terminal\"]".into(),
            Kind::Folders => "a list of up to 100 whole paths, such as [\"/home/me/work\"]".into(),
            Kind::Profiles => "a list of up to 100 lines of a name, a program and the words that start it, such as \
                               [\"fast codex codex -m small\"]"
                .into(),
            Kind::Name => "the name of a transport, such as \"terminal\"".into(),
            Kind::Origins => "a list of web origins, such as [\"https://mesh.example.org\"]".into(),
            Kind::Words(words) => {
                format!("a list of {}", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
            }
            Kind::Circle => "the name of a circle, 1 to 120 characters without `/` and not beginning with `@`; \
                             \"mesh\" is the daemon's own"
                .into(),
            Kind::Filter => "a level (off, error, warn, info, debug, trace), or levels per module after it, such as \
                             \"info,tieline_engine=debug\""
                .into(),
            Kind::Anything => "a value".into(),
        }
    }

    /// Says whether the value is what is wanted.
    pub fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Kind::Anything, _) | (Kind::Flag, Value::Boolean(_)) => true,
            (Kind::Whole(from, to), Value::Integer(number)) => (from..=to).contains(number),
            (Kind::OneOf(words), Value::String(word)) => words.contains(&word.as_str()),
            (Kind::Loopback, Value::String(text)) => {
                text.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
            }
            (Kind::SocketPath, Value::String(path)) => {
                path.is_empty() || (path.starts_with('/') && path.len() <= SOCKET_PATH_BYTES && !path.contains('\0'))
            }
            (Kind::Beginnings, Value::Array(all)) => {
                let is_fine = |it: &Value| it.as_str().is_some_and(|text| (3..=64).contains(&text.chars().count()));
                all.len() <= 100 && all.iter().all(is_fine)
            }
            (Kind::Names, Value::Array(names)) => {
                let is_fine = |it: &Value| it.as_str().is_some_and(|name| (1..=64).contains(&name.len()));
                names.len() <= 16 && names.iter().all(is_fine)
            }
            (Kind::Folders, Value::Array(all)) => {
                let is_fine =
                    |it: &Value| it.as_str().is_some_and(|path| path.starts_with('/') && !path.contains(".."));
                all.len() <= 100 && all.iter().all(is_fine)
            }
            (Kind::Profiles, Value::Array(all)) => {
                let is_fine = |it: &Value| it.as_str().is_some_and(|line| line.split_whitespace().count() >= 3);
                all.len() <= 100 && all.iter().all(is_fine)
            }
            (Kind::Name, Value::String(name)) => (1..=64).contains(&name.len()),
            (Kind::Hosts, Value::Array(hosts)) => hosts.iter().all(|host| host.as_str().is_some_and(is_host)),
            (Kind::Origins, Value::Array(origins)) => {
                origins.iter().all(|origin| origin.as_str().is_some_and(is_origin))
            }
            (Kind::Words(known), Value::Array(words)) => {
                words.iter().all(|word| word.as_str().is_some_and(|word| known.contains(&word)))
            }
            (Kind::Circle, Value::String(name)) => is_circle(name),
            (Kind::Filter, Value::String(filter)) => is_filter(filter),
            _ => false,
        }
    }

    /// Reads a value from a variable or flag. What does not fit is text, which [`Kind::accepts`] then refuses.
    pub fn read(self, text: &str) -> Value {
        let as_text = || Value::String(text.to_owned());
        match self {
            Kind::Flag => text.trim().parse().map_or_else(|_| as_text(), Value::Boolean),
            Kind::Whole(..) => text.trim().replace('_', "").parse().map_or_else(|_| as_text(), Value::Integer),
            Kind::Beginnings
            | Kind::Folders
            | Kind::Profiles
            | Kind::Hosts
            | Kind::Names
            | Kind::Origins
            | Kind::Words(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            Kind::Anything => crate::file::value(text).unwrap_or_else(as_text),
            Kind::OneOf(_) | Kind::Loopback | Kind::SocketPath | Kind::Circle | Kind::Name | Kind::Filter => as_text(),
        }
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

fn is_origin(origin: &str) -> bool {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    rest.is_some_and(|rest| match rest.rsplit_once(':') {
        Some((host, port)) => is_host(host) && port.parse::<u16>().is_ok(),
        None => is_host(rest),
    })
}

/// The rule of the model for circles, which refuses what this lets through.
fn is_circle(name: &str) -> bool {
    let is_plain = !name.starts_with(['@', ' ']) && !name.ends_with(' ') && !name.contains('/');
    is_plain && name != "mesh" && (1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// Levels with `target=` before them or not. A span filter (`[…]`) is left to `tracing`.
fn is_filter(filter: &str) -> bool {
    let is_level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    filter.split(',').map(str::trim).all(|directive| match directive.rsplit_once('=') {
        _ if directive.contains('[') => true,
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(directive),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, accepted: &[&str], refused: &[&str]) {
        for text in accepted {
            assert!(kind.accepts(&kind.read(text)), "{kind:?} refuses {text:?}");
        }
        for text in refused {
            assert!(!kind.accepts(&kind.read(text)), "{kind:?} accepts {text:?}");
        }
    }

    #[test]
    fn each_kind_takes_what_it_says_and_nothing_else() {
        check(Kind::Flag, &["true", "false", " true "], &["", "yes", "1", "True"]);
        check(Kind::Whole(1, 10), &["1", "10", "1_0"], &["0", "11", "-1", "", "1.5", "ten", "99999999999999999999"]);
        check(Kind::OneOf(&["a", "b"]), &["a"], &["", "c", "A"]);
        check(
            Kind::Loopback,
            &["127.0.0.1:0", "127.8.8.8:1", "[::1]:8435"],
            &["0.0.0.0:1", "localhost:1", "127.0.0.1", ""],
        );
        check(Kind::SocketPath, &["", "/run/tieline.sock"], &["tieline.sock", &format!("/{}", "x".repeat(103))]);
        check(Kind::Beginnings, &["", "corp-", "corp-, acme_"], &["ab", "corp-, x"]);
        check(Kind::Hosts, &["", "a.example", "a.example, b.example"], &["a.example:80", "https://a.example", "a/b"]);
        check(Kind::Origins, &["", "https://a.example", "http://localhost:3000"], &["a.example", "https://a/b", "*"]);
        check(
            Kind::Filter,
            &["info", "INFO", "info,tieline_engine=debug", "off,[session{id=1}]=trace"],
            &["", "inof", "info,", "tieline_engine", "tieline_engine=loud", "=info"],
        );
        check(Kind::Words(&["a", "b:c"]), &["", "a", "b:c, a"], &["c", "a b"]);
        check(Kind::Circle, &["main", "Größe 2"], &["", "mesh", "@x", "a/b", " a", &"x".repeat(121)]);
        check(Kind::Anything, &["", "1", "a b", "{a = 1}"], &[]);
    }
}
