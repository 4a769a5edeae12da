//! Starting an agent program for a new session, starting it again, and ending it: who may, where, and how often. A
//! transport does it, asked with a notice in the inbox of its home session.

use std::path::{Component, Path};

use tieline_model::{
    Code, EventBody, MessageId, MessageKind, Refusal, Reply, SessionId,
    command::{SessionRef, Spawn},
    event::RuntimeOrdered,
    order::{End, Order, Start, Worktree},
    reply::Done,
    runtime::{Runtime, RuntimeState},
    text,
};
use tieline_store::{NewSession, SpawnRow, StoreError};

use super::{Decision, Stop, send::Draft, sessions::opened};
use crate::{request::Request, shared::Shared};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// How long an order is worth carrying out, in milliseconds.
const ORDER_MS: u64 = 60_000;

impl Decision<'_, '_> {
    pub(super) fn spawn(&mut self, request: &Request, spawn: &Spawn) -> Result<Reply, Stop> {
        let config = &self.shared.config.spawn;
        let asker = self.acting(request, spawn.sender.as_ref(), "spawn.as")?;
        check_folder(&spawn.folder, &config.roots)?;
        let (agent, argv) = self.profile(&spawn.profile, "spawn.profile")?;
        if let Some(branch) = &spawn.worktree {
            check_branch(branch)?;
        }
        let depth = self.tx.spawn(asker)?.map_or(0, |row| row.depth) + 1;
        if depth > config.depth {
            let message =
                format!("the session was spawned itself, {} deep; wanted at most {}", depth - 1, config.depth);
            return Err(Refusal::new(Code::Forbidden, message).at("spawn.as").into());
        }
        self.check_rates(request)?;
        let home = self.spawner()?;
        let worktree =
            spawn.worktree.as_ref().map(|branch| Worktree { of: spawn.folder.clone(), branch: branch.clone() });
        let folder = worktree.as_ref().map_or_else(|| spawn.folder.clone(), tree_folder);
        let circle = self.tx.head(asker)?.map(|head| head.circle.clone()).unwrap_or_default();
        let title = match &spawn.title {
            Some(title) => {
                text::check_name(title, "spawn.title")?;
                title.clone()
            }
            None => {
                let name = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                self.free_title(&circle, &format!("{name}-{agent}"))?
            }
        };
        // Its hooks speak with the token that all agents of this home have: the session is theirs.
        let owner = self.tx.first_principal("agent")?.unwrap_or(request.principal.id);
        let new = NewSession {
            id: self.shared.mint.session(),
            title: title.clone(),
            circle,
            roles: Vec::new(),
            description: None,
            project: Some(folder.clone()),
            owner,
            parent: None,
            opened_at: self.now,
        };
        self.create(&new)?;
        self.tx.set_runtime(new.id, &expected(&agent, self.now))?;
        let start = Start {
            session: new.id,
            title,
            agent,
            argv,
            folder,
            roots: config.roots.clone(),
            worktree,
            resume: None,
            instead_of: None,
        };
        let row = SpawnRow {
            by: request.principal.id,
            at: self.now,
            depth,
            profile: spawn.profile.clone(),
            request: None,
            asker,
        };
        self.order(row, new.id, home, Order::Start(Box::new(start)))?;
        Ok(Reply::Session(Box::new(opened(new))))
    }

