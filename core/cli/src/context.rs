//! What every command starts from: home, configuration, client and output.

use std::net::SocketAddr;

use tieline_config::{Home, Layers, Loaded, Problems, load};
use tieline_model::{Command, Reply};

use crate::{
    args::Global, client::Client, credential::Sources, endpoint::Endpoint, exit::Failed, output::Output, settings,
};

/// What every command starts from.
pub struct Context {
    /// Where things live.
    pub home: Home,
    /// This process's `TIELINE_` variables.
    pub env: Vec<(String, String)>,
    /// Where a token may come from.
    pub tokens: Sources,
    /// Where results go.
    pub out: Output,
    url: Option<Endpoint>,
}

impl Context {
    /// Gathers it from the flags and the environment.
    pub fn new(global: &Global) -> Result<Self, Failed> {
        let env = tieline_config::environment();
        let home = Home::find(&env).map_err(|error| Failed::Input(error.to_string()))?;
        let tokens = Sources::new(global.token_file.clone(), &env);
        Ok(Self { home, env, tokens, out: Output::of_process(global.json), url: global.url.clone() })
    }

    /// Loads the configuration with `flags` on top.
    pub fn config(&self, flags: Vec<(String, String)>) -> Result<Loaded, Failed> {
        let layers = self.layers(flags)?;
        load(&layers).map_err(Failed::Config)
    }

    /// Checks the configuration, with the settings of the plugins that are there.
    pub fn check_all(&self) -> Result<settings::Checked, Failed> {
        settings::check(&self.home, &self.layers(Vec::new())?)
    }

    /// Returns what is wrong with the configuration, or the configuration.
    pub fn checked_config(&self) -> Result<Result<Loaded, Problems>, Failed> {
        Ok(load(&self.layers(Vec::new())?))
    }

    fn layers(&self, flags: Vec<(String, String)>) -> Result<Layers, Failed> {
        Layers::gather(&self.home, self.env.clone(), flags).map_err(|error| Failed::Other(error.into()))
    }

    /// Returns where the daemon is: `--url`, else the Unix socket. A broken configuration does not hide the daemon.
    pub fn endpoint(&self) -> Endpoint {
        match &self.url {
            Some(url) => url.clone(),
            None => self.socket(),
        }
    }

    /// Returns the Unix socket.
    pub fn socket(&self) -> Endpoint {
        let configured = self.checked_config().ok().and_then(Result::ok).and_then(|loaded| loaded.config.server.socket);
        Endpoint::Unix(configured.unwrap_or_else(|| self.home.socket()))
    }

    /// Tells whether commands go over TCP.
    pub fn is_over_tcp(&self) -> bool {
        self.url.is_some()
    }

    /// Returns where the daemon is over TCP: `--url`, else where it says that it listens, else `server.listen`,
    /// unless that picks a free port.
    pub fn tcp(&self) -> Option<Endpoint> {
        let published = || std::fs::read_to_string(self.home.address_file()).ok()?.trim().parse().ok();
        let configured = || Some(self.checked_config().ok()?.ok()?.config.server.listen);
        let address = || published().or_else(configured).filter(|address: &SocketAddr| address.port() != 0);
        self.url.clone().or_else(|| address().map(Endpoint::from))
    }

    /// Returns a client with the token that was named, or the human's own.
    pub fn client(&self) -> Result<Client, Failed> {
        self.client_as("human")
    }

    /// Returns a client with the token that was named, or that of the home's first principal of `kind`.
    pub fn client_as(&self, kind: &str) -> Result<Client, Failed> {
        let endpoint = self.endpoint();
        match self.tokens.read(&self.home, kind) {
            Ok(secret) => Ok(Client::new(endpoint, Some(secret))),
            // Where no daemon ever ran there is no token either, and starting one is the answer to both.
            Err(Failed::NoToken(_)) if self.tokens.is_default() && !endpoint.is_listening() => {
                let why = "nobody listens there, and there is no token yet".to_owned();
                Err(Failed::Unreachable { place: endpoint.to_string(), why })
            }
            Err(failed) => Err(failed),
        }
    }

    /// Carries out a command and returns its reply.
    pub async fn call(&self, command: &Command) -> Result<Reply, Failed> {
        self.client()?.call(command).await
    }
}
