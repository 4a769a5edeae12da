//! Reading a screen before and after something was typed: where it appeared, and whether it stands alone there.

/// What typing one character has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// It is nowhere: what has the keys is no composer, or is not ready.
    Nowhere,
    /// It stands in a composer that was empty.
    Alone,
    /// It stands behind words that somebody has typed.
    BehindWords,
}

/// The most lines over which a prompt is wrapped.
const LINES: usize = 8;

/// Compares the screen before and after `mark` was typed. A line that is new and has the mark with no word before it is an
/// empty composer, whatever hint stands behind; one that was there without the mark is a composer with words in it. Other lines may
/// have come, gone, moved or changed.
pub fn probed(before: &[String], after: &[String], mark: char) -> Probed {
    let parts = |line: &String| line.rsplit_once(mark).map(|(left, right)| (left.to_owned(), right.to_owned()));
    let new: Vec<(String, String)> = after.iter().filter(|line| !before.contains(line)).filter_map(parts).collect();
    if new.iter().any(|(left, _)| !left.chars().any(char::is_alphanumeric)) {
        return Probed::Alone;
    }
    let was_there = |line: &str| before.iter().any(|old| old.trim_end() == line.trim_end());
    if new.iter().any(|(left, right)| was_there(&format!("{left}{right}"))) {
        Probed::BehindWords
    } else {
        Probed::Nowhere
    }
}

/// Returns the last line of the composer behind whose words `mark` was typed, if these are `prompt`, or a beginning of it that has
/// at least `ours`: what somebody who died before Enter has left behind.
pub fn left_over(before: &[String], after: &[String], mark: char, prompt: &str, ours: &str) -> Option<String> {
    let new = after.iter().filter(|line| !before.contains(line)).filter_map(|line| line.rsplit_once(mark));
    let (wanted, least) = (bare(prompt), bare(ours).len());
    // The composer ends with that line, and begins on it or somewhere above.
    let is_ours = |end: usize| {
        (end.saturating_sub(LINES)..=end).any(|begin| {
            let words: String = before[begin..=end].iter().map(|line| bare(line)).collect();
            words.len() >= least && wanted.starts_with(&words)
        })
    };
    new.map(|(left, right)| format!("{left}{right}"))
        .find(|line| before.iter().enumerate().any(|(at, old)| old.trim_end() == line.trim_end() && is_ours(at)))
}

/// Tells whether a screen shows a text, however it is wrapped and framed.
pub fn shows(screen: &[String], text: &str) -> bool {
    screen.iter().map(|line| bare(line)).collect::<String>().contains(&bare(text))
}

/// A text without what wraps and frames it.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_mark_in_an_empty_composer_stands_alone() {
        let before = lines("done\n╭────╮\n│ > Try \"fix it\" │\n╰────╯");
        let after = lines("done\n╭────╮\n│ > [            │\n╰────╯");
        assert_eq!(probed(&before, &after, '['), Probed::Alone);
        assert_eq!(probed(&lines("› "), &lines("› ["), '['), Probed::Alone);
    }

    #[test]
    fn a_mark_behind_what_somebody_types_does_not() {
        assert_eq!(probed(&lines("> half a thought"), &lines("> half a thought["), '['), Probed::BehindWords);
    }

    #[test]
    fn a_dialog_shows_no_mark() {
        let dialog = lines("Do you want to run touch x?\n❯ 1. Yes\n  2. No");
        assert_eq!(probed(&dialog, &dialog, '['), Probed::Nowhere);
    }

    #[test]
    fn marks_that_were_there_before_do_not_count() {
        let before = lines("a [link]\n> ");
        assert_eq!(probed(&before, &before, '['), Probed::Nowhere);
        assert_eq!(probed(&before, &lines("a [link]\n> ["), '['), Probed::Alone);
    }

    #[test]
    fn lines_above_the_composer_may_go_when_somebody_types() {
        let before = lines("tips\n? for shortcuts\n ─────\n >   Type your message\n ─────");
        let after = lines("tips\n ─────\n > [\n ─────\n");
        assert_eq!(probed(&before, &after, '['), Probed::Alone);
    }

    #[test]
    fn a_line_that_changes_by_itself_is_no_composer() {
        let before = lines("› hello DO[1]\n• work");
        let after = lines("› hello DO[1] 18:12\n• work");
        assert_eq!(probed(&before, &after, '['), Probed::Nowhere);
        assert_eq!(probed(&before, &lines("› hello DO[1] 18:12\n• work\n› ["), '['), Probed::Alone);
    }

    #[test]
    fn a_line_of_ours_that_was_left_behind_is_known_from_the_words_of_a_person() {
        let (prompt, ours) = ("[tieline] mail for api: it comes", "[tieline] mail for");
        let is_ours = |composer: &str| {
            let before = lines(&format!("• done\n────\n{composer}\n────\n? help"));
            let after = lines(&format!("• done\n────\n{composer}[\n────\n? help"));
            left_over(&before, &after, '[', prompt, ours).is_some()
        };
        assert!(is_ours("> [tieline] mail for api: it comes"));
        assert!(is_ours("> [tieline] mail for api: it"));
        assert!(is_ours("> [tieline] mail for\n  api: it comes"));
        assert!(!is_ours("> [tieline]"), "so short a beginning may be a person's");
        assert!(!is_ours("> [tieline] mail for web: it comes"));
        assert!(!is_ours("> [tieline] mail for api: it comes late"));
        assert!(!is_ours("> look: [tieline] mail for api: it comes"));
        assert!(!is_ours("> half a thought"));
    }

    #[test]
    fn a_text_is_shown_also_when_it_is_wrapped_and_framed() {
        let screen = lines("│ > [tieline] mail for │\n│   api: it comes      │");
        assert!(shows(&screen, "[tieline] mail for api: it comes"));
        assert!(!shows(&screen, "[tieline] mail for web"));
    }
}
