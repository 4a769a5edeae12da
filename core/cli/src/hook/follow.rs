//! Following a session's timeline for the word that mail waits, through restarts of the daemon.

use std::time::Duration;

use tieline_model::{EventBody, SessionId, event::RuntimeWoken, runtime::LISTENER};
use tokio::sync::mpsc::Sender;

use crate::client::{Client, EventStream, Item};

/// The first pause after the stream could not be opened.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Rings whenever mail waits, and whenever the stream stands, for until then nobody told. It never ends by itself.
pub async fn follow(client: Client, session: SessionId, ring: Sender<()>) {
    let sessions = [session.to_string()];
    let mut pause = FIRST_PAUSE;
    loop {
        // What is wrong now may be mended later: the program stays, and so does this.
        if let Ok(stream) = client.events(&sessions, None).await {
            pause = FIRST_PAUSE;
            read(stream, &ring).await;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Reads until the stream cannot be mended by connecting again.
async fn read(mut stream: EventStream, ring: &Sender<()>) {
    while let Ok(item) = stream.next().await {
        let rings = match item {
            Item::Connected => true,
            Item::Event { event: Some(event), .. } => tells_of_mail(&event.body),
            Item::Event { event: None, .. } | Item::Lost(_) | Item::Gap { .. } => false,
        };
        if rings && ring.try_send(()).is_err() {
            // It rings already.
            continue;
        }
    }
}

fn tells_of_mail(body: &EventBody) -> bool {
    matches!(body, EventBody::RuntimeWoken(woken) if matches!(&**woken, RuntimeWoken::Told { by } if by == LISTENER))
}
