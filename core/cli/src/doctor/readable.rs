//! What file modes cannot keep from programs of the same user, said plainly.

use super::precious;
use crate::context::Context;

/// Returns the sentences.
pub fn sentences(context: &Context) -> Vec<String> {
    let there: Vec<String> =
        precious(context).into_iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
    let mut out = Vec::new();
    if !there.is_empty() {
        out.push(format!(
            "Read {}: file modes keep other users out, not your own programs. With the human's token it can do \
             all that you can; in the database are the texts of all messages, not encrypted.",
            there.join(", ")
        ));
    }
    let secrets = context.home.secrets_dir();
    if std::fs::read_dir(&secrets).is_ok_and(|mut entries| entries.next().is_some()) {
        out.push(format!("Read the secrets of plugins in {}, for the same reason.", secrets.display()));
    }
    out.push(format!(
        "Connect to {}: it needs a token all the same, and a token names who is speaking.",
        context.endpoint()
    ));
    out.push("Read the environment and the memory of your other programs, TIELINE_TOKEN included.".into());
    out.push(
        "To keep an agent from all that, run it as another user or in a sandbox that sees only its own token and \
         the port. `tieline token create NAME --out FILE` makes a token for it."
            .into(),
    );
    out
}

/// Lays the sentences out for people.
pub fn list(sentences: &[String]) -> String {
    sentences.iter().map(|sentence| format!("  - {sentence}\n")).collect()
}
