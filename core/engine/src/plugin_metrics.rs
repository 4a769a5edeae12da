//! Metrics of plugins: few enough, and with names that cannot be taken for the daemon's own.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use tieline_host::{Denied, Metric, limits};

/// The metrics of all plugins. They keep counting over restarts of a plugin.
#[derive(Debug, Default)]
pub struct PluginMetrics(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    families: BTreeMap<String, Family>,
    /// How many series each plugin has.
    series: HashMap<String, usize>,
}

#[derive(Debug)]
struct Family {
    is_counter: bool,
    series: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl PluginMetrics {
    /// Adds to a counter or sets a gauge. All plugins share the names: what is a counter for one is a counter for all.
    pub fn change(&self, plugin: &str, metric: Metric<'_>) -> Result<(), Denied> {
        let Metric { is_counter, name, value, labels } = metric;
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Table { families, series } = &mut *table;
        if families.get(name).is_some_and(|family| family.is_counter != is_counter) {
            return Err(Denied::Invalid);
        }
        let key = (plugin.to_owned(), labels);
        if families.get(name).is_none_or(|family| !family.series.contains_key(&key)) {
            let count = series.entry(key.0.clone()).or_default();
            if *count >= limits::METRIC_SERIES {
                return Err(Denied::TooLarge);
            }
            *count += 1;
        }
        let new = || Family { is_counter, series: BTreeMap::new() };
        let known = families.entry(name.to_owned()).or_insert_with(new).series.entry(key).or_default();
        *known = if is_counter { *known + value } else { value };
        Ok(())
    }

    /// Appends them in the text format of Prometheus.
    pub fn render(&self, out: &mut String) {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, family) in &table.families {
            let kind = if family.is_counter { "counter" } else { "gauge" };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP tieline_plugin_{name} Told by plugins.\n# TYPE tieline_plugin_{name} {kind}");
            for ((plugin, labels), value) in &family.series {
                let _ = write!(out, "tieline_plugin_{name}{{plugin=\"{plugin}\"");
                for (label, text) in labels {
                    let _ = write!(out, ",{label}=\"{}\"", escaped(text));
                }
                let _ = writeln!(out, "}} {}", shown(*value));
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn shown(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(
        metrics: &PluginMetrics,
        plugin: &str,
        is_counter: bool,
        name: &str,
        value: f64,
        room: &str,
    ) -> Result<(), Denied> {
        let labels = [("room".to_owned(), room.to_owned())].into();
        metrics.change(plugin, Metric { is_counter, name, value, labels })
    }

    #[test]
    fn a_counter_adds_up_and_a_gauge_is_set() {
        let metrics = PluginMetrics::default();
        for value in [1.0, 2.5] {
            change(&metrics, "echo", true, "hits", value, "a").unwrap();
            change(&metrics, "echo", false, "level", -value, "b\"\\\n").unwrap();
        }
        change(&metrics, "other", true, "hits", 1.0, "a").unwrap();
        change(&metrics, "other", false, "level", f64::INFINITY, "").unwrap();
        let mut text = String::new();
        metrics.render(&mut text);
        assert_eq!(
            text,
            "# HELP tieline_plugin_hits Told by plugins.\n# TYPE tieline_plugin_hits counter\n\
             tieline_plugin_hits{plugin=\"echo\",room=\"a\"} 3.5\n\
             tieline_plugin_hits{plugin=\"other\",room=\"a\"} 1\n\
             # HELP tieline_plugin_level Told by plugins.\n# TYPE tieline_plugin_level gauge\n\
             tieline_plugin_level{plugin=\"echo\",room=\"b\\\"\\\\\\n\"} -2.5\n\
             tieline_plugin_level{plugin=\"other\",room=\"\"} +Inf\n"
        );
    }

    #[test]
    fn a_name_is_of_one_kind_and_a_plugin_has_a_limited_number_of_series() {
        let metrics = PluginMetrics::default();
        for i in 0..limits::METRIC_SERIES {
            change(&metrics, "echo", true, "hits", 1.0, &i.to_string()).unwrap();
        }
        assert_eq!(change(&metrics, "other", false, "hits", 1.0, ""), Err(Denied::Invalid));
        assert_eq!(change(&metrics, "echo", true, "hits", 1.0, "one more"), Err(Denied::TooLarge));
        assert_eq!(change(&metrics, "echo", true, "more", 1.0, ""), Err(Denied::TooLarge));
        assert_eq!(change(&metrics, "echo", true, "hits", 1.0, "7"), Ok(()));
        assert_eq!(change(&metrics, "other", true, "more", 1.0, ""), Ok(()));
    }
}
