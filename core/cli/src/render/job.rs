//! Jobs, and what happens to them.

use tieline_model::{
    EventBody, TimestampMs,
    job::JobState,
    reply::{JobTaken, JobView, Jobs},
};

use super::{
    indented, line, stamp,
    style::{Paint, Style},
    table::{Cell, table},
};

/// Renders one job: how far it has come, what is to be done and what came of it.
pub fn job(view: &JobView, style: &Style) -> String {
    let mut out = vec![format!("{}  {}", style.bold(&line(&view.title)), style.dim(&view.job.to_string()))];
    let reason = view.reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
    let attempts = format!("attempt {} of {}", view.attempts, view.retry.max_attempts);
    out.push(format!("  {}{reason}; {attempts}", style.paint(paint(view.state), view.state.as_str())));
    let to = match (&view.session, &view.executor) {
        (Some(session), _) => session.to_string(),
        (None, Some(executor)) => {
            let backend = executor.backend.as_deref().map(|name| format!(" ({})", line(name))).unwrap_or_default();
            format!("a new session `{}`{backend}", line(&executor.title))
        }
        (None, None) => String::new(),
    };
    out.push(format!("  from {} for {to}", view.from));
    if let Some(until) = view.leased_until_ms {
        out.push(format!("  lease {} until {}", view.lease, stamp(until)));
    }
    out.extend(view.deadline_ms.map(|at| format!("  to be done by {}", stamp(at))));
    out.extend(view.ended_at_ms.map(|at| format!("  ended {}", stamp(at))));
    out.extend(view.after.iter().map(|id| format!("  after {id}")));
    let part = |head: &str, text: &Option<String>| text.as_ref().map(|text| format!("{head}:\n{}", indented(text)));
    out.extend(part("input", &view.input));
    out.extend(part("result", &view.result));
    out.extend(part("data", &view.json.as_ref().map(ToString::to_string)));
    out.join("\n")
}

/// Renders a page of jobs.
pub fn jobs(page: &Jobs, style: &Style) -> String {
    if page.jobs.is_empty() {
        return "no jobs".into();
    }
    let rows: Vec<[Cell; 5]> = page
        .jobs
        .iter()
        .map(|view| {
            let due = view.deadline_ms.map(stamp).unwrap_or_default();
            [
                Cell::new(Paint::Bold, line(&view.title)),
                Cell::new(paint(view.state), view.state.as_str()),
                format!("{}/{}", view.attempts, view.retry.max_attempts).into(),
                due.into(),
                Cell::new(Paint::Dim, view.job.to_string()),
            ]
        })
        .collect();
    let more = page.next.map(|next| format!("more: --after {next}\n")).unwrap_or_default();
    table(style, ["TITLE", "STATE", "ATTEMPTS", "DEADLINE", "ID"], &rows) + &more
}

/// Renders what a worker got.
pub fn taken(reply: &JobTaken, style: &Style) -> String {
    reply.job.as_ref().map_or_else(|| "no job waits".into(), |view| job(view, style))
}

/// Renders what happened to a job; `None` for other events.
pub fn event(body: &EventBody, style: &Style) -> Option<String> {
    let by_when = |at: &Option<TimestampMs>| at.map(|at| format!(", to be done by {}", stamp(at))).unwrap_or_default();
    let (text, job) = match body {
        EventBody::JobCreated { job, title, deadline_ms, .. } => {
            (format!("job `{}`{}", line(title), by_when(deadline_ms)), job)
        }
        EventBody::JobQueued { job } => ("job may be taken".to_owned(), job),
        EventBody::JobLeased { job, lease, attempt, until_ms, .. } => {
            (format!("job taken, attempt {attempt}, lease {lease} until {}", stamp(*until_ms)), job)
        }
        EventBody::JobFinished { job, lease, .. } => (format!("job {} under lease {lease}", style.good("done")), job),
        EventBody::JobFailed { job, attempt, by, retry_at_ms, .. } => {
            let why = if by.is_some() { "failed" } else { "was not finished in time" };
            let then = match retry_at_ms {
                Some(at) => format!("tried again from {}", stamp(*at)),
                None => style.bad("it has failed"),
            };
            (format!("job: attempt {attempt} {why}; {then}"), job)
        }
        EventBody::JobExpired { job, .. } => (format!("job {}: its deadline passed", style.bad("expired")), job),
        EventBody::JobCancelled { job, reason, .. } => {
            let reason = reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
            (format!("job {}{reason}", style.warn("cancelled")), job)
        }
        EventBody::JobRetried { job, .. } => ("job is tried again".to_owned(), job),
        _ => return None,
    };
    Some(format!("{text}  {}", style.dim(&job.to_string())))
}

fn paint(state: JobState) -> Paint {
    match state {
        JobState::Waiting => Paint::Dim,
        JobState::Queued | JobState::Leased => Paint::Warn,
        JobState::Done => Paint::Good,
        JobState::Failed | JobState::Expired | JobState::Cancelled => Paint::Bad,
    }
}
