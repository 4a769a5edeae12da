//! `tieline primer`: what an agent has to know to work with others, as a text for its instructions.

use serde_json::json;

use crate::{args::Primer, context::Context, exit::Failed};

const TEXT: &str = include_str!("../../../../docs/primer.md");
/// How agent programs find a skill.
const SKILL: &str = "---\nname: tieline\ndescription: Ask, answer and tell other agents and people on this machine, and share \
                     files with them. Use when work touches that of others, or when mail marked [tieline message] comes.\n---\n\n";

/// Prints it.
pub fn primer(context: &Context, args: &Primer) -> Result<(), Failed> {
    let text = if args.skill { format!("{SKILL}{TEXT}") } else { TEXT.to_owned() };
    if context.out.json {
        return context.out.json(&json!({ "primer": text }));
    }
    context.out.text(text.trim_end())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use tieline_model::schema::{GENERAL_TOOL, TOOL_NAMES, agent_commands};

    use super::*;
    use crate::args::Cli;

    /// What stands between backticks.
    fn spans() -> Vec<&'static str> {
        TEXT.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn it_costs_an_agent_at_most_seven_hundred_tokens() {
        assert!(TEXT.chars().count() <= 2_800, "{} characters", TEXT.chars().count());
        assert_eq!(TEXT.matches('`').count() % 2, 0, "a backtick is missing");
    }

    #[test]
    fn it_names_only_tools_and_commands_that_exist() {
        let commands: Vec<String> = agent_commands().into_iter().map(|tool| tool.name).collect();
        let is_tool = |name: &str| TOOL_NAMES.contains(&name) || name == GENERAL_TOOL;
        let mut known = 0;
        for span in spans() {
            if let Some(call) = span.strip_prefix("{\"") {
                let name = call.split('"').next().unwrap();
                assert!(commands.iter().any(|command| command == name), "no command `{name}`");
            } else if span.starts_with("[tieline message") || span == "message" {
                continue;
            } else if let Some(line) = span.strip_prefix("tieline ") {
                let verb = line.split(' ').next().unwrap();
                assert!(Cli::command().find_subcommand(verb).is_some(), "no `tieline {verb}`");
            } else {
                assert!(is_tool(span), "no tool `{span}`");
            }
            known += 1;
        }
        assert!(known > 15, "{known}");
        assert!(TOOL_NAMES.iter().all(|name| spans().contains(name)), "a tool is not named");
    }

    #[test]
    fn what_it_shows_of_a_call_is_understood() {
        for span in spans().into_iter().filter(|span| span.starts_with('{') && !span.contains('…')) {
            if let Err(error) = serde_json::from_str::<tieline_model::Command>(span) {
                panic!("{span}: {error}");
            }
        }
    }
}
