//! The tables as diesel sees them; `migrations/` makes them.

diesel::table! { meta (key) { key -> Text, value -> Text, } }

diesel::table! {
    principals (no) {
        no -> BigInt, id -> Binary, kind -> Text, name -> Text, scopes -> Text, circles -> Text, home -> Binary,
    }
}

diesel::table! {
    tokens (no) {
        no -> BigInt, id -> Binary, principal_no -> BigInt, hash -> Binary, created_at_ms -> BigInt,
        expires_at_ms -> Nullable<BigInt>, revoked_at_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (no) {
        no -> BigInt, id -> Binary, title -> Text, circle -> Text, roles -> Text, description -> Nullable<Text>,
        project -> Nullable<Text>, owner -> Binary, epoch -> BigInt, opened_at_ms -> BigInt,
        closed_at_ms -> Nullable<BigInt>, labels -> Text, is_pinned -> Integer, archived_at_ms -> Nullable<BigInt>,
        parent -> Nullable<Binary>, parent_seq -> Nullable<BigInt>, budget -> Nullable<Text>, first_seq -> BigInt,
        purged_cursor -> Nullable<BigInt>, purged_at_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    transcripts (no) {
        no -> BigInt, vendor -> Text, native -> Text, session_no -> BigInt, offset -> BigInt, state -> Text,
        lines -> BigInt, activities -> BigInt, bad -> BigInt, unknown -> Text,
    }
}

diesel::table! { transcript_lines (transcript_no, hash) { transcript_no -> BigInt, hash -> Binary, } }

diesel::table! {
    drafts (session_no) {
        session_no -> BigInt, draft -> Text,
    }
}

diesel::table! {
    session_progress (session_no) {
        session_no -> BigInt, progress -> Text,
    }
}

diesel::table! {
    messages (no) {
        no -> BigInt, id -> Binary, kind -> Integer, from_no -> BigInt, body -> Text, hash -> Binary,
        recipients -> Text,
    }
}

diesel::table! {
    deliveries (session_no, lane, seq) {
        session_no -> BigInt, lane -> Integer, seq -> BigInt, message_no -> BigInt, state -> Integer,
        bytes -> BigInt, attempt -> Integer, accepted_at_ms -> BigInt, expires_at_ms -> BigInt,
        delivered_at_ms -> Nullable<BigInt>, seen_at_ms -> Nullable<BigInt>, ended_at_ms -> Nullable<BigInt>,
        epoch -> Nullable<BigInt>, reason -> Nullable<Text>,
    }
}

diesel::table! {
    inbox_cursors (session_no, lane) {
        session_no -> BigInt, lane -> Integer, delivered -> BigInt, seen -> BigInt,
    }
}

diesel::table! {
    ask_groups (no) {
        no -> BigInt, id -> Binary, asker_no -> BigInt, need_all -> Bool, total -> Integer, answered -> Integer,
        closed -> Integer, resolved -> Bool, need -> Nullable<Integer>,
    }
}

diesel::table! {
    asks (message_no) {
        message_no -> BigInt, id -> Binary, asker_no -> BigInt, addressee_no -> BigInt, seq -> BigInt,
        state -> Integer, deadline_ms -> BigInt, group_no -> Nullable<BigInt>, answer -> Nullable<Binary>,
        closed_at_ms -> Nullable<BigInt>, remind_at_ms -> Nullable<BigInt>, reminded -> Integer,
        parent_no -> Nullable<BigInt>,
    }
}

diesel::table! {
    escalations (ask_no, at_ms, step) { ask_no -> BigInt, at_ms -> BigInt, step -> BigInt, target -> Binary, }
}

diesel::table! { replies (refers_to, message_no) { refers_to -> Binary, message_no -> BigInt, } }

diesel::table! {
    outcomes (no) { no -> BigInt, hash -> Binary, outcome -> Text, at_ms -> BigInt, }
}

diesel::table! {
    idempotency (principal_no, key) { principal_no -> BigInt, key -> Text, outcome_no -> BigInt, }
}

diesel::table! {
    events (cursor) { cursor -> BigInt, session_no -> BigInt, seq -> BigInt, at_ms -> BigInt, body -> Text, }
}

diesel::table! {
    schedules (no) {
        no -> BigInt, id -> Binary, session_no -> BigInt, principal -> Binary, title -> Nullable<Text>, command -> Text,
        plan -> Text, created_at_ms -> BigInt, state -> Integer, reason -> Nullable<Text>, last_ms -> BigInt,
        next_ms -> Nullable<BigInt>, held_ms -> Nullable<BigInt>, due_ms -> Nullable<BigInt>,
        waits_for -> Nullable<Binary>, runs -> BigInt, skipped -> BigInt, zone_data -> Text,
    }
}

diesel::table! {
    schedule_runs (schedule_no, nominal_ms) {
        schedule_no -> BigInt, nominal_ms -> BigInt, at_ms -> BigInt, by_hand -> Bool, outcome -> Text,
    }
}

diesel::table! {
    jobs (no) {
        no -> BigInt, id -> Binary, session_no -> Nullable<BigInt>, from_no -> BigInt, principal -> Binary,
        title -> Text, input -> Text, executor -> Nullable<Text>, retry -> Text, span_ms -> Nullable<BigInt>,
        created_at_ms -> BigInt, state -> Integer, attempts -> BigInt, lease -> BigInt, worker -> Nullable<Binary>,
        leased_until_ms -> Nullable<BigInt>, ready_at_ms -> BigInt, deadline_ms -> Nullable<BigInt>,
        due_ms -> Nullable<BigInt>, notified -> Nullable<Binary>, result -> Nullable<Text>, json -> Nullable<Text>,
        reason -> Nullable<Text>, ended_at_ms -> Nullable<BigInt>,
    }
}

diesel::table! { job_needs (job_no, needs_no) { job_no -> BigInt, needs_no -> BigInt, } }

diesel::table! { memory_contents (hash) { hash -> Text, text -> Text, } }

diesel::table! { memory_changes (session_no, seq) { session_no -> BigInt, seq -> BigInt, memory -> Text, } }

diesel::table! {
    memory_proposals (no) {
        no -> BigInt, id -> Binary, session_no -> BigInt, from_no -> BigInt, author -> Binary, path -> Text,
        base -> Nullable<Text>, change -> Nullable<Text>, diff -> Text, reason -> Text, seq -> BigInt,
        proposed_at_ms -> BigInt, state -> Integer, decided_by -> Nullable<Binary>, decided_at_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    runtimes (session_no) {
        session_no -> BigInt, pid -> Nullable<BigInt>, started -> Nullable<BigInt>, request -> Nullable<Binary>,
        due_ms -> Nullable<BigInt>, runtime -> Text,
    }
}

diesel::table! {
    runtime_sessions (agent, native, owner) {
        agent -> Text, native -> Text, owner -> Binary, session_no -> BigInt,
    }
}

diesel::table! {
    spawns (session_no) {
        session_no -> BigInt, by_id -> Binary, at_ms -> BigInt, depth -> Integer, profile -> Text,
        request -> Nullable<Binary>, asker_no -> BigInt,
    }
}

diesel::table! { purges (session_no) { session_no -> BigInt, purge -> Text, } }

diesel::table! {
    imports (session_no) { session_no -> BigInt, log_id -> Text, origin -> Binary, copy -> BigInt, through -> BigInt, }
}

diesel::table! {
    idle_watches (session_no, watcher_no) { session_no -> BigInt, watcher_no -> BigInt, until_ms -> BigInt, }
}

diesel::table! {
    file_leases (path, session_no) {
        path -> Text, session_no -> BigInt, since_ms -> BigInt, until_ms -> BigInt, note -> Nullable<Text>,
    }
}

diesel::table! { file_changes (path, session_no) { path -> Text, session_no -> BigInt, at_ms -> BigInt, } }

diesel::table! {
    file_collisions (path, one_no, other_no) {
        path -> Text, one_no -> BigInt, other_no -> BigInt, at_ms -> BigInt,
    }
}

diesel::table! { plugin_kv (plugin, key) { plugin -> Text, key -> Text, value -> Binary, } }

diesel::joinable!(deliveries -> messages (message_no));
diesel::joinable!(idempotency -> outcomes (outcome_no));
diesel::allow_tables_to_appear_in_same_query!(
    meta,
    principals,
    tokens,
    sessions,
    runtime_sessions,
    messages,
    deliveries,
    inbox_cursors,
    ask_groups,
    asks,
    escalations,
    session_progress,
    transcripts,
    replies,
    idempotency,
    outcomes,
    events,
    schedules,
    jobs,
    job_needs,
    runtimes,
    spawns,
    purges,
    file_leases,
);
