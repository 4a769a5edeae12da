//! Remembers beside a copy that it has run, so that it need not be checked, copied and probed at the next start.
//!
//! The copy is used again only when its content still has the hash that the record names; see `docs/adr`.

use std::{fs::File, path::Path};

use serde::{Deserialize, Serialize};
use tieline_plugin_sdk::abi;

use crate::{files, manifest::Manifest};

/// What is written down after a start.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The daemon that started it.
    daemon: String,
    /// The version of the contract that this daemon has.
    contract: String,
    /// The content of the copy.
    hash: String,
    manifest: serde_json::Value,
}

/// Returns the manifest of a copy that is whole and has run with this very version of the daemon.
pub(crate) fn find(copy: &Path, hash: &blake3::Hash) -> Option<Manifest> {
    let text = std::fs::read(copy.with_extension("json")).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    if (record.daemon.as_str(), record.contract) != (daemon(), contract()) || record.hash != hash.to_hex().as_str() {
        return None;
    }
    let manifest = Manifest::parse(&serde_json::to_vec(&record.manifest).ok()?).ok()?;
    // Written by a daemon that knew other fields, it does not say all that this one wants to know.
    if serde_json::to_value(&manifest).ok()? != record.manifest {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(copy).ok()?).ok()?;
    (hasher.finalize() == *hash).then_some(manifest)
}

/// Writes down that a copy has run.
pub(crate) fn write(copy: &Path, hash: &blake3::Hash, manifest: &Manifest) {
    let written = serde_json::to_value(manifest).map_err(std::io::Error::from).and_then(|manifest| {
        let hash = hash.to_hex().to_string();
        let record = Record { daemon: daemon().to_owned(), contract: contract(), hash, manifest };
        files::write_for_now(&copy.with_extension("json"), &serde_json::to_vec(&record)?)
    });
    if let Err(error) = written {
        tracing::debug!(path = %copy.display(), %error, "a plugin will be probed again at the next start");
    }
}

fn daemon() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn contract() -> String {
    format!("{}.{}", abi::ABI_MAJOR, abi::ABI_MINOR)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_remembered_until_anything_about_it_is_different() {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("echo-1.so");
        let hash = blake3::hash(b"x");
        let manifest = Manifest::parse(br#"{"name":"echo","version":"1.0.0","sockets":["/echo"]}"#).unwrap();
        std::fs::write(&copy, "x").unwrap();
        assert_eq!(find(&copy, &hash), None);
        write(&copy, &hash, &manifest);
        assert_eq!(find(&copy, &hash), Some(manifest.clone()));

        assert_eq!(find(&copy, &blake3::hash(b"y")), None, "another content is wanted");
        std::fs::write(&copy, "y").unwrap();
        assert_eq!(find(&copy, &hash), None, "the copy was changed");
        std::fs::write(&copy, "x").unwrap();
        let change = |from: &str, to: &str| {
            write(&copy, &hash, &manifest);
            let record = copy.with_extension("json");
            let text = std::fs::read_to_string(&record).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(&record, text.replacen(from, to, 1)).unwrap();
            assert_eq!(find(&copy, &hash), None, "{from} became {to}");
        };
        change(r#""daemon":""#, r#""daemon":"9"#);
        change(r#""contract":""#, r#""contract":"9"#);
        change(r#""name":"#, r#""new":1,"name":"#);
        change(r#""manifest":{"#, r#""manifest":["#);
    }
}
