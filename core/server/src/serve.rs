//! Listens on a Unix socket and on loopback TCP, with the same routes behind both.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    dev::{Extensions, ServerHandle},
    middleware::{DefaultHeaders, from_fn},
    rt::net::UnixStream,
    web,
};
use tieline_config::Config;
use tieline_engine::{Door, Engine, observe::Observer, port::Mounts};

use crate::{
    routes,
    security::{self, Names, PeerUser},
};

/// What handlers see.
pub struct State {
    pub(crate) door: Door,
    pub(crate) observer: Observer,
    pub(crate) mounts: Option<Arc<dyn Mounts>>,
    pub(crate) names: Names,
    pub(crate) user: u32,
    pub(crate) max_body_bytes: usize,
    pub(crate) in_flight: u32,
    pub(crate) webhook_ms: u64,
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The TCP address.
    #[error("{address}: {error}; choose another with --listen, or port 0 for a free one")]
    Tcp {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The Unix socket.
    #[error("{path}: {error}")]
    Unix {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The HTTP server.
    #[error("the HTTP server did not start: {0}")]
    Http(std::io::Error),
}

/// Open listeners that nobody serves yet.
#[derive(Debug)]
pub struct Listeners {
    tcp: TcpListener,
    unix: UnixListener,
    /// The TCP address, with the port that was really taken.
    pub address: SocketAddr,
    /// The Unix socket.
    pub socket: PathBuf,
}

impl Listeners {
    /// Opens both. A socket file left by a daemon that died is replaced: the store's lock has shown that none runs.
    pub fn open(address: SocketAddr, socket: &Path) -> Result<Self, ServeError> {
        let tcp = TcpListener::bind(address).map_err(|error| ServeError::Tcp { address, error })?;
        let address = tcp.local_addr().map_err(|error| ServeError::Tcp { address, error })?;
        let failed = |error| ServeError::Unix { path: socket.to_owned(), error };
        if let Some(folder) = socket.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        match fs::symlink_metadata(socket) {
            Ok(meta) if meta.file_type().is_socket() => fs::remove_file(socket).map_err(failed)?,
            Ok(_) => return Err(failed(std::io::Error::new(ErrorKind::AlreadyExists, "something else is there"))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let unix = UnixListener::bind(socket).map_err(failed)?;
        // Until here the folder's mode alone keeps others out.
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { tcp, unix, address, socket: socket.to_owned() })
    }
}

/// A running HTTP server.
#[derive(Debug)]
pub struct Server {
    handle: ServerHandle,
    socket: PathBuf,
}

impl Server {
    /// Serves the listeners. Returns the running server and a future that ends when it has stopped.
    pub fn start(
        listeners: Listeners,
        engine: &Engine,
        mounts: Option<Arc<dyn Mounts>>,
        config: &Config,
    ) -> Result<(Self, actix_web::dev::Server), ServeError> {
        let server = &config.server;
        let state = web::Data::new(State {
            door: engine.door.clone(),
            observer: engine.observer(),
            mounts,
            names: Names::new(listeners.address, &server.allowed_hosts, &server.allowed_origins),
            user: own_user(),
            max_body_bytes: server.max_body_bytes,
            in_flight: config.limits.in_flight,
            webhook_ms: server.webhook_ms,
        });
        let http = HttpServer::new(move || {
            let headers = DefaultHeaders::new()
                .add(("X-Content-Type-Options", "nosniff"))
                .add(("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"))
                .add(("Cross-Origin-Resource-Policy", "same-origin"))
                .add(("Cross-Origin-Opener-Policy", "same-origin"));
            App::new().wrap(from_fn(security::guard)).wrap(headers).configure(|config| routes::mount(config, &state))
        })
        .workers(server.workers)
        .max_connections(server.max_connections)
        .tcp_nodelay(true)
        .client_request_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(server.drain_ms.div_ceil(1000))
        .disable_signals()
        .on_connect(note_user)
        .listen(listeners.tcp)
        .and_then(|http| http.listen_uds(listeners.unix))
        .map_err(ServeError::Http)?
        .run();
        Ok((Self { handle: http.handle(), socket: listeners.socket }, http))
    }

    /// Takes no more connections and waits for requests that are being answered, up to the drain time.
    pub async fn stop(&self) {
        self.handle.stop(true).await;
        if let Err(error) = fs::remove_file(&self.socket) {
            tracing::debug!(%error, "the socket file was gone before");
        }
    }
}

/// Notes whose connection it is when it comes over the Unix socket.
fn note_user(io: &dyn std::any::Any, extensions: &mut Extensions) {
    if let Some(stream) = io.downcast_ref::<UnixStream>() {
        // Without credentials it is nobody's: no user has this number.
        let user = stream.peer_cred().map_or(u32::MAX, |credentials| credentials.uid());
        extensions.insert(PeerUser(user));
    }
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