    pub(super) fn spawn_kill(&mut self, request: &Request, kill: &SessionRef) -> Result<Reply, Stop> {
        let (session, row) = self.spawned(request, kill, "spawn_kill.session")?;
        let Some(end) = self.live_program(session)? else {
            let message = "its program is not known to run: no hook has told its process and its pane";
            return Err(Refusal::new(Code::NotAttached, message).at("spawn_kill.session").into());
        };
        let home = self.spawner()?;
        self.order(row, session, home, Order::End(end))?;
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn spawn_restart(&mut self, request: &Request, restart: &SessionRef) -> Result<Reply, Stop> {
        let (session, row) = self.spawned(request, restart, "spawn_restart.session")?;
        let (agent, argv) = self.profile(&row.profile, "spawn_restart.session")?;
        let home = self.spawner()?;
        let instead_of = self.live_program(session)?;
        let resume = self.tx.runtime(session)?.map(|runtime| runtime.native).filter(|native| !native.is_empty());
        let told = self.tx.told(session)?;
        let title = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
        let start = Start {
            session,
            title,
            agent,
            argv,
            folder: told.project.unwrap_or_default(),
            roots: self.shared.config.spawn.roots.clone(),
            worktree: None,
            resume,
            instead_of,
        };
        self.order(row, session, home, Order::Start(Box::new(start)))?;
        Ok(Reply::Done(Done {}))
    }

    /// An order was refused by its transport.
    pub(super) fn order_refused(&mut self, request: MessageId, reason: &str) -> Result<(), StoreError> {
        let Some(session) = self.tx.session_of_order(request)? else { return Ok(()) };
        let Some(mut row) = self.tx.spawn(session)? else { return Ok(()) };
        row.request = None;
        self.tx.set_spawn(session, &row)?;
        let failed = RuntimeOrdered::Failed { reason: reason.to_owned() };
        self.event(session, EventBody::RuntimeOrdered(Box::new(failed)))?;
        self.tell(row.asker, session, request, tieline_model::DeliveryState::Dead, reason)
    }

    fn order(
        &mut self,
        mut row: SpawnRow,
        session: SessionId,
        home: SessionId,
        order: Order,
    ) -> Result<(), StoreError> {
        let what = match &order {
            Order::Start(start) if start.resume.is_some() => "start it again",
            Order::Start(_) => "start it",
            Order::End(_) => "end it",
        };
        let draft = Draft { order: Some(Box::new(order)), ..Draft::default() };
        let message = self.message(MessageKind::Notice, session, &Shared::system(), draft, Some(ORDER_MS))?;
        self.post(&message, &[home])?;
        let asked = RuntimeOrdered::Asked {
            by: self.shared.config.spawn.by.clone(),
            what: what.to_owned(),
            profile: row.profile.clone(),
            request: message.id,
            principal: row.by,
        };
        self.event(session, EventBody::RuntimeOrdered(Box::new(asked)))?;
        row.request = Some(message.id);
        self.tx.set_spawn(session, &row)
    }

    fn profile(&self, name: &str, field: &str) -> Result<(String, Vec<String>), Refusal> {
        let profiles = self.shared.config.spawn.profiles.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut names = Vec::new();
        for words in profiles {
            match words.as_slice() {
                [known, agent, argv @ ..] if *known == name && !argv.is_empty() => {
                    return Ok(((*agent).to_owned(), argv.iter().map(|word| (*word).to_owned()).collect()));
                }
                [known, ..] => names.push((*known).to_owned()),
                [] => {}
            }
        }
        let shown: String = name.chars().take(40).collect();
        let message = format!("there is no profile `{shown}`; `spawn.profiles` in the configuration has them");
        Err(Refusal::new(Code::BadInput, message).at(field).with_candidates(names))
    }

    fn check_rates(&mut self, request: &Request) -> Result<(), Stop> {
        let config = &self.shared.config.spawn;
        let since = tieline_model::TimestampMs(self.now.0.saturating_sub(HOUR_MS));
        let (lately, live) = self.tx.count_spawns(request.principal.id, since)?;
        let over = |found: u64, most: u32, what: &str| {
            let message =
                format!("`{}` has spawned {found} {what}; at most {most} are allowed", request.principal.name);
            Refusal::new(Code::Quota, message).at("spawn")
        };
        if lately >= u64::from(config.per_hour) {
            return Err(over(lately, config.per_hour, "within an hour").retry_after(600_000).into());
        }
        if live >= u64::from(config.live) {
            return Err(over(live, config.live, "that have not ended").into());
        }
        Ok(())
    }

    /// Returns the home of the transport that starts and ends programs.
    fn spawner(&self) -> Result<SessionId, Refusal> {
        let by = &self.shared.config.spawn.by;
        let home = self.shared.plugin_principals.home(by).filter(|home| self.shared.presence.is_online(*home));
        home.ok_or_else(|| {
            let message = format!("the transport `{by}`, which starts programs, is not connected");
            Refusal::new(Code::Busy, message).retry_after(2_000)
        })
    }

    fn spawned(&mut self, request: &Request, which: &SessionRef, field: &str) -> Result<(SessionId, SpawnRow), Stop> {
        let session = self.own_or_managed(request, &which.session, field)?;
        match self.tx.spawn(session)? {
            Some(row) => Ok((session, row)),
            None => {
                let message = "its program was started by somebody else, who also ends it";
                Err(Refusal::new(Code::Forbidden, message).at(field).into())
            }
        }
    }

    fn live_program(&mut self, session: SessionId) -> Result<Option<End>, StoreError> {
        let runtime = self.tx.runtime(session)?.filter(|runtime| runtime.state != RuntimeState::Offline);
        let known = runtime.and_then(|runtime| Some((runtime.process?, runtime.pane?)));
        Ok(known.map(|(process, pane)| End { session, process, pane }))
    }
}

/// What is known of a program before its first hook: the session waits for it, as for one that has ended.
fn expected(agent: &str, now: tieline_model::TimestampMs) -> Runtime {
    Runtime {
        agent: agent.to_owned(),
        native: String::new(),
        version: None,
        process: None,
        pane: None,
        listens: false,
        home: None,
        state: RuntimeState::Offline,
        since: now,
        heard_at: now,
        batch: None,
        missed: 0,
        wake: None,
        woken: None,
    }
}

/// Working trees are beside their repository, so that they are below the same root.
fn tree_folder(tree: &Worktree) -> String {
    format!("{}.worktrees/{}", tree.of.trim_end_matches('/'), tree.branch.replace('/', "-"))
}

fn check_folder(folder: &str, roots: &[String]) -> Result<(), Refusal> {
    let refusal = |message: String| Err(Refusal::new(Code::BadInput, message).at("spawn.folder"));
    let path = Path::new(folder);
    let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !is_plain || folder.chars().any(text::is_unprintable) {
        return refusal("wanted a whole path without `..`".into());
    }
    if roots.is_empty() {
        let message = "nothing may be spawned anywhere: `spawn.roots` in the configuration names no folder";
        return Err(Refusal::new(Code::Forbidden, message).at("spawn.folder"));
    }
    // A working tree is made beside the folder, so a root itself is not below a root.
    if !roots.iter().any(|root| path.starts_with(root)) {
        return Err(
            Refusal::new(Code::Forbidden, format!("the folder is not below {}", roots.join(", "))).at("spawn.folder")
        );
    }
    Ok(())
}

fn check_branch(branch: &str) -> Result<(), Refusal> {
    let is_fine = (1..=100).contains(&branch.len())
        && branch.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
        && !branch.starts_with(['-', '/', '.'])
        && !branch.ends_with(['/', '.'])
        && !branch.contains("..")
        && !branch.contains("//");
    if is_fine {
        return Ok(());
    }
    let message = "wanted a name of 1 to 100 letters, digits, `-`, `_`, `.` and `/`, as branches have";
    Err(Refusal::new(Code::BadInput, message).at("spawn.worktree"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_below_a_root_by_its_parts_and_without_tricks() {
        let roots = vec!["/work".to_owned()];
        assert!(check_folder("/work/api", &roots).is_ok());
        for wrong in ["/workshop", "/work/../etc", "work/api", "/etc", "/work/\nx", ""] {
            assert!(check_folder(wrong, &roots).is_err(), "{wrong:?}");
        }
        assert_eq!(check_folder("/work/api", &[]).unwrap_err().code, Code::Forbidden);
    }

    #[test]
    fn a_branch_cannot_be_an_option_or_leave_its_folder() {
        assert!(check_branch("fix/flaky-test_2").is_ok());
        for wrong in ["", "-b", "../x", "a..b", "/x", "x/", "a b", "a;b", "a//b"] {
            assert!(check_branch(wrong).is_err(), "{wrong:?}");
        }
    }
}
