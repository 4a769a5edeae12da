//! JSON files of agent programs, changed in place: comments, order and indentation stay.

use jsonc_parser::{
    ParseOptions,
    cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode},
};

use super::{Document, Misfit};

/// What can be in the files: JSON, and comments and commas at the end of a list, which some of the programs allow.
const FORM: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What a file has in front that was saved by some editors.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file that is being changed.
pub struct Json<'a> {
    document: &'a Document,
    tree: CstRootNode,
    /// What is in it.
    pub root: CstObject,
}

impl<'a> Json<'a> {
    /// Reads it. A file that is missing or empty is an empty object.
    pub fn open(document: &'a Document) -> Result<Self, Misfit> {
        let text = document.text.as_deref().unwrap_or_default();
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        let tree = CstRootNode::parse(text, &FORM).map_err(|error| Misfit::Broken {
            path: document.path.clone(),
            line: error.line_display(),
            column: error.column_display(),
            what: format!("not JSON: {}", error.kind()),
        })?;
        let root = tree.object_value_or_create().ok_or_else(|| Misfit::Unexpected {
            path: document.path.clone(),
            place: "the whole file".into(),
            found: tree.value().map_or("nothing", |value| kind(&value)),
            wanted: OBJECT,
        })?;
        Ok(Self { document, tree, root })
    }

    /// Returns the text as it is now.
    pub fn text(&self) -> String {
        let text = self.document.text.as_deref().unwrap_or_default();
        let mark = if text.starts_with(BYTE_ORDER_MARK) { "\u{feff}" } else { "" };
        format!("{mark}{}", self.tree)
    }

    /// Returns an object in an object, if it is there.
    pub fn find_object(&self, parent: &CstObject, name: &str, place: &str) -> Result<Option<CstObject>, Misfit> {
        let Some(node) = self.only(parent, name, place)? else { return Ok(None) };
        node.as_object().map(Some).ok_or_else(|| self.unexpected(place, &node, OBJECT))
    }

    /// Returns an object in an object; makes it when it is missing.
    pub fn object(&self, parent: &CstObject, name: &str) -> Result<CstObject, Misfit> {
        let found = self.find_object(parent, name, name)?;
        Ok(found.unwrap_or_else(|| parent.object_value_or_set(name)))
    }

    /// Returns a list in an object, if it is there.
    pub fn find_array(&self, parent: &CstObject, name: &str, place: &str) -> Result<Option<CstArray>, Misfit> {
        let Some(node) = self.only(parent, name, place)? else { return Ok(None) };
        node.as_array().map(Some).ok_or_else(|| self.unexpected(place, &node, "a list"))
    }

    /// Of two entries of one name some programs take the first and some the last, so there must not be two.
    fn only(&self, parent: &CstObject, name: &str, place: &str) -> Result<Option<CstNode>, Misfit> {
        let is_it = |prop: &jsonc_parser::cst::CstObjectProp| prop.decoded_name().as_deref() == Some(name);
        let mut found = parent.properties().into_iter().filter(is_it);
        let first = found.next();
        if found.next().is_some() {
            let path = self.document.path.clone();
            return Err(Misfit::Unexpected { path, place: place.into(), found: "there twice", wanted: "one of it" });
        }
        Ok(first.and_then(|prop| prop.value()))
    }

    pub fn unexpected(&self, place: &str, found: &CstNode, wanted: &'static str) -> Misfit {
        Misfit::Unexpected { path: self.document.path.clone(), place: place.into(), found: kind(found), wanted }
    }

    pub fn taken(&self, place: String) -> Misfit {
        Misfit::Taken { path: self.document.path.clone(), place }
    }
}

const OBJECT: &str = "an object";

/// Returns a text in an object.
pub fn text(object: &CstObject, name: &str) -> Option<String> {
    object.get(name)?.value()?.as_string_lit()?.decoded_value().ok()
}

/// Tells whether a switch in an object is on.
pub fn is_on(object: &CstObject, name: &str) -> bool {
    object.get(name).and_then(|prop| prop.value()?.as_boolean_lit()).is_some_and(|switch| switch.value())
}

/// Returns an object to put in, its fields in this order.
pub fn object<const N: usize>(fields: [(&str, CstInputValue); N]) -> CstInputValue {
    CstInputValue::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn kind(node: &CstNode) -> &'static str {
    if node.as_object().is_some() {
        OBJECT
    } else if node.as_array().is_some() {
        "a list"
    } else if node.as_string_lit().is_some() {
        "a text"
    } else if node.as_number_lit().is_some() {
        "a number"
    } else if node.as_boolean_lit().is_some() {
        "true or false"
    } else {
        "null"
    }
}

impl super::Draft {
    /// Takes the text over when something changed.
    pub(super) fn take(&mut self, json: &Json<'_>, changes: Vec<String>) {
        if !changes.is_empty() {
            self.text = Some(json.text());
            self.changes.extend(changes);
        }
    }
}
