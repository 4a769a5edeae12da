//! Reads JSON input and says, when it is wrong, at which field, what was found and what was wanted.

use serde::de::DeserializeOwned;

use crate::outcome::{Code, Refusal};

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 32;

/// Reads a `T` out of JSON text. A refusal names the path of the field at fault.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    if depth(bytes) > MAX_DEPTH {
        return Err(Refusal::new(Code::BadInput, format!("the JSON is nested deeper than {MAX_DEPTH} levels")));
    }
    // Keeping track of the path takes as long as reading, so only what is wrong is read again for it.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let refusal = Refusal::new(Code::BadInput, sentence(error.inner()));
        if path == "." { refusal } else { refusal.at(path) }
    })?;
    reader.end().map_err(|error| Refusal::new(Code::BadInput, error.to_string()))?;
    Ok(value)
}

/// What is wrong with a value stands at its field; where it stood in the text depends on what it was wrapped in. Text
/// that is no JSON has no fields, so that there the line and column are told.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(what) if error.is_data() => what.to_owned(),
        _ => text,
    }
}

fn depth(bytes: &[u8]) -> usize {
    let (mut deepest, mut level, mut in_text, mut is_escaped) = (0usize, 0usize, false, false);
    for &byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_text => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Command;

    #[test]
    fn a_mistake_is_named_with_its_path() {
        for (input, field, says) in [
            (r#"{"notify":{"to":"b","text":5}}"#, Some("notify.text"), "invalid type: integer `5`, expected a string"),
            (r#"{"notify":{"to":"b","txt":"x"}}"#, Some("notify.txt"), "unknown field `txt`"),
            (r#"{"notify":{"to":"b"}}"#, Some("notify"), "missing field `text`"),
            (r#"{"notfy":{}}"#, None, "unknown variant `notfy`"),
            (r#"{"receipt":{"lane":"fast","state":"seen"}}"#, Some("receipt.lane"), "unknown variant `fast`"),
            (r#"{"whoami":{}} x"#, None, "trailing characters"),
            ("nonsense", None, "expected value"),
            ("", None, "EOF"),
        ] {
            let refusal = from_json::<Command>(input.as_bytes()).unwrap_err();
            assert!(refusal.message.contains(says), "{input}: {}", refusal.message);
            if field.is_some() {
                assert_eq!(refusal.field.as_deref(), field, "{input}");
            }
        }
        let wrong = from_json::<Command>(br#"{"notify":{"to":"b","txt":"x"}}"#).unwrap_err();
        assert!(!wrong.message.contains("column"), "{}", wrong.message);
        let torn = from_json::<Command>(br#"{"notify":{"to":"b","#).unwrap_err();
        assert!(torn.message.contains("column"), "{}", torn.message);
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert!(from_json::<Command>(deep.as_bytes()).unwrap_err().message.contains("deeper than 32"));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = from_json::<Command>(&bytes);
        }
    }
}
