//! Keeps everything that must survive: the only crate that knows the database.
//!
//! One thread writes ([`Writer`]), in batches that share a commit; any number of read-only connections
//! read beside it ([`Readers`]). A job runs inside the writer's transaction with a [`Tx`], so that what it
//! reads, decides and writes is one atomic, serial step.
#![forbid(unsafe_code)]

mod checkpoint;
mod error;
mod files;
mod jobs;
mod life;
mod lock;
mod memory;
mod open;
mod pragma;
mod purges;
mod read;
mod readers;
mod retention;
mod rows;
mod runtimes;
mod schedules;
mod schema;
mod thread;
mod timeline;
mod transcripts;
mod tx;
mod worded;
mod writer;

pub use checkpoint::WalLimit;
pub use error::{OpenError, StoreError};
pub use files::FileLeaseRow;
pub use life::{OpenAsk, Party};
pub use memory::MemoryChange;
pub use open::{Options, Store, Synchronous};
pub use purges::{Needed, Scope};
pub use read::{Damaged, DueRow, InboxRow, TokenRow, TraceRow, Traced, TracedAsk};
pub use readers::{Reader, Readers};
pub use retention::{Answered, Key};
pub use timeline::Side;
pub use tx::{
    AskRow, GroupRow, Head, ImportRow, JobRow, KvUse, NewDelivery, NewJob, NewSchedule, NewSession, PendingRow, Places,
    ProposalRow, Purge, PurgeStep, Remembered, Reminding, ScheduleRow, SessionChange, SpawnRow, Standing, Told,
    TranscriptRow, Tx,
};
pub use worded::Worded;
pub use writer::{Job, JobError, Refused, Writer, WriterStats};

/// How large one commit may grow, in jobs.
pub const MAX_BATCH: usize = 512;
