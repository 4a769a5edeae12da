//! What the nodes say to each other. Each message has words of its own.

use tieline_model::{
    Command, SessionId,
    command::{Ask, Broadcast, Notify},
};

use crate::{
    chance::Chance,
    disk::{LATER, to},
    mesh::Mesh,
};

/// How long the words are: like a short remark of an agent.
const CHARS: usize = 256;

/// Makes a notify.
pub fn notify(session: SessionId, words: String) -> Command {
    Command::Notify(Notify::new(to(session), padded(words)))
}

/// Makes an ask.
pub fn ask(session: SessionId, words: String) -> Command {
    Command::Ask(Ask::new(to(session), padded(words)))
}

/// Makes a broadcast to the nodes.
pub fn broadcast(words: String) -> Command {
    let offline = ["human", "agent"].map(|title| title.parse().expect("a title is an address")).to_vec();
    Command::Broadcast(Broadcast {
        text: padded(words),
        circle: None,
        exclude: offline,
        sender: None,
        expires_in_ms: None,
    })
}

/// Has every node send `count` messages of all kinds to the others. `name` keeps the words apart from earlier ones.
pub fn mixed(mesh: &Mesh, name: &str, count: u64, chance: &mut Chance) {
    for (at, node) in mesh.nodes.iter().enumerate() {
        let others: Vec<SessionId> =
            mesh.nodes.iter().map(|node| node.session).filter(|id| *id != node.session).collect();
        let commands = (0..count).map(|number| {
            let words = format!("{name}: {number} of {}", node.title);
            let other = others[usize::try_from(chance.below(others.len() as u64)).expect("a small number")];
            match number % 10 {
                // One ask of each round stays open over every death.
                0 if number == 0 => ask(other, format!("{LATER}{words}")),
                0 | 3 | 6 => ask(other, words),
                9 => broadcast(words),
                _ => notify(other, words),
            }
        });
        mesh.issue(at, commands.collect::<Vec<_>>());
    }
}

fn padded(words: String) -> String {
    format!("{words:.<CHARS$}")
}
