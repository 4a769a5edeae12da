//! Where the daemon is reached, and connecting to it.

use std::{fmt, io, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use hyper::Uri;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// A place where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Its Unix socket.
    Unix(PathBuf),
    /// Its TCP port.
    Tcp {
        /// Name or address of this machine.
        host: String,
        /// The port.
        port: u16,
    },
}

/// A byte stream to a daemon, over whichever of the two.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Endpoint {
    /// Opens a connection.
    pub async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let opening = async {
            Ok(match self {
                Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?) as Box<dyn Stream>,
                Endpoint::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
            })
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "it does not take the connection");
        tokio::time::timeout(CONNECT_LIMIT, opening).await.map_err(late)?
    }

    /// Tells whether somebody takes connections there.
    pub fn is_listening(&self) -> bool {
        match self {
            Endpoint::Unix(path) => std::os::unix::net::UnixStream::connect(path).is_ok(),
            Endpoint::Tcp { host, port } => std::net::TcpStream::connect((host.as_str(), *port)).is_ok(),
        }
    }

    /// Returns what the `Host` header has to say.
    pub fn host(&self) -> String {
        match self {
            Endpoint::Unix(_) => "localhost".into(),
            Endpoint::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
            Endpoint::Tcp { .. } => write!(f, "http://{}", self.host()),
        }
    }
}

impl From<std::net::SocketAddr> for Endpoint {
    fn from(address: std::net::SocketAddr) -> Self {
        Endpoint::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{what}; wanted a base address such as http://127.0.0.1:8435");
        let uri: Uri = text.parse().map_err(|error| wrong(&format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("it does not start with http://"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("it has a path"));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !is_loopback {
            return Err(wrong("it is no loopback address, and the token would cross the network in the clear"));
        }
        Ok(Endpoint::Tcp { host, port: uri.port_u16().unwrap_or(80) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_reads_back_as_it_was_written() {
        for text in ["http://127.0.0.1:8435", "http://localhost:80", "http://[::1]:1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("http://localhost/".parse::<Endpoint>().unwrap().to_string(), "http://localhost:80");
    }

    #[test]
    fn what_would_send_the_token_abroad_is_refused() {
        for text in ["http://10.0.0.1:8435", "https://127.0.0.1:1", "http://mesh.example.org", "127.0.0.1:8435", "x"] {
            assert!(text.parse::<Endpoint>().unwrap_err().contains("http://127.0.0.1:8435"), "{text}");
        }
    }
}
