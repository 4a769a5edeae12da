-- What plugins keep for themselves: a small space each, within the limits of `plugins-sdk/src/limits.rs`.
CREATE TABLE plugin_kv (
    plugin TEXT NOT NULL,            -- the manifest's name
    key    TEXT NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (plugin, key)
) STRICT;
