//! Schedules, and what became of their instants.

use tieline_model::{
    Command, EventBody, TimestampMs,
    reply::{ScheduleRunView, ScheduleRuns, ScheduleView, Schedules},
    schedule::{Misfire, Overlap, RunOutcome, State},
};

use super::{
    line, span, stamp,
    style::{Paint, Style},
    table::{Cell, table},
};

/// Renders one schedule: what was understood, and when it comes next.
pub fn schedule(view: &ScheduleView, style: &Style) -> String {
    let head = match (&view.schedule, &view.title) {
        (Some(id), Some(title)) => format!("{}  {}", style.bold(&line(title)), style.dim(&id.to_string())),
        (Some(id), None) => style.bold(&id.to_string()),
        (None, _) => style.warn("nothing was made; it would be"),
    };
    let mut out = vec![head, format!("  {}: {}", line(&view.words), given(&view.command))];
    let mut limits = Vec::new();
    limits.extend(view.plan.until_ms.map(|at| format!("until {}", stamp(at))));
    limits.extend(view.plan.max_runs.map(|most| format!("at most {most} times")));
    limits.push(match view.plan.misfire {
        Misfire::Once => "missed instants are caught up with together".to_owned(),
        Misfire::Skip => "missed instants are left out".to_owned(),
        Misfire::All { max } => format!("the newest {max} missed instants are caught up with"),
    });
    if matches!(*view.command, Command::Ask(_) | Command::AskMany(_)) {
        limits.push(format!("while its ask is open, an instant {}", overlap(view.plan.overlap)));
    }
    out.push(format!("  {}", limits.join("; ")));
    let reason = view.reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
    let state = style.paint(paint(view.state), view.state.as_str());
    out.push(format!("  {state}{reason}; {} run, {} skipped", view.runs, view.skipped));
    out.extend(view.held_ms.map(|at| format!("  held back since {}", stamp(at))));
    if !view.next.is_empty() {
        out.push("  next:".to_owned());
        out.extend(view.next.iter().map(|next| format!("    {} {}", line(&next.local), line(view.plan.spec.zone()))));
    }
    out.join("\n")
}

/// Renders a page of schedules.
pub fn schedules(page: &Schedules, style: &Style) -> String {
    if page.schedules.is_empty() {
        return "no schedules".into();
    }
    let rows: Vec<[Cell; 6]> = page
        .schedules
        .iter()
        .map(|view| {
            let next = view.next.first().map(|next| line(&next.local)).unwrap_or_default();
            [
                Cell::new(Paint::Bold, line(view.title.as_deref().unwrap_or_default())),
                line(&view.words).into(),
                given(&view.command).into(),
                Cell::new(paint(view.state), view.state.as_str()),
                next.into(),
                Cell::new(Paint::Dim, view.schedule.map(|id| id.to_string()).unwrap_or_default()),
            ]
        })
        .collect();
    let more = page.next.map(|next| format!("more: --after {next}\n")).unwrap_or_default();
    table(style, ["TITLE", "WHEN", "COMMAND", "STATE", "NEXT", "ID"], &rows) + &more
}

/// Renders what became of one instant.
pub fn run(view: &ScheduleRunView, style: &Style) -> String {
    let (paint, what) = outcome(&view.outcome);
    format!("{} {}, {} late", style.paint(paint, what.as_str()), stamp(view.nominal_ms), late(view.late_ms))
}

/// Renders a history.
pub fn runs(page: &ScheduleRuns, style: &Style) -> String {
    if page.runs.is_empty() {
        return "no instant was dealt with yet".into();
    }
    let rows: Vec<[Cell; 4]> = page
        .runs
        .iter()
        .map(|view| {
            let (paint, what) = outcome(&view.outcome);
            let by_hand = if view.by_hand { "by hand" } else { "" };
            [stamp(view.nominal_ms).into(), late(view.late_ms).into(), by_hand.into(), Cell::new(paint, what)]
        })
        .collect();
    table(style, ["INSTANT", "LATE", "HOW", "OUTCOME"], &rows)
}

