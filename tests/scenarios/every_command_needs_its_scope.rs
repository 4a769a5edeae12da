//! Every command × a principal that lacks its scope: forbidden, and nothing is stored.

use std::{collections::BTreeSet, sync::Arc};

use tieline_model::{
    Code, Command, Failure, Lane, MessageId, Outcome, Principal, Scope, TokenId,
    command::{
        Ack, Ask, AskMany, Broadcast, FileLease, FileLeases, FileRelease, IdleWatch, Inbox, JobCancel, JobCreate,
        JobFinish, JobList, JobRef, JobRenew, JobRetry, JobTake, MemoryDecide, MemoryDiff, MemoryLog, MemoryPropose,
        MemoryShow, MemorySnapshot, MessageRef, Need, NeedsYou, Notify, PeerAttach, PeerDetach, PeerList, PluginList,
        PluginLogs, PluginRef, PluginTrust, Recall, Receipt, ReceiptState, Record, Report, RuntimeFind, ScheduleCreate,
        ScheduleHistory, ScheduleList, ScheduleRef, Search, SessionBudget, SessionDescribe, SessionFork,
        SessionHandOver, SessionLabel, SessionList, SessionMerge, SessionMove, SessionOpen, SessionPin, SessionPurge,
        SessionRef, SessionRename, Spawn, Timeline, TokenCreate, TokenList, TokenRevoke, TranscriptList,
        TranscriptRecord, Whoami,
    },
    job::RetryPolicy,
};
use tieline_tests::{World, address};

