//! Asks a daemon over its Unix socket whether it is ready.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(2);

/// Says whether `/healthz` answers 200 on this socket. A daemon that is not there yet is not ready.
pub fn is_ready(socket: &Path) -> bool {
    status(socket).is_ok_and(|line| line.split(' ').nth(1) == Some("200"))
}

/// Returns the first line of the answer.
fn status(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::net::UnixListener, thread};

    fn ready_when_answered(answer: &'static str) -> bool {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let is_ready = is_ready(&socket);
        assert!(server.join().unwrap().starts_with("GET /healthz HTTP/1.1\r\n"));
        is_ready
    }

    #[test]
    fn only_200_means_ready() {
        assert!(ready_when_answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
        assert!(!ready_when_answered("HTTP/1.1 503 Service Unavailable\r\n\r\n200"));
        assert!(!ready_when_answered(""));
        assert!(!is_ready(Path::new("/nowhere/at/all")));
    }
}
