//! The daemon's own session: its timeline is the log of the mesh, and nobody writes to it but the daemon.

use std::sync::Arc;

use tieline_model::{
    EventBody, SessionId,
    address::{MESH_CIRCLE, MESH_TITLE},
};
use tieline_store::{NewSession, StoreError};

use crate::{decide::Decision, door::Door, engine::StartError, job::Work, request::ReplyTo, shared::Shared};

/// Makes the session when there is none: at the first start, and for a database from before there was one.
pub(crate) async fn open(shared: &Arc<Shared>, door: &Door) -> Result<(), StartError> {
    if shared.mesh().is_some() {
        return Ok(());
    }
    let session = shared.mint.session();
    let (reply, outcome) = ReplyTo::caller(shared);
    if !door.submit(Work::OpenMesh { session, reply }) {
        return Err(StartError::Mesh("the store takes nothing".into()));
    }
    match outcome.await {
        Ok(Ok(_)) => shared.keep_mesh(session),
        Ok(Err(failure)) => return Err(StartError::Mesh(failure.into_message())),
        Err(error) => return Err(StartError::Mesh(error.to_string())),
    }
    Ok(())
}

impl Decision<'_, '_> {
    /// Appends a fact to the mesh's own timeline.
    pub fn record(&mut self, body: EventBody) -> Result<(), StoreError> {
        let none = || StoreError::Damaged { table: "sessions", what: "the daemon's own session is missing".into() };
        let mesh = self.mesh().ok_or_else(none)?;
        self.event(mesh, body)
    }

    /// Writes the daemon's own session.
    pub fn open_mesh(&mut self, session: SessionId) -> Result<(), StoreError> {
        self.create(&NewSession {
            id: session,
            title: MESH_TITLE.to_owned(),
            circle: MESH_CIRCLE.to_owned(),
            roles: Vec::new(),
            description: Some("the log of this daemon: what became of its plugins, and who steered them".to_owned()),
            project: None,
            owner: Shared::system().id,
            parent: None,
            opened_at: self.now,
        })
    }
}
