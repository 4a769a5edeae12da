//! What is taken out of texts before they are stored.

use std::borrow::Cow;

use tieline_config::Redaction as Settings;
use tieline_model::redact::Redactor;
use tieline_store::Store;

/// Parts of the names of environment variables whose values are secret.
const SECRET_NAMES: [&str; 5] = ["SECRET", "TOKEN", "PASSWORD", "API_KEY", "PRIVATE_KEY"];

/// Takes secrets out of what is stored, unless the configuration wants it raw.
#[derive(Debug)]
pub struct Redaction(Option<Redactor>);

impl Redaction {
    /// Makes one for an installation.
    ///
    /// # Errors
    /// When no finder can be built for what the configuration names.
    pub fn new(settings: &Settings, store: &Store) -> Result<Self, String> {
        if !settings.enabled {
            return Ok(Self(None));
        }
        let key = blake3::derive_key("tieline 2026-11-27 marks of secrets", store.redaction_key().as_bytes());
        Redactor::new(key, &settings.prefixes, &of_environment()).map(|redactor| Self(Some(redactor)))
    }

    /// Returns a text without its secrets.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.as_ref().map_or(Cow::Borrowed(text), |redactor| redactor.clean(text))
    }

    /// Takes the secrets out of a text.
    pub fn clean_in_place(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.clean(text) {
            *text = clean;
        }
    }
}

/// The secrets that this process was started with: what runs beside it may show them.
fn of_environment() -> Vec<String> {
    let is_secret = |name: &str| SECRET_NAMES.iter().any(|part| name.to_uppercase().contains(part));
    let all =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    // The value of `…_TOKEN_FILE` is a path.
    all.filter(|(name, value)| is_secret(name) && !name.ends_with("_FILE") && !value.contains('/'))
        .map(|it| it.1)
        .collect()
}
