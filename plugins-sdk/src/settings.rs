//! Typed settings: one definition makes the type that a transport is started with, and the schema in its manifest.

use serde_json::{Map, Value};

use crate::{Error, manifest::Json, schema};

/// What values a setting may have, known while compiling. A manifest has it as JSON Schema.
#[derive(Debug, Clone, Copy)]
pub enum Schema {
    /// Any value.
    Any,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second, both included.
    Whole(i128, i128),
    /// A number.
    Number,
    /// A text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these.
    List(&'static Schema),
    /// A table with these under keys of the reader's choice.
    Map(&'static Schema),
    /// A table with these keys.
    Table(&'static [Field]),
    /// JSON Schema as it is. What the daemon checks of it stands in [`schema`].
    Json(&'static str),
}

impl Schema {
    /// Narrows a whole number.
    #[doc(hidden)]
    pub const fn within(self, least: i128, most: i128) -> Self {
        match self {
            Schema::Whole(from, to) => {
                assert!(from <= least && least <= most && most <= to, "a range is not within what the type can hold");
                Schema::Whole(least, most)
            }
            _ => panic!("only a whole number has a range"),
        }
    }
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What it means, line by line.
    pub doc: &'static [&'static str],
    /// What values it may have.
    pub schema: Schema,
    /// The text of its default.
    pub default: Option<&'static str>,
    /// Whether it has to be there.
    pub is_required: bool,
}

/// A type of settings, of one of them or of all together. Made with [`settings!`](crate::settings!).
///
/// `()` is a transport without settings, and [`Config`](crate::Config) takes whatever comes. By hand it is implemented
/// for a type of `serde`:
///
/// ```
/// use tieline_plugin_sdk::{Config, Schema, Settings};
///
/// #[derive(serde::Deserialize)]
/// struct Mine {
///     port: u16,
/// }
///
/// impl Settings for Mine {
///     const SCHEMA: Schema = Schema::Json(
///         r#"{"type":"object","required":["port"],"properties":{"port":{"type":"integer","minimum":0,"maximum":65535}}}"#,
///     );
///     fn from_value(value: &Config) -> Result<Self, String> {
///         serde_json::from_value(value.clone()).map_err(|error| error.to_string())
///     }
/// }
/// ```
pub trait Settings: Sized {
    /// What values it may have.
    const SCHEMA: Schema;
    /// Whether it has to be there.
    const IS_REQUIRED: bool = true;

    /// Makes it of a value that fits the schema. An error says what is wrong all the same.
    fn from_value(value: &Value) -> Result<Self, String>;

    /// Makes it when nothing is there.
    fn absent() -> Result<Self, String> {
        Err("it has to be there".to_owned())
    }
}

/// Makes a setting of the literal that is its default.
#[doc(hidden)]
pub trait FromLiteral<L>: Settings {
    /// Makes it.
    fn from_literal(literal: L) -> Self;
}

/// Reads settings. An error names every mistake.
pub(crate) fn read<T: Settings>(config: &Value) -> Result<T, Error> {
    let json = Json::EMPTY.schema(&T::SCHEMA);
    let schema: Value = serde_json::from_slice(json.as_bytes())
        .map_err(|error| Error::new(format!("the schema of the settings is not JSON: {error}")))?;
    let mistakes = schema::check(&schema, config);
    if mistakes.is_empty() {
        return T::from_value(config).map_err(|what| Error::new(format!("the settings cannot be read: {what}")));
    }
    let mistakes: Vec<String> = mistakes.iter().map(schema::Mistake::to_string).collect();
    Err(Error::new(format!("the settings are wrong: {}", mistakes.join("; "))))
}

/// Reads one key of a table.
#[doc(hidden)]
pub fn field<T: Settings>(table: &Value, key: &str, default: Option<fn() -> T>) -> Result<T, String> {
    let found = match (table.get(key), default) {
        (Some(value), _) => T::from_value(value),
        (None, Some(default)) => Ok(default()),
        (None, None) => T::absent(),
    };
    found.map_err(|what| format!("`{key}`: {what}"))
}

fn wrong<T>(wanted: &str) -> impl Fn() -> Result<T, String> {
    let wanted = wanted.to_owned();
    move || Err(format!("{wanted} is wanted"))
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl Settings for $kind {
            const SCHEMA: Schema = Schema::Whole(<$kind>::MIN as i128, <$kind>::MAX as i128);
            fn from_value(value: &Value) -> Result<Self, String> {
                let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
                let number = number.and_then(|number| <$kind>::try_from(number).ok());
                number.map_or_else(wrong("a whole number"), Ok)
            }
        }
        impl FromLiteral<$kind> for $kind {
            fn from_literal(literal: $kind) -> Self {
                literal
            }
        }
    )*};
}
whole!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl Settings for bool {
    const SCHEMA: Schema = Schema::Flag;
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_bool().map_or_else(wrong("true or false"), Ok)
    }
}

