//! The text of a message: an argument, or standard input.

use std::io::Read;

use crate::exit::Failed;

/// The most that is read; the daemon's own limit is lower.
const MAX_BYTES: u64 = 1 << 20;

/// Returns the text, read from standard input when it is `-`.
pub fn text(argument: String) -> Result<String, Failed> {
    if argument == "-" { read(std::io::stdin().lock()) } else { Ok(argument) }
}

fn read(input: impl Read) -> Result<String, Failed> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failed::Input(format!("standard input has more than {MAX_BYTES} bytes; a text may not")));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| Failed::Input("standard input is not UTF-8; a text must be".into()))?;
    // The line break that ends the last line belongs to the pipe, not to the message.
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_break_is_not_part_of_the_message() {
        assert_eq!(read(&b"a\nb\n"[..]).unwrap(), "a\nb");
        assert_eq!(read(&b"a"[..]).unwrap(), "a");
    }

    #[test]
    fn what_cannot_be_a_text_is_refused() {
        assert!(read(&[0xff, 0xfe][..]).unwrap_err().to_string().contains("UTF-8"));
        assert_eq!(read(std::io::repeat(b'x')).unwrap_err().exit_code(), 2);
    }
}