/// Renders what happened to a schedule; `None` for other events.
pub fn event(body: &EventBody, style: &Style) -> Option<String> {
    let place = |nominal: TimestampMs, late_ms: u64| format!("for {}, {} late", stamp(nominal), late(late_ms));
    let (text, schedule) = match body {
        EventBody::ScheduleCreated { schedule, words, .. } => (format!("schedule: {}", line(words)), schedule),
        EventBody::ScheduleChanged { schedule, change, reason, .. } => {
            let reason = reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
            (format!("schedule {}{reason}", change.as_str()), schedule)
        }
        EventBody::ScheduleFired { schedule, nominal_ms, late_ms, .. } => {
            (format!("schedule {} {}", style.good("fired"), place(*nominal_ms, *late_ms)), schedule)
        }
        EventBody::ScheduleMissed { schedule, nominal_ms, late_ms, count, reason, .. } => {
            let skipped = style.warn("skipped");
            let text = format!("schedule {skipped} {count} ({}) {}", reason.as_str(), place(*nominal_ms, *late_ms));
            (text, schedule)
        }
        EventBody::ScheduleRefused { schedule, nominal_ms, late_ms, code, .. } => {
            let refused = style.bad("refused");
            (format!("schedule {refused} ({}) {}", code.as_str(), place(*nominal_ms, *late_ms)), schedule)
        }
        _ => return None,
    };
    Some(format!("{text}  {}", style.dim(&schedule.to_string())))
}

fn late(ms: u64) -> String {
    span(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn given(command: &Command) -> String {
    match command {
        Command::Ask(ask) => format!("ask {}", line(&ask.to.to_string())),
        Command::Notify(notify) => format!("notify {}", line(&notify.to.to_string())),
        other => other.name().to_owned(),
    }
}

fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "is skipped",
        Overlap::BufferOne => "is held back, one at most",
        Overlap::Allow => "is carried out all the same",
    }
}

fn paint(state: State) -> Paint {
    match state {
        State::Active => Paint::Good,
        State::Paused => Paint::Warn,
        State::Done => Paint::Dim,
    }
}

fn outcome(outcome: &RunOutcome) -> (Paint, String) {
    match outcome {
        RunOutcome::Fired { message: Some(message) } => (Paint::Good, format!("fired {message}")),
        RunOutcome::Fired { message: None } => (Paint::Good, "fired".to_owned()),
        RunOutcome::Refused { code, message } => {
            (Paint::Bad, format!("refused ({}): {}", code.as_str(), line(message)))
        }
        RunOutcome::Skipped { reason } => (Paint::Warn, format!("skipped ({})", reason.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::{
        ScheduleId,
        reply::Upcoming,
        schedule::{Plan, SkipReason, Spec},
    };

    use super::*;
    use crate::render::testing::*;

    fn view() -> ScheduleView {
        let spec = Spec::Cron { expression: "0 9 * * 1-5".into(), zone: "Europe/Berlin".into() };
        let command = serde_json::json!({"ask": {"to": "review", "text": "what is open?"}});
        ScheduleView {
            schedule: None,
            session: session_id(1),
            by: principal_id(1),
            title: Some("stand\u{1b}up".into()),
            command: serde_json::from_value(command).unwrap(),
            words: "every Monday to Friday at 09:00 (Europe/Berlin)".into(),
            plan: Plan {
                spec,
                until_ms: None,
                max_runs: Some(3),
                misfire: Misfire::Once,
                catch_up_ms: 1,
                overlap: Overlap::Skip,
            },
            state: State::Active,
            reason: None,
            created_at_ms: THEN,
            runs: 0,
            skipped: 0,
            held_ms: None,
            next: vec![Upcoming { at_ms: THEN, local: "Mon 2026-11-30 09:00:00 +01:00".into() }],
        }
    }

    #[test]
    fn a_schedule_tells_what_was_understood_and_when_it_comes() {
        let text = schedule(&view(), &PLAIN);
        for part in ["nothing was made", "Monday to Friday at 09:00", "ask review", "at most 3 times", "is skipped"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.ends_with("    Mon 2026-11-30 09:00:00 +01:00 Europe/Berlin"), "{text}");
        let named = ScheduleView { schedule: Some(ScheduleId::from_uuid(uuid::Uuid::nil())), ..view() };
        assert!(!schedule(&named, &PLAIN).contains('\u{1b}'));
    }

    #[test]
    fn a_history_tells_lateness_and_misses() {
        let run = |outcome| ScheduleRunView { nominal_ms: THEN, at_ms: NOW, late_ms: 1_500, by_hand: false, outcome };
        let runs = super::runs(
            &ScheduleRuns {
                schedule: ScheduleId::from_uuid(uuid::Uuid::nil()),
                runs: vec![
                    run(RunOutcome::Fired { message: Some(message_id(1)) }),
                    run(RunOutcome::Skipped { reason: SkipReason::Coalesced }),
                ],
                has_more: false,
            },
            &PLAIN,
        );
        assert!(runs.contains("1.5 s") && runs.contains("skipped (coalesced)"), "{runs}");
    }
}
