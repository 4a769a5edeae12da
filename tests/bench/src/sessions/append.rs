//! How many events are appended to timelines in a second, durably: with the search index following, without one, and by a bare
//! loop that writes the same rows.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tieline_model::{
    EventBody, PrincipalId,
    event::{Activity, ChatRole, Recorded},
};
use uuid::Uuid;

use super::wire::Wire;
use crate::{
    bare,
    daemon::TestHome,
    figure::{Aim, Figure},
    mesh::Mesh,
    setting::{Setting, generate},
};

/// Activities in one command: what a runtime tells of a turn, or an import reads at a time.
pub const BATCH: usize = 50;
const WINDOW: u64 = 16;
const SESSIONS: usize = 8;

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    eprintln!("append: a bare loop …");
    let bare = bare(setting)?;
    eprintln!("append: without an index …");
    let without = per_second(setting, Mesh::in_home(home_without_index(setting)?)?)?;
    eprintln!("append: the index following …");
    let following = per_second(setting, Mesh::new(&setting.build)?)?;
    Ok(vec![
        Figure::new("append", following, "event/s").ceiling(bare).aim("value", Aim::AtLeast(30_000.0)),
        Figure::new("append_without_index", without, "event/s").ceiling(bare),
    ])
}

fn bare(setting: &Setting) -> Result<f64> {
    let folder = tempfile::Builder::new().prefix("bare").tempdir_in(&setting.build.folder)?;
    let per_commit = i64::try_from(BATCH)? * i64::try_from(WINDOW)?;
    bare::append::events_per_second(folder.path(), i64::try_from(SESSIONS)?, per_commit, setting.load_time(), |n| {
        let text = sentence(usize::try_from(n)?);
        let what = Activity::Said { role: ChatRole::Assistant, text, model: None };
        let by = PrincipalId::from_uuid(Uuid::max());
        let recorded = Recorded { by, happened_at_ms: None, source: None, what };
        Ok(serde_json::to_string(&EventBody::Activity(Box::new(recorded)))?)
    })
}

/// A home whose index cannot be made, for a folder is in its place: such a daemon runs and does not search.
fn home_without_index(setting: &Setting) -> Result<TestHome> {
    let home = TestHome::new(&setting.build)?;
    std::fs::create_dir_all(home.home().database().with_file_name("search.db"))?;
    Ok(home)
}

fn per_second(setting: &Setting, mesh: Mesh) -> Result<f64> {
    let (count, took) = generate(append(&mesh, setting.load_time()))?;
    mesh.daemon.stop()?;
    Ok(count as f64 / took.as_secs_f64())
}

async fn append(mesh: &Mesh, time: Duration) -> Result<(usize, Duration)> {
    let sessions = mesh.sessions("bench", SESSIONS).await?;
    let mut wire = Wire::open(&mesh.target).await?;
    let mut batches = sessions.iter().cycle().zip(0..).map(|(session, number)| batch(session, number));
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < time {
        while wire.under_way() < WINDOW {
            let Some(next) = batches.next() else { break };
            wire.send(&next).await?;
        }
        wire.answer().await?;
        count += BATCH;
    }
    while wire.under_way() > 0 {
        wire.answer().await?;
        count += BATCH;
    }
    Ok((count, begun.elapsed()))
}

/// A command that records sentences of about 150 bytes.
pub fn batch(session: &str, number: usize) -> String {
    let said = |n: usize| json!({"what": {"said": {"role": "assistant", "text": sentence(number * BATCH + n)}}});
    let activities: Vec<_> = (0..BATCH).map(said).collect();
    json!({"record": {"session": session, "activities": activities}}).to_string()
}

fn sentence(place: usize) -> String {
    format!(
        "step {place}: read src/part_{}.rs, changed the function that counts {} of them, ran the tests; {} passed and the one \
         about word{} is left",
        place % 97,
        place % 1013,
        place % 311,
        place % 50_021
    )
}
