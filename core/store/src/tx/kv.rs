//! What plugins keep for themselves.

use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::{BigInt, Nullable},
};

use super::Tx;
use crate::{Reader, StoreError, rows::unsigned, schema::plugin_kv};

/// How much of its space a plugin uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvUse {
    /// Keys.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

impl Tx<'_> {
    /// Returns how much of its space a plugin uses.
    pub fn kv_use(&mut self, plugin: &str) -> Result<KvUse, StoreError> {
        if let Some(known) = self.cache.kv.get(plugin) {
            return Ok(*known);
        }
        // The length of a TEXT is in characters.
        let bytes = sql::<Nullable<BigInt>>("sum(length(CAST(key AS BLOB)) + length(value))");
        let (keys, bytes): (i64, Option<i64>) = plugin_kv::table
            .filter(plugin_kv::plugin.eq(plugin))
            .select((count_star(), bytes))
            .get_result(self.conn)?;
        let found = KvUse { keys: unsigned(keys), bytes: unsigned(bytes.unwrap_or_default()) };
        self.cache.kv.insert(plugin.to_owned(), found);
        Ok(found)
    }

    /// Returns how many bytes a key has with its value, if it is there.
    pub fn kv_bytes(&mut self, plugin: &str, key: &str) -> Result<Option<u64>, StoreError> {
        let row = plugin_kv::table.find((plugin, key)).select(sql::<BigInt>("length(value)"));
        let length: Option<i64> = row.get_result(self.conn).optional()?;
        Ok(length.map(|length| unsigned(length) + key.len() as u64))
    }

    /// Writes a value.
    pub fn kv_put(&mut self, plugin: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (mut used, old) = (self.kv_use(plugin)?, self.kv_bytes(plugin, key)?);
        used.keys += u64::from(old.is_none());
        used.bytes += (key.len() + value.len()) as u64;
        used.bytes -= old.unwrap_or_default();
        diesel::replace_into(plugin_kv::table)
            .values((plugin_kv::plugin.eq(plugin), plugin_kv::key.eq(key), plugin_kv::value.eq(value)))
            .execute(self.conn)?;
        self.cache.kv.insert(plugin.to_owned(), used);
        Ok(())
    }

    /// Removes a value; false when there was none.
    pub fn kv_delete(&mut self, plugin: &str, key: &str) -> Result<bool, StoreError> {
        // What is left is counted anew when somebody asks.
        self.cache.kv.remove(plugin);
        Ok(diesel::delete(plugin_kv::table.find((plugin, key))).execute(self.conn)? > 0)
    }
}

impl Reader {
    /// Reads a value that a plugin keeps.
    pub fn kv_get(&mut self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = plugin_kv::table.find((plugin, key)).select(plugin_kv::value);
        Ok(row.get_result(self.conn()?).optional()?)
    }

    /// Lists the keys of a plugin that begin with `prefix`, sorted by their bytes.
    pub fn kv_keys(&mut self, plugin: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        let keys: Vec<String> = plugin_kv::table
            .filter(plugin_kv::plugin.eq(plugin))
            .filter(plugin_kv::key.ge(prefix))
            .order(plugin_kv::key)
            .select(plugin_kv::key)
            .load(self.conn()?)?;
        // Keys with the prefix come first among those that are not smaller.
        Ok(keys.into_iter().take_while(|key| key.starts_with(prefix)).collect())
    }
}
