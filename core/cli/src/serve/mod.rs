//! `tieline serve`: puts the parts together, waits for the end, takes them down in order.

mod failpoints;
mod first_start;
mod logging;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tieline_config::{Config, Home, Layers, load};
use tieline_engine::{
    Engine,
    clock::Clock,
    plugins::{Plugins, Reread, Sections},
    port::Mounts,
    secrets::Secrets,
};
use tieline_server::{Listeners, Server};
use tieline_store::{Options, Store, StoreError, Synchronous};
use tokio::signal::unix::{SignalKind, signal};

use crate::host;

/// Runs the daemon in the foreground until SIGTERM or SIGINT. `env` are its `TIELINE_` variables, and `flags` what was typed.
pub fn run(
    home: &Home,
    env: &[(String, String)],
    flags: Vec<(String, String)>,
    config: Config,
) -> anyhow::Result<ExitCode> {
    logging::start(&config.log)?;
    failpoints::arm()?;
    // Whatever this process makes is for its user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    home.create().context("the daemon's folders could not be made")?;
    let store = Store::open(Options {
        path: home.database(),
        synchronous: match config.store.synchronous {
            tieline_config::Synchronous::Full => Synchronous::Full,
            tieline_config::Synchronous::Normal => Synchronous::Normal,
        },
        readers: config.store.readers,
        wal_limit_bytes: config.store.wal_limit_mib << 20,
    })?;
    let reread = reread(home.clone(), env.to_vec(), flags);
    actix::System::new().block_on(serve(home, env, reread, config, store))
}

/// Reads the sections of plugins as they are in the configuration by then.
fn reread(home: Home, env: Vec<(String, String)>, flags: Vec<(String, String)>) -> Reread {
    Box::new(move || {
        let layers = Layers::gather(&home, env.clone(), flags.clone()).map_err(|error| error.to_string())?;
        let config = load(&layers).map_err(|problems| problems.to_string())?.config;
        let settings = host::settings(&home, &config).map_err(|error| format!("{error:#}"))?.plugins;
        Ok(Sections { plugins: config.plugins, settings })
    })
}

async fn serve(
    home: &Home,
    env: &[(String, String)],
    reread: Reread,
    config: Config,
    store: Store,
) -> anyhow::Result<ExitCode> {
    let engine = Engine::start(store, config.clone(), Clock::real(), stop_at_once).await?;
    check_in_background(&engine);
    first_start::run(&engine, home).await?;
    let secrets = Secrets::new(home.secrets_dir(), env);
    let plugins = Plugins::connect(&engine, host::settings(home, &config)?, plugin_limits(), secrets);
    plugins.reread_with(reread);
    let loading = Arc::clone(&plugins);
    let loaded = tokio::task::spawn_blocking(move || loading.watch()).await;
    loaded.context("loading the plugins ended in a panic")?.context("the plugin folder cannot be followed")?;

    let socket = config.server.socket.clone().unwrap_or_else(|| home.socket());
    fail::fail_point!("serve.before_listening");
    let listeners = Listeners::open(config.server.listen, &socket)?;
    println!(
        "tieline {} is listening on http://{} and {}",
        env!("CARGO_PKG_VERSION"),
        listeners.address,
        socket.display()
    );
    for plugin in plugins.status() {
        let why = plugin.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        println!("plugin {} ({}) is {:?}{why}", plugin.name, plugin.file, plugin.state);
    }
    let mounts = Arc::clone(&plugins) as Arc<dyn Mounts>;
    let address = listeners.address;
    let (server, running) = Server::start(listeners, &engine, Some(mounts), &config)?;
    let running = actix::spawn(running);
    let published = home.address_file();
    std::fs::write(
        &published,
        format!(
            "{address}
"
        ),
    )
    .with_context(|| format!("{}: the address could not be written", published.display()))?;

    wait_for_the_end().await?;
    tracing::info!("draining");
    engine.drain();
    fail::fail_point!("serve.draining");
    let stopping = Arc::clone(&plugins);
    // A drain that takes longer than it may is cut off: correctness never depends on it.
    let limit = Duration::from_millis(config.server.drain_ms);
    let drained = async {
        tokio::task::spawn_blocking(move || stopping.stop_all())
            .await
            .context("stopping the plugins ended in a panic")?;
        server.stop().await;
        anyhow::Ok(())
    };
    match tokio::time::timeout(limit, drained).await {
        Ok(result) => result?,
        Err(_) => tracing::warn!(ms = config.server.drain_ms, "not everything was drained in time"),
    }
    fail::fail_point!("serve.drained");
    engine.stop().await;
    running.abort();
    if let Err(error) = std::fs::remove_file(&published) {
        tracing::debug!(%error, "the address file was gone before");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The disk did not keep its word: nothing that this process would say could be trusted.
fn stop_at_once(error: StoreError) {
    tracing::error!(%error, "the disk did not keep what was written; the daemon stops at once");
    std::process::abort();
}

/// Checks the database's structure without holding up the start.
fn check_in_background(engine: &Engine) {
    let store = Arc::clone(engine.store());
    let check = move || match store.quick_check() {
        Ok(()) => tracing::debug!("the database is sound"),
        Err(error) => tracing::error!(%error, "the database is damaged"),
    };
    if let Err(error) = std::thread::Builder::new().name("quick-check".into()).spawn(check) {
        tracing::warn!(%error, "the database is not checked");
    }
}

/// The crash marker covers loading and starting only: a daemon that is killed later, by whomever, must not find
/// its stock plugin in quarantine at the next start.
fn plugin_limits() -> tieline_host::Limits {
    tieline_host::Limits { healthy_after: Duration::ZERO, ..tieline_host::Limits::default() }
}

async fn wait_for_the_end() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be heard")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
