//! The text of a stream of server-sent events.

/// One event of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Its `id:`, when it has one.
    pub id: Option<String>,
    /// Its `event:`.
    pub event: String,
    /// Its `data:` lines.
    pub data: String,
}

/// Turns bytes, cut anywhere, into events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    ended_with_cr: bool,
    frame: Frame,
    has_data: bool,
}

impl Parser {
    /// Takes bytes and returns the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let is_second_half = byte == b'\n' && self.ended_with_cr;
            self.ended_with_cr = byte == b'\r';
            match byte {
                _ if is_second_half => {}
                b'\n' | b'\r' => frames.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        frames
    }

    fn end_line(&mut self) -> Option<Frame> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            return std::mem::take(&mut self.has_data).then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.frame.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.frame.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // A comment has an empty field name; `retry` and what we do not know are passed over.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: &str, event: &str, data: &str) -> Frame {
        Frame { id: (!id.is_empty()).then(|| id.into()), event: event.into(), data: data.into() }
    }

    #[test]
    fn events_come_out_however_the_bytes_are_cut() {
        let text = ": hello\n\nid: 7\nevent: ask_opened\ndata: {\"a\":1}\n\n:keep-alive\n\nid:8\r\ndata:x\r\ndata:y\r\n\r\ndata: z\r\r";
        let wanted = [frame("7", "ask_opened", "{\"a\":1}"), frame("8", "", "x\ny"), frame("", "", "z")];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let found: Vec<Frame> = text.as_bytes().chunks(size).flat_map(|chunk| parser.push(chunk)).collect();
            assert_eq!(found, wanted, "cut every {size} bytes");
        }
    }

    #[test]
    fn an_event_without_data_or_without_its_empty_line_is_none() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"event: x\n\nid: 1\ndata: half"), []);
        assert_eq!(parser.push(b"\n\n"), [frame("1", "", "half")]);
    }
}
