//! May the content of a file run at all?

use crate::{Settings, TrustFile, TrustPolicy, first_party, status::Refused};

/// Which content is asked about.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// What a person calls the plugin.
    pub name: &'a str,
    /// The hash of what runs from this file now, in hexadecimal.
    pub running: Option<&'a str>,
    /// The hash of what is in it, in hexadecimal.
    pub hash: &'a str,
}

/// Allows what somebody has said yes to.
pub(crate) fn check(settings: &Settings, record: &TrustFile, asked: &Asked<'_>) -> Result<(), Refused> {
    let mut doubts = String::new();
    let mut is_first_party =
        || first_party::has(&settings.first_party, asked.hash, |error| doubts = format!("; note that {error}"));
    let is_trusted = match settings.trust {
        TrustPolicy::Any => true,
        TrustPolicy::Ask => record.find(asked.hash).is_some(),
        TrustPolicy::FirstParty => record.find(asked.hash).is_some() || is_first_party(),
    };
    if is_trusted {
        return Ok(());
    }
    let earlier = record.last_of(asked.file).map(|trusted| trusted.hash.as_str()).or(asked.running);
    let (name, hash) = (asked.name, asked.hash);
    Err(Refused::distrusted(match earlier {
        Some(was) => format!(
            "it changed since it was trusted: its BLAKE3 hash was {was}, and is {hash}; \
             if you know why, run `tieline plugins trust {name}`{doubts}"
        ),
        None => format!(
            "nobody has trusted it yet, and a plugin can do whatever the daemon can: its BLAKE3 hash is {hash}; \
             if you know where it comes from, run `tieline plugins trust {name}`{doubts}"
        ),
    }))
}
