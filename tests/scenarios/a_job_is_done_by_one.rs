//! A job is given, taken on a lease, kept and finished; both sides are told, and both timelines say so.

use std::time::Duration;

use tieline_model::{
    Command, EventBody, Lane, PrincipalKind,
    command::{Executor, JobCancel, JobCreate, JobFinish, JobList, JobRenew, JobRetry, JobTake},
    job::{JobState, RetryPolicy},
    outcome::Code,
    reply::Reply,
};
use tieline_tests::{Outcomes, World, address, done, failed, job};

fn kinds(events: &[tieline_model::Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.body.kind()).filter(|kind| kind.starts_with("job_")).collect()
}

#[actix_rt::test]
async fn a_job_goes_from_hand_to_hand_and_both_sides_know() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let given = world.job(&alice, job("bob", "read the diff")).await;
    assert_eq!((given.state, given.session, given.from), (JobState::Queued, Some(bob.home), alice.home));
    let told = world.lane(&bob, Lane::Msg).await.items;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].message.from.session, alice.home);
    assert!(told[0].message.text.as_deref().unwrap().contains(&given.job.to_string()), "{:?}", told[0].message);

    let taken = world.take(&bob, JobTake::default()).await.unwrap();
    assert_eq!((taken.job, taken.state, taken.lease, taken.attempts), (given.job, JobState::Leased, 1, 1));
    assert_eq!(taken.input.as_deref(), Some("the input of read the diff"));
    assert_eq!(world.take(&bob, JobTake::default()).await, None, "one at a time has it");

    let json = Some(serde_json::json!({"lines": 3}));
    let finish = JobFinish {
        job: given.job,
        lease: 1,
        result: Some("all is well".into()),
        json: json.clone(),
        error: None,
        give_up: false,
    };
    world.call(&bob, Command::JobFinish(finish)).await.reply();
    let end = world.job_now(&alice, given.job).await;
    assert_eq!((end.state, end.result.as_deref(), end.json), (JobState::Done, Some("all is well"), json));
    let told = world.lane(&alice, Lane::Msg).await.items;
    assert!(told[0].message.text.as_deref().unwrap().contains("all is well"), "{:?}", told[0].message);
    assert_eq!(told[0].message.from.kind, PrincipalKind::System);
    for session in [alice.home, bob.home] {
        assert_eq!(kinds(&world.timeline(session).await), ["job_created", "job_leased", "job_finished"]);
    }
}

#[actix_rt::test]
async fn a_job_given_twice_under_one_key_is_one_job() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    world.agent("bob").await;
    let create = Command::JobCreate(job("bob", "once"));
    let first = world.call_once(&alice, Some("k"), create.clone()).await.reply();
    assert_eq!(world.call_once(&alice, Some("k"), create).await.reply(), first);
    let Reply::Jobs(page) = world.call(&alice, Command::JobList(JobList::default())).await.reply() else {
        panic!("wanted a list")
    };
    assert_eq!(page.jobs.len(), 1);
}

#[actix_rt::test]
async fn a_worker_that_renews_keeps_its_job_and_one_that_does_not_loses_it() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let id = world.job(&alice, job("bob", "long")).await.job;
    let take = JobTake { lease_ms: Some(60_000), ..JobTake::default() };
    world.take(&bob, take.clone()).await.unwrap();
    world.advance(Duration::from_secs(40)).await;
    let renew = Command::JobRenew(JobRenew { job: id, lease: 1, lease_ms: Some(60_000) });
    world.call(&bob, renew.clone()).await.reply();
    world.advance(Duration::from_secs(40)).await;
    assert_eq!(world.job_state(&alice, id).await, JobState::Leased);
    world.advance(Duration::from_secs(21)).await;
    assert_eq!(world.job_state(&alice, id).await, JobState::Queued, "nobody renewed it");

    // It rests before it is tried again, and the session is told that it waits again.
    assert_eq!(world.take(&bob, take.clone()).await, None);
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 2);
    world.advance(Duration::from_secs(10)).await;
    let again = world.take(&bob, take).await.unwrap();
    assert_eq!((again.lease, again.attempts), (2, 2));

    // What is said under the old lease is refused, with how it stands.
    for late in [done(id, 1, "late"), failed(id, 1, "late", true), renew] {
        let refusal = world.call(&bob, late).await.refused();
        assert_eq!(refusal.code, Code::Fenced);
        assert!(refusal.message.contains("the newest is 2, and it is leased"), "{}", refusal.message);
    }
    world.call(&bob, done(id, 2, "at last")).await.reply();
    assert_eq!(world.call(&bob, done(id, 2, "twice")).await.refused().code, Code::Fenced);
    assert_eq!(world.job_now(&alice, id).await.result.as_deref(), Some("at last"));
}