impl FromLiteral<bool> for bool {
    fn from_literal(literal: bool) -> Self {
        literal
    }
}

impl Settings for f64 {
    const SCHEMA: Schema = Schema::Number;
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_f64().map_or_else(wrong("a number"), Ok)
    }
}

impl FromLiteral<f64> for f64 {
    fn from_literal(literal: f64) -> Self {
        literal
    }
}

impl Settings for String {
    const SCHEMA: Schema = Schema::Text;
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().map(str::to_owned).map_or_else(wrong("text"), Ok)
    }
}

impl FromLiteral<&str> for String {
    fn from_literal(literal: &str) -> Self {
        literal.to_owned()
    }
}

impl<T: Settings> Settings for Option<T> {
    const SCHEMA: Schema = T::SCHEMA;
    const IS_REQUIRED: bool = false;
    fn from_value(value: &Value) -> Result<Self, String> {
        T::from_value(value).map(Some)
    }
    fn absent() -> Result<Self, String> {
        Ok(None)
    }
}

impl<T: Settings> Settings for Vec<T> {
    const SCHEMA: Schema = Schema::List(&T::SCHEMA);
    const IS_REQUIRED: bool = false;
    fn from_value(value: &Value) -> Result<Self, String> {
        let items = value.as_array().map_or_else(wrong("a list"), Ok)?;
        items.iter().map(T::from_value).collect()
    }
    fn absent() -> Result<Self, String> {
        Ok(Vec::new())
    }
}

impl<T: Settings> Settings for std::collections::BTreeMap<String, T> {
    const SCHEMA: Schema = Schema::Map(&T::SCHEMA);
    const IS_REQUIRED: bool = false;
    fn from_value(value: &Value) -> Result<Self, String> {
        let table = value.as_object().map_or_else(wrong("a table"), Ok)?;
        table.iter().map(|(key, value)| Ok((key.clone(), T::from_value(value)?))).collect()
    }
    fn absent() -> Result<Self, String> {
        Ok(Self::new())
    }
}

impl Settings for Value {
    const SCHEMA: Schema = Schema::Any;
    const IS_REQUIRED: bool = false;
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
    fn absent() -> Result<Self, String> {
        Ok(Value::Object(Map::new()))
    }
}

impl Settings for () {
    const SCHEMA: Schema = Schema::Table(&[]);
    const IS_REQUIRED: bool = false;
    fn from_value(_: &Value) -> Result<Self, String> {
        Ok(())
    }
    fn absent() -> Result<Self, String> {
        Ok(())
    }
}

/// Tells whether any key has to be there.
#[doc(hidden)]
pub const fn any_required(fields: &[Field]) -> bool {
    let mut i = 0;
    while i < fields.len() {
        if fields[i].is_required {
            return true;
        }
        i += 1;
    }
    false
}

