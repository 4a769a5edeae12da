//! Asking a person before something is done.

use std::io::{BufRead, IsTerminal, Write};

use crate::{context::Context, exit::Failed};

/// Tells whether there is a terminal on which somebody can be asked.
pub fn can_ask(context: &Context) -> bool {
    !context.out.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on the terminal, and tells whether the answer is yes. Where nobody can be asked it is an error that ends with
/// `instead`.
pub fn is_agreed(context: &Context, question: &str, instead: &str) -> Result<bool, Failed> {
    if !can_ask(context) {
        return Err(Failed::Input(instead.to_owned()));
    }
    is_yes(question, &mut std::io::stdin().lock(), &mut std::io::stderr())
}

fn is_yes(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<bool, Failed> {
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, wanted) in
            [("y\n", true), ("Yes\n", true), ("n\n", false), ("\n", false), ("", false), ("yep\n", false)]
        {
            let mut asked = Vec::new();
            assert_eq!(is_yes("Sure?", &mut answer.as_bytes(), &mut asked).unwrap(), wanted, "{answer:?}");
            assert_eq!(asked, b"Sure? [y/N] ");
        }
    }
}
