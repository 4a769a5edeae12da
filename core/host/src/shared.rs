//! What the threads of one host share: settings, listeners, and the list of all plugins.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use crate::{Events, Isolation, Limits, PluginSettings, Settings, instance::Instance, slot::Slot};

/// What the threads of one host share.
pub(crate) struct Shared {
    pub settings: Settings,
    /// The section of each plugin, as it was read last.
    pub sections: RwLock<BTreeMap<String, PluginSettings>>,
    pub limits: Limits,
    pub events: Arc<dyn Events>,
    pub list: RwLock<List>,
    /// Who holds a socket.
    pub sockets: RwLock<HashMap<u64, Arc<Instance>>>,
    pub clock: Instant,
}

/// Every plugin, in no order.
#[derive(Default)]
pub(crate) struct List {
    slots: Vec<Arc<Slot>>,
    /// Not on the list yet: it is opened, and takes another's place.
    coming: Option<Arc<Slot>>,
    /// All of them stop, and no other may begin.
    has_ended: bool,
}

impl Shared {
    /// Returns every plugin.
    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).slots.clone()
    }

    /// Returns every plugin that may be in a call.
    pub(crate) fn watched(&self) -> Vec<Arc<Slot>> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.slots.iter().chain(&list.coming).cloned().collect()
    }

    /// One is opened that takes another's place, or that is over.
    pub(crate) fn set_coming(&self, slot: Option<&Arc<Slot>>) {
        self.list.write().unwrap_or_else(PoisonError::into_inner).coming = slot.cloned();
    }

    /// Finds something about the plugins.
    pub(crate) fn find<T>(&self, find: impl FnMut(&Arc<Slot>) -> Option<T>) -> Option<T> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).slots.iter().find_map(find)
    }

    /// Enters a plugin, in the place of another one. False when no plugin may begin any more.
    pub(crate) fn enter(&self, slot: &Arc<Slot>, instead_of: Option<&Arc<Slot>>) -> bool {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if list.has_ended {
            return false;
        }
        list.slots.retain(|known| !instead_of.is_some_and(|old| Arc::ptr_eq(known, old)) && !Arc::ptr_eq(known, slot));
        list.slots.push(Arc::clone(slot));
        slot.entered((self.settings.now_ms)());
        true
    }

    /// Takes a plugin off the list.
    pub(crate) fn forget(&self, slot: &Arc<Slot>) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.slots.retain(|known| !Arc::ptr_eq(known, slot));
    }

    /// No plugin may begin any more. Returns those that there are.
    pub(crate) fn close(&self) -> Vec<Arc<Slot>> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.has_ended = true;
        list.slots.clone()
    }

    /// Plugins may begin, again.
    pub(crate) fn open(&self) {
        self.list.write().unwrap_or_else(PoisonError::into_inner).has_ended = false;
    }

    /// Returns the section of a plugin.
    pub(crate) fn section(&self, name: &str) -> PluginSettings {
        self.sections.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }

    /// Tells whether the configuration switches a plugin off.
    pub(crate) fn is_configured_off(&self, name: &str) -> bool {
        !self.section(name).enabled
    }

    /// Returns where a plugin runs.
    pub(crate) fn isolation(&self, name: &str) -> Isolation {
        self.section(name).isolation.unwrap_or_else(|| self.settings.usual_isolation(name))
    }

    /// Tells whether no plugin may begin any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.list.read().unwrap_or_else(PoisonError::into_inner).has_ended
    }
}