/// Defines settings: a struct with a key for each field, or an enum of words. Its schema goes into the manifest.
///
/// A field may have a range (whole numbers only) and a default, which is a literal. Without a default it has to be given,
/// unless it is an `Option`, a list, a map, or a table in which nothing has to be given. The documentation of a field is
/// what people are shown. Types of fields: whole numbers, `f64`, `bool`, `String`, `Option`, `Vec`,
/// `BTreeMap<String, _>`, and what this macro has defined.
///
/// ```
/// use tieline_plugin_sdk::prelude::*;
///
/// settings! {
///     /// How loud.
///     pub enum Mode { Loud = "loud", Quiet = "quiet" }
/// }
///
/// settings! {
///     #[derive(Debug)]
///     pub struct MySettings {
///         /// Where the other side is.
///         pub url: String,
///         /// How often to try again.
///         pub retries: u32 where 1..=10 = 3,
///         pub mode: Mode = "quiet",
///         /// The rooms to join; none joins all.
///         pub rooms: Vec<String>,
///         pub proxy: Option<String>,
///     }
/// }
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field_vis:vis $field:ident: $kind:ty $(where $least:literal..=$most:literal)? $(= $default:literal)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[doc = $doc])* $field_vis $field: $kind,)*
        }

        impl $crate::Settings for $name {
            const SCHEMA: $crate::Schema = {
                const FIELDS: &[$crate::settings::Field] = &[$(
                    $crate::settings::Field {
                        key: stringify!($field),
                        doc: &[$($doc),*],
                        schema: <$kind as $crate::Settings>::SCHEMA
                            $(.within($least as i128, $most as i128))?,
                        default: $crate::settings!(@text $($default)?),
                        is_required: <$kind as $crate::Settings>::IS_REQUIRED && $crate::settings!(@no $($default)?),
                    },
                )*];
                $crate::Schema::Table(FIELDS)
            };
            const IS_REQUIRED: bool = match <Self as $crate::Settings>::SCHEMA {
                $crate::Schema::Table(fields) => $crate::settings::any_required(fields),
                _ => true,
            };

            fn from_value(value: &$crate::Config) -> ::std::result::Result<Self, ::std::string::String> {
                ::std::result::Result::Ok(Self {
                    $($field: $crate::settings::field::<$kind>(
                        value,
                        stringify!($field),
                        $crate::settings!(@make $kind $(, $default)?),
                    )?,)*
                })
            }

            fn absent() -> ::std::result::Result<Self, ::std::string::String> {
                Self::from_value(&$crate::Config::default())
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[doc = $doc:literal])* $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $($(#[doc = $doc])* $variant,)*
        }

        impl $crate::Settings for $name {
            const SCHEMA: $crate::Schema = $crate::Schema::OneOf(&[$($word),*]);

            fn from_value(value: &$crate::Config) -> ::std::result::Result<Self, ::std::string::String> {
                match value.as_str() {
                    $(::std::option::Option::Some($word) => ::std::result::Result::Ok(Self::$variant),)*
                    _ => ::std::result::Result::Err(concat!("one of", $(" \"", $word, "\"",)* " is wanted").to_owned()),
                }
            }
        }

        impl $crate::settings::FromLiteral<&str> for $name {
            fn from_literal(literal: &str) -> Self {
                match literal {
                    $($word => Self::$variant,)*
                    // The manifest is made of the same words while compiling.
                    other => unreachable!("{other} is none of the words, which the compiler has checked"),
                }
            }
        }
    };
    (@text) => { ::std::option::Option::None };
    (@text $default:literal) => { ::std::option::Option::Some(concat!($default)) };
    (@no) => { true };
    (@no $default:literal) => { false };
    (@make $kind:ty) => { ::std::option::Option::None };
    (@make $kind:ty, $default:literal) => {
        ::std::option::Option::Some(|| <$kind as $crate::settings::FromLiteral<_>>::from_literal($default))
    };
}
