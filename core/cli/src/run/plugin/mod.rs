//! `tieline plugins`.

mod logs;
mod new;
mod record;
mod trust;

use tieline_model::{
    Command, Reply,
    command::{PluginList, PluginRef},
    reply::PluginView,
};

use super::ask::unexpected;
use crate::{
    args::{Plugins, PluginsVerb},
    context::Context,
    exit::Failed,
};

/// Runs it.
pub async fn run(context: &Context, args: Plugins) -> Result<(), Failed> {
    let plugin = |name: String| PluginRef { name };
    match args.verb.unwrap_or(PluginsVerb::List) {
        PluginsVerb::List => list(context).await,
        PluginsVerb::Info(args) => context.out.reply(&context.call(&Command::PluginInfo(plugin(args.name))).await?),
        PluginsVerb::Reload(args) => operate(context, Command::PluginReload(plugin(args.name))).await,
        PluginsVerb::Enable(args) => {
            let done = operate(context, Command::PluginEnable(plugin(args.name.clone()))).await;
            record::unless_reached(context, done, |record| record.switch(&args.name, false))
        }
        PluginsVerb::Disable(args) => {
            let done = operate(context, Command::PluginDisable(plugin(args.name.clone()))).await;
            record::unless_reached(context, done, |record| record.switch(&args.name, true))
        }
        PluginsVerb::Trust(args) => trust::run(context, args).await,
        PluginsVerb::Logs(args) => logs::run(context, args).await,
        PluginsVerb::New(args) => new::run(context, args),
    }
}

async fn list(context: &Context) -> Result<(), Failed> {
    let reply = context.call(&Command::PluginList(PluginList {})).await?;
    context.out.reply(&reply)?;
    if matches!(&reply, Reply::Plugins(reply) if reply.plugins.is_empty()) {
        context.out.note(&format!("they go into {}", context.home.plugins_dir().display()));
    }
    Ok(())
}

/// Carries an operation out and shows the plugin as it is then. It is a no when the plugin was to run and does not.
async fn operate(context: &Context, command: Command) -> Result<(), Failed> {
    let reply = context.call(&command).await?;
    let Reply::Plugin(plugin) = &reply else { return Err(unexpected(&reply)) };
    context.out.reply(&reply)?;
    if matches!(command, Command::PluginDisable(_)) || is_well(plugin) {
        Ok(())
    } else {
        Err(Failed::No(String::new()))
    }
}

fn is_well(plugin: &PluginView) -> bool {
    matches!(plugin.state.as_str(), "running" | "starting") && plugin.pending.is_none()
}