#[actix_rt::test]
async fn attempts_are_counted_and_the_last_failure_ends_the_job() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let retry = RetryPolicy { max_attempts: 2, delay_ms: 1_000, doubles: true };
    let id = world.job(&alice, JobCreate { retry, ..job("bob", "hard") }).await.job;
    world.take(&bob, JobTake::default()).await.unwrap();
    world.call(&bob, failed(id, 1, "no network", false)).await.reply();
    let resting = world.job_now(&alice, id).await;
    assert_eq!((resting.state, resting.reason.as_deref()), (JobState::Queued, Some("no network")));
    let early = JobTake { job: Some(id), ..JobTake::default() };
    let refusal = world.call(&bob, Command::JobTake(early)).await.refused();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::TooLate, Some(1_000)));
    world.advance(Duration::from_secs(1)).await;
    world.take(&bob, JobTake::default()).await.unwrap();
    world.call(&bob, failed(id, 2, "still no network", false)).await.reply();
    assert_eq!(world.job_state(&alice, id).await, JobState::Failed);
    let told = world.lane(&alice, Lane::Msg).await.items;
    assert!(told[0].message.text.as_deref().unwrap().contains("still no network"));

    // A retry begins anew, but never with an old lease.
    world.call(&alice, Command::JobRetry(JobRetry { job: id, deadline_in_ms: None })).await.reply();
    let again = world.take(&bob, JobTake::default()).await.unwrap();
    assert_eq!((again.attempts, again.lease, again.reason), (1, 3, None));
    world.call(&bob, failed(id, 3, "never", true)).await.reply();
    assert_eq!(world.job_state(&alice, id).await, JobState::Failed, "giving up leaves no attempt");
}

#[actix_rt::test]
async fn a_deadline_ends_a_job_and_its_worker_is_told() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let hurry = |title| JobCreate { deadline_in_ms: Some(30_000), ..job("bob", title) };
    let leased = world.job(&alice, hurry("leased")).await.job;
    let queued = world.job(&alice, hurry("queued")).await.job;
    world.take(&bob, JobTake { lease_ms: Some(3_600_000), ..JobTake::default() }).await.unwrap();
    world.advance(Duration::from_secs(29)).await;
    assert_eq!(world.job_state(&alice, leased).await, JobState::Leased);
    world.advance(Duration::from_secs(1)).await;
    for id in [leased, queued] {
        assert_eq!(world.job_state(&alice, id).await, JobState::Expired);
    }
    let stop: Vec<String> = world.lane(&bob, Lane::Msg).await.items.iter().map(text).collect();
    assert_eq!(stop.iter().filter(|text| text.starts_with("Stop: lease 1 is over.")).count(), 1, "{stop:?}");
    assert_eq!(world.call(&bob, done(leased, 1, "late")).await.refused().code, Code::Fenced);
    assert_eq!(world.lane(&alice, Lane::Msg).await.items.len(), 2, "the giver is told of both");

    // A deadline that passes while no daemon runs is kept, too.
    let id = world.job(&alice, hurry("asleep")).await.job;
    world.sleep(Duration::from_secs(60)).await;
    world.calm().await;
    assert_eq!(world.job_state(&alice, id).await, JobState::Expired);
}

fn text(item: &tieline_model::reply::InboxItem) -> String {
    item.message.text.clone().unwrap_or_default()
}

#[actix_rt::test]
async fn a_job_waits_for_those_that_it_needs_and_falls_with_them() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.job(&alice, job("bob", "build")).await.job;
    let second = world.job(&alice, JobCreate { after: vec![first], ..job("bob", "test") }).await;
    let third = world.job(&alice, JobCreate { after: vec![second.job], ..job("bob", "deploy") }).await;
    assert_eq!((second.state, third.state), (JobState::Waiting, JobState::Waiting));
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 1, "of what cannot be taken nobody is told");
    let taken = world.take(&bob, JobTake::default()).await.unwrap();
    assert_eq!(taken.job, first);
    assert_eq!(world.take(&bob, JobTake::default()).await, None);
    world.call(&bob, done(first, 1, "built")).await.reply();
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 2);
    assert_eq!(world.take(&bob, JobTake::default()).await.unwrap().job, second.job);
    world.call(&bob, failed(second.job, 1, "red", true)).await.reply();
    let fallen = world.job_now(&alice, third.job).await;
    assert_eq!(fallen.state, JobState::Cancelled);
    assert!(fallen.reason.unwrap().contains("which is failed"));
    let retry = |job| Command::JobRetry(JobRetry { job, deadline_in_ms: None });
    assert_eq!(world.call(&alice, retry(third.job)).await.refused().code, Code::TooLate);
    world.call(&alice, retry(second.job)).await.reply();
    world.call(&alice, retry(third.job)).await.reply();
    assert_eq!(world.job_state(&alice, third.job).await, JobState::Waiting);
}