/// The command after this one in the table. A new variant does not compile until it has its line here.
fn after(command: &Command) -> Option<Command> {
    let (session, message) = (address("human"), some_message());
    let (to, text) = (session.clone(), "x".to_owned());
    let plugin = PluginRef { name: "echo".into() };
    let job = "job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id");
    let schedule = ScheduleRef { schedule: "sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id") };
    Some(match command {
        Command::Whoami(_) => {
            Command::SessionOpen(SessionOpen { title: "new".into(), circle: None, ..SessionOpen::default() })
        }
        Command::SessionOpen(_) => Command::SessionRename(SessionRename { session, title: "renamed".into() }),
        Command::SessionRename(_) => {
            Command::SessionDescribe(SessionDescribe { session, description: Some(text), roles: None, project: None })
        }
        Command::SessionDescribe(_) => {
            Command::SessionLabel(SessionLabel { session, add: Vec::new(), remove: Vec::new() })
        }
        Command::SessionLabel(_) => Command::SessionPin(SessionPin { session, pinned: true }),
        Command::SessionPin(_) => Command::SessionMove(SessionMove { session, circle: "ops".into() }),
        Command::SessionMove(_) => Command::SessionHandOver(SessionHandOver { session, to }),
        Command::SessionHandOver(_) => Command::SessionArchive(SessionRef { session }),
        Command::SessionArchive(_) => Command::SessionRestore(SessionRef { session }),
        Command::SessionRestore(_) => {
            Command::SessionPurge(SessionPurge { session, through: Some(1), before_ms: None, all: false })
        }
        Command::SessionPurge(_) => Command::SessionImport(tieline_tests::import("new", Vec::new())),
        Command::SessionImport(_) => Command::SessionFork(SessionFork { session, title: "again".into(), seq: None }),
        Command::SessionFork(_) => {
            Command::SessionMerge(SessionMerge { session, into: None, note: "done".into(), archive: false })
        }
        Command::SessionMerge(_) => {
            Command::SessionBudget(SessionBudget { session, tokens: Some(1), cost_micro_usd: None })
        }
        Command::SessionBudget(_) => Command::Why(SessionRef { session }),
        Command::Why(_) => Command::SessionClose(SessionRef { session }),
        Command::SessionClose(_) => Command::SessionList(SessionList::default()),
        Command::SessionList(_) => Command::SessionGet(SessionRef { session }),
        Command::SessionGet(_) => Command::PeerAttach(PeerAttach::default()),
        Command::PeerAttach(_) => Command::PeerDetach(PeerDetach::default()),
        Command::PeerDetach(_) => Command::PeerList(PeerList::default()),
        Command::PeerList(_) => Command::Ask(Ask::new(to, text)),
        Command::Ask(_) => {
            Command::AskMany(AskMany { to: vec![to], text, need: Need::Any, sender: None, expires_in_ms: None })
        }
        Command::AskMany(_) => Command::Ack(Ack { ask: message, text: None, sender: None, decline: false }),
        Command::Ack(_) => Command::Notify(Notify::new(to, text)),
        Command::Notify(_) => Command::Cancel(MessageRef { message }),
        Command::Cancel(_) => {
            Command::Broadcast(Broadcast { text, circle: None, exclude: Vec::new(), sender: None, expires_in_ms: None })
        }
        Command::Broadcast(_) => Command::Inbox(Inbox::default()),
        Command::Inbox(_) => Command::Receipt(Receipt {
            session: None,
            lane: Lane::Msg,
            through: Some(0),
            seq: None,
            state: ReceiptState::Delivered,
            reason: None,
        }),
        Command::Receipt(_) => Command::Trace(MessageRef { message }),
        Command::Trace(_) => Command::Thread(MessageRef { message }),
        Command::Thread(_) => Command::NeedsYou(NeedsYou {}),
        Command::NeedsYou(_) => Command::Timeline(Timeline::default()),
        Command::Timeline(_) => Command::Search(Search { query: "x".into(), ..Search::default() }),
        Command::Search(_) => Command::Recall(Recall { query: "x".into(), budget_tokens: None }),
        Command::Recall(_) => Command::Record(Record { session: None, source: None, activities: Vec::new() }),
        Command::Record(_) => Command::TranscriptRecord(TranscriptRecord {
            session,
            source: tieline_model::event::Source { vendor: "claude".into(), session: "1".into() },
            lines: Vec::new(),
            offset: 0,
            state: String::new(),
            bad: 0,
            unknown: std::collections::BTreeMap::new(),
        }),
        Command::TranscriptRecord(_) => Command::TranscriptList(TranscriptList::default()),
        Command::TranscriptList(_) => Command::ScheduleCreate(ScheduleCreate {
            // It is the command itself that needs a scope here, not what it would give.
            dry_run: true,
            ..tieline_tests::schedule("in 1h", Command::Whoami(Whoami {}))
        }),
        Command::ScheduleCreate(_) => Command::ScheduleList(ScheduleList::default()),
        Command::ScheduleList(_) => Command::ScheduleGet(schedule),
        Command::ScheduleGet(_) => Command::SchedulePause(schedule),
        Command::SchedulePause(_) => Command::ScheduleResume(schedule),
        Command::ScheduleResume(_) => Command::ScheduleRun(schedule),
        Command::ScheduleRun(_) => Command::ScheduleCancel(schedule),
        Command::ScheduleCancel(_) => {
            Command::ScheduleHistory(ScheduleHistory { schedule: schedule.schedule, before_ms: None, limit: None })
        }
        Command::ScheduleHistory(_) => Command::JobCreate(JobCreate {
            title: text.clone(),
            input: text,
            session: Some(session),
            executor: None,
            sender: None,
            deadline_in_ms: None,
            retry: RetryPolicy::default(),
            after: Vec::new(),
        }),
        Command::JobCreate(_) => Command::JobTake(JobTake::default()),
        Command::JobTake(_) => Command::JobRenew(JobRenew { job, lease: 1, lease_ms: None }),
        Command::JobRenew(_) => {
            Command::JobFinish(JobFinish { job, lease: 1, result: Some(text), json: None, error: None, give_up: false })
        }
        Command::JobFinish(_) => Command::JobCancel(JobCancel { job, reason: None }),
        Command::JobCancel(_) => Command::JobRetry(JobRetry { job, deadline_in_ms: None }),
        Command::JobRetry(_) => Command::JobList(JobList::default()),
        Command::JobList(_) => Command::JobGet(JobRef { job }),
        Command::JobGet(_) => {
            Command::MemorySnapshot(MemorySnapshot { session: Some(session), origin: text, files: Vec::new() })
        }
        Command::MemorySnapshot(_) => Command::MemoryPropose(MemoryPropose {
            session: Some(session),
            path: text.clone(),
            text: Some(text.clone()),
            diff: None,
            remove: false,
            reason: text,
        }),
        Command::MemoryPropose(_) => {
            let proposal = "prp_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id");
            Command::MemoryDecide(MemoryDecide { proposal, allow: true, reason: None })
        }
        Command::MemoryDecide(_) => Command::MemoryShow(MemoryShow { session, at: None }),
        Command::MemoryShow(_) => Command::MemoryDiff(MemoryDiff { session, from: 0, to: None }),
        Command::MemoryDiff(_) => Command::MemoryLog(MemoryLog { session, before: None, limit: None }),
        Command::MemoryLog(_) => {
            Command::Report(Box::new(Report::new(&text, &text, &text, tieline_model::runtime::Signal::Noted)))
        }
        Command::Report(_) => Command::RuntimeFind(RuntimeFind { processes: Vec::new() }),
        Command::RuntimeFind(_) => Command::Spawn(Spawn {
            folder: "/work/api".into(),
            profile: "claude".into(),
            title: None,
            worktree: None,
            sender: None,
        }),
        Command::Spawn(_) => Command::SpawnKill(SessionRef { session }),
        Command::SpawnKill(_) => Command::SpawnRestart(SessionRef { session }),
        Command::SpawnRestart(_) => Command::IdleWatch(IdleWatch { session, sender: None }),
        Command::IdleWatch(_) => Command::FileLease(FileLease { paths: vec!["/x".into()], ..FileLease::default() }),
        Command::FileLease(_) => Command::FileRelease(FileRelease::default()),
        Command::FileRelease(_) => Command::FileLeases(FileLeases::default()),
        Command::FileLeases(_) => Command::TokenList(TokenList {}),
        Command::TokenList(_) => Command::TokenCreate(TokenCreate {
            name: "new".into(),
            kind: tieline_model::PrincipalKind::Agent,
            scopes: None,
            circles: None,
            expires_in_ms: None,
        }),
        Command::TokenCreate(_) => Command::TokenRevoke(TokenRevoke { token: some_token() }),
        Command::TokenRevoke(_) => Command::PluginList(PluginList {}),
        Command::PluginList(_) => Command::PluginInfo(plugin),
        Command::PluginInfo(_) => Command::PluginEnable(plugin),
        Command::PluginEnable(_) => Command::PluginDisable(plugin),
        Command::PluginDisable(_) => Command::PluginReload(plugin),
        Command::PluginReload(_) => Command::PluginTrust(PluginTrust { name: plugin.name, hash: None }),
        Command::PluginTrust(_) => Command::PluginLogs(PluginLogs { name: plugin.name, limit: None, after: None }),
        Command::PluginLogs(_) => return None,
    })
}

