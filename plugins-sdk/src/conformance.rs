//! The behaviours that every transport has to show, as named checks. Needs no daemon.
//!
//! ```
//! # use tieline_plugin_sdk::prelude::*;
//! # struct Quiet;
//! # impl Transport for Quiet {
//! #     const MANIFEST: Manifest = Manifest::new("quiet", "1.0.0");
//! #     type Config = ();
//! #     fn start(_: Host, _: ()) -> Result<Self, Error> { Ok(Quiet) }
//! #     fn deliver(&self, _: Message<'_>, done: Completion) -> Flow { done.ok(); Flow::Accepted }
//! # }
//! use tieline_plugin_sdk::{conformance, declaration};
//!
//! conformance::check(declaration::<Quiet>()).assert();
//! ```
//!
//! The checks call the plugin as the host would, in this process: a crash of the plugin is a crash of the test.
#![allow(unsafe_code)]

mod checks;
pub(crate) mod mock;
pub(crate) mod run;
pub(crate) mod services;

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{Config, abi::PluginDecl};

/// What the plugin under test is given.
#[derive(Debug, Clone)]
pub struct Options {
    /// A configuration that it starts with.
    pub config: Config,
    /// The secrets that are laid down for it, by name.
    pub secrets: BTreeMap<String, String>,
    /// The deadline that it is given to stop, and how long it may take to answer a delivery.
    pub limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { config: serde_json::json!({}), secrets: BTreeMap::new(), limit: Duration::from_secs(5) }
    }
}

/// One check: what was promised, and what went wrong.
#[derive(Debug, Clone)]
pub struct Check {
    /// The promise, as a short name.
    pub name: &'static str,
    /// What went wrong; nothing when it holds.
    pub failure: Option<String>,
}

/// What came out.
#[derive(Debug, Clone)]
#[must_use = "a report that nobody reads proves nothing; call `assert`"]
pub struct Report {
    /// Every check that was run, in order.
    pub checks: Vec<Check>,
}

impl Report {
    /// Tells whether everything holds.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.failure.is_none())
    }

    /// Returns the checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failure.is_some())
    }

    /// Returns itself when everything holds, else as an error.
    pub fn into_result(self) -> Result<Report, Report> {
        if self.passed() { Ok(self) } else { Err(self) }
    }

    /// Panics with the list of failures, if there are any.
    pub fn assert(self) {
        assert!(self.passed(), "the transport does not conform:\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            match &check.failure {
                None => writeln!(f, "ok      {}", check.name)?,
                Some(failure) => writeln!(f, "FAILED  {}: {failure}", check.name)?,
            }
        }
        Ok(())
    }
}

/// Runs every check with an empty configuration.
pub fn check(declaration: &'static PluginDecl) -> Report {
    check_with(declaration, &Options::default())
}

/// Runs every check with the given options.
pub fn check_with(declaration: &'static PluginDecl, options: &Options) -> Report {
    // SAFETY: a static, which is as large as it says.
    let known = unsafe { PluginDecl::read(declaration) };
    // Never freed: the checks call through it for as long as threads of the plugin may live.
    let declaration = known.map_or(declaration, |known| Box::leak(Box::new(known)));
    let sane = Check { name: "the declaration is sane", failure: checks::declaration(declaration).err() };
    let go_on = sane.failure.is_none();
    let mut checks = vec![sane];
    // With a broken declaration, none of its functions may be called.
    if go_on {
        let subject = run::Subject { declaration, options };
        checks.extend(checks::ALL.iter().map(|&(name, check)| Check { name, failure: check(&subject).err() }));
    }
    Report { checks }
}