#[actix_rt::test]
async fn a_job_that_was_withdrawn_stays_so() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let carol = world.agent("carol").await;
    let id = world.job(&alice, job("bob", "idle")).await.job;
    world.take(&bob, JobTake::default()).await.unwrap();
    let cancel = Command::JobCancel(JobCancel { job: id, reason: Some("not needed".into()) });
    assert_eq!(world.call(&carol, cancel.clone()).await.refused().code, Code::NotYourSession);
    world.call(&alice, cancel.clone()).await.reply();
    assert_eq!(world.call(&bob, done(id, 1, "done")).await.refused().code, Code::Fenced);
    assert_eq!(world.call(&alice, cancel).await.refused().code, Code::TooLate);
    assert_eq!(world.job_state(&alice, id).await, JobState::Cancelled);
    let events = world.timeline(bob.home).await;
    let told = world.lane(&bob, Lane::Msg).await.items;
    assert!(text(&told[1]).starts_with("Stop: lease 1 is over."), "{told:?}");
    assert!(matches!(&events.iter().rfind(|event| event.body.kind() == "job_cancelled").unwrap().body,
        EventBody::JobCancelled { by: Some(by), .. } if *by == alice.id));
}

#[actix_rt::test]
async fn a_session_is_opened_for_a_job_when_a_worker_takes_it_and_goes_to_the_next_worker() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let executor = Executor { title: "night build".into(), backend: Some("claude".into()) };
    let create = JobCreate { session: None, executor: Some(executor), ..job("bob", "build") };
    let given = world.job(&alice, create).await;
    assert_eq!(given.session, None);
    assert_eq!(world.take(&bob, JobTake::default()).await, None, "nobody said that it is a claude");
    let take = |backend: &str| JobTake { backend: Some(backend.into()), lease_ms: Some(60_000), ..JobTake::default() };
    assert_eq!(world.take(&bob, take("codex")).await, None);
    let taken = world.take(&bob, take("claude")).await.unwrap();
    let session = taken.session.unwrap();
    assert_eq!(world.session(session).await.title, "night build");
    world.advance(Duration::from_secs(71)).await;
    let again = world.take(&carol, take("claude")).await.unwrap();
    assert_eq!((again.session, again.lease), (Some(session), 2));
    assert_eq!(world.call(&bob, done(given.job, 2, "not mine")).await.refused().code, Code::NotYourSession);
    world.call(&carol, done(given.job, 2, "built")).await.reply();
    assert_eq!(
        kinds(&world.timeline(session).await),
        ["job_leased", "job_failed", "job_leased", "job_finished"],
        "its timeline begins when it is opened"
    );
}

#[actix_rt::test]
async fn the_jobs_of_a_session_that_is_closed_are_withdrawn() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let side = world.open(&bob, "side").await;
    let id = world.job(&alice, job("side", "work")).await.job;
    let close = tieline_model::command::SessionRef { session: address("side") };
    world.call(&bob, Command::SessionClose(close)).await.reply();
    let end = world.job_now(&alice, id).await;
    assert_eq!((end.state, end.session), (JobState::Cancelled, Some(side.id)));
    assert_eq!(end.reason.as_deref(), Some("the session was closed"));
}

#[actix_rt::test]
async fn a_schedule_gives_a_job_again_and_again() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let schedule = tieline_tests::schedule("every 1m", Command::JobCreate(job("bob", "sweep")));
    let id = world.schedule(&alice, schedule).await.schedule.unwrap();
    for count in 1..=3 {
        world.advance(Duration::from_secs(60)).await;
        world.wait_runs(&alice, id, count).await;
    }
    let Reply::Jobs(page) = world.call(&alice, Command::JobList(JobList::default())).await.reply() else {
        panic!("wanted a list")
    };
    assert_eq!(page.jobs.len(), 3);
    assert!(page.jobs.iter().all(|job| job.session == Some(bob.home) && job.from == alice.home));
}

#[actix_rt::test]
async fn what_is_not_a_job_is_refused_with_what_was_wanted() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let fine = job("alice", "x");
    let retry = |max_attempts, delay_ms| RetryPolicy { max_attempts, delay_ms, doubles: false };
    let executor = Some(Executor { title: "y".into(), backend: None });
    for (create, field) in [
        (JobCreate { session: None, ..fine.clone() }, "job_create"),
        (JobCreate { executor, ..fine.clone() }, "job_create"),
        (JobCreate { title: String::new(), ..fine.clone() }, "job_create.title"),
        (JobCreate { deadline_in_ms: Some(0), ..fine.clone() }, "job_create.deadline_in_ms"),
        (JobCreate { retry: retry(0, 1), ..fine.clone() }, "job_create.retry.max_attempts"),
        (JobCreate { retry: retry(1, u64::MAX), ..fine.clone() }, "job_create.retry.delay_ms"),
    ] {
        let refusal = world.call(&alice, Command::JobCreate(create)).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some(field)), "{}", refusal.message);
    }
    let short = JobTake { lease_ms: Some(10), ..JobTake::default() };
    assert_eq!(world.call(&alice, Command::JobTake(short)).await.refused().field.as_deref(), Some("job_take.lease_ms"));
}