fn some_message() -> MessageId {
    "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id")
}

fn some_token() -> TokenId {
    "tok_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id")
}

fn commands() -> Vec<Command> {
    std::iter::successors(Some(Command::Whoami(Whoami {})), after).collect()
}

fn lacks_scope(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Failure::Refusal(it)) if it.code == Code::Forbidden && it.message.contains("lacks the scope"))
}

#[test]
fn the_table_has_every_command() {
    let known: BTreeSet<String> = tieline_model::schema::variants().into_iter().map(|(name, _, _)| name).collect();
    let table: BTreeSet<String> = commands().iter().map(|command| command.name().to_owned()).collect();
    assert_eq!(table, known);
}

#[actix_rt::test]
async fn without_its_scope_a_command_is_forbidden_and_stores_nothing() {
    let world = World::start().await;
    let guest = world.agent("guest").await;
    let cursor = || world.engine().store().readers().take().last_cursor().expect("a cursor");
    let before = cursor();
    for command in commands() {
        let Some(scope) = command.scope() else { continue };
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        for kind in [tieline_model::PrincipalKind::Human, tieline_model::PrincipalKind::Agent] {
            let without = Arc::new(Principal { scopes: Vec::clone(&scopes), kind, ..(*guest).clone() });
            let outcome = world.call(&without, command.clone()).await;
            assert!(lacks_scope(&outcome), "`{}` without {scope:?}: {outcome:?}", command.name());
        }
    }
    assert_eq!(cursor(), before, "a forbidden command left something behind");
}

#[actix_rt::test]
async fn with_its_scope_alone_a_command_passes_the_door() {
    let world = World::start().await;
    for command in commands() {
        let scopes: Vec<Scope> = command.scope().into_iter().collect();
        let with = Arc::new(Principal { scopes, ..(**world.human()).clone() });
        let outcome = world.call(&with, command.clone()).await;
        assert!(!lacks_scope(&outcome), "`{}`: {outcome:?}", command.name());
    }
}
