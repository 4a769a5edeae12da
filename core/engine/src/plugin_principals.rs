//! The principals of plugins that open links by themselves: one for each name, kept for ever, with a home session.
//!
//! Over such a link a plugin speaks for itself, with what its configuration allows, and never as somebody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tieline_config::Plugins;
use tieline_model::{EventBody, Principal, PrincipalKind, Refusal, Scope, SessionId, text};
use tieline_store::{NewSession, Refused, SessionChange, StoreError};

use crate::{
    decide::Decision,
    door::Door,
    job::Work,
    request::{busy, draining},
};

/// Those that are known.
#[derive(Debug)]
pub struct PluginPrincipals {
    /// By the plugin's name.
    known: Mutex<HashMap<String, Arc<Principal>>>,
    /// What each is allowed, as the configuration was read last.
    sections: RwLock<Plugins>,
}

impl PluginPrincipals {
    /// Knows nobody yet.
    pub(crate) fn new(sections: Plugins) -> Self {
        Self { known: Mutex::default(), sections: RwLock::new(sections) }
    }

    /// Takes another configuration. It counts from a plugin's next link on.
    pub(crate) fn configure(&self, sections: Plugins) {
        *self.sections.write().unwrap_or_else(PoisonError::into_inner) = sections;
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Arc<Principal>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters one that the store has.
    pub(crate) fn know(&self, principal: Principal) {
        self.table().insert(principal.name.clone(), Arc::new(principal));
    }

    /// Forgets one that the store did not take.
    pub(crate) fn forget(&self, principal: &Principal) {
        self.table().remove(&principal.name);
    }

    /// Returns the home session of a plugin that has spoken for itself.
    pub(crate) fn home(&self, plugin: &str) -> Option<SessionId> {
        self.table().get(plugin).map(|principal| principal.home)
    }

    /// Returns whom a plugin speaks as. What is new about it is in line for the writer when this returns, before
    /// anything that the plugin says.
    pub(crate) fn of(&self, door: &Door, plugin: &str) -> Result<Arc<Principal>, Refusal> {
        let shared = door.shared();
        let (scopes, circle) = self.grant(plugin)?;
        let mut table = self.table();
        let known = table.get(plugin);
        let is_closed = |known: &&Arc<Principal>| {
            shared.directory(|directory| directory.get(known.home).is_some_and(|entry| !entry.is_open))
        };
        let home = known.filter(|known| !is_closed(known)).map(|known| known.home);
        let wanted = Principal {
            id: known.map_or_else(|| shared.mint.principal(), |known| known.id),
            kind: PrincipalKind::Plugin,
            name: plugin.to_owned(),
            scopes,
            circles: vec![circle],
            home: home.unwrap_or_else(|| shared.mint.session()),
        };
        if let Some(known) = known.filter(|known| ***known == wanted) {
            return Ok(Arc::clone(known));
        }
        match door.offer(Work::Adopt { principal: Box::new(wanted.clone()) }) {
            Ok(()) => {
                let principal = Arc::new(wanted);
                table.insert(plugin.to_owned(), Arc::clone(&principal));
                Ok(principal)
            }
            Err(Refused::Full(_)) => Err(busy()),
            Err(Refused::Closed(_)) => Err(draining()),
        }
    }

    /// What the person who runs the daemon allows a plugin: its scopes and its circle.
    fn grant(&self, plugin: &str) -> Result<(Vec<Scope>, String), Refusal> {
        let sections = self.sections.read().unwrap_or_else(PoisonError::into_inner);
        let section = sections.get(plugin).cloned().unwrap_or_default();
        drop(sections);
        text::check_circle(&section.circle, "plugins.circle")?;
        let is_meant = |scope: &Scope| section.scopes.iter().any(|word| word == scope.as_str());
        // What only humans may hold is not in the list of words that the configuration takes, and is never given here.
        let scopes = Scope::ALL.into_iter().filter(|scope| is_meant(scope) && !scope.is_human_only()).collect();
        Ok((scopes, section.circle))
    }
}

impl Decision<'_, '_> {
    /// Writes a plugin's principal, new or with another grant, and its home session: new, or moved to its circle.
    pub fn adopt(&mut self, principal: &Principal) -> Result<(), StoreError> {
        if !self.tx.update_principal(principal)? {
            self.tx.insert_principal(principal)?;
        }
        let circle = principal.circle();
        let Some(head) = self.tx.head(principal.home)? else {
            return self.create(&NewSession {
                id: principal.home,
                title: principal.name.clone(),
                circle: circle.to_owned(),
                roles: Vec::new(),
                description: Some(format!("the plugin `{}`", principal.name)),
                project: None,
                owner: principal.id,
                parent: None,
                opened_at: self.now,
            });
        };
        let from = head.circle.clone();
        if from == circle {
            return Ok(());
        }
        let change = SessionChange { circle: Some(circle), ..SessionChange::default() };
        self.tx.change_session(principal.home, &change)?;
        self.event(principal.home, EventBody::SessionMoved { from, to: circle.to_owned() })?;
        self.list(principal.home)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_knows_every_scope_that_a_plugin_can_have_and_gives_the_usual_ones() {
        let possible: Vec<&str> =
            Scope::ALL.into_iter().filter(|scope| !scope.is_human_only()).map(Scope::as_str).collect();
        assert_eq!(tieline_config::PLUGIN_SCOPES, possible);
        let section = tieline_config::Plugin::default();
        let usual: Vec<&str> = PrincipalKind::Plugin.default_scopes().into_iter().map(Scope::as_str).collect();
        assert_eq!(section.scopes, usual);
        assert_eq!(section.circle, tieline_model::address::DEFAULT_CIRCLE);
    }
}
