//! Two programs in one folder are two sessions, and the tools of each know which one they are.

use serde_json::json;

use crate::{program::Kind, stage::Stage};

#[tokio::test]
async fn two_of_claude_code_in_one_folder_keep_their_identities() {
    let stage = Stage::with(&[Kind::Claude]).await;
    let first = stage.open("first", Kind::Claude).await;
    stage.wait_presence("work-claude", "idle").await;
    let second = stage.open("second", Kind::Claude).await;
    stage.wait_presence("work-claude-2", "idle").await;

    for (pane, title) in [(&second, "work-claude-2"), (&first, "work-claude")] {
        let steps =
            json!([{"tool": "notify", "with": {"to": "human", "text": format!("I am {title}")}}, {"say": "told"}]);
        pane.prompt(&format!("DO{steps}")).await;
        let mail = stage
            .until("its word", async || {
                if pane.screen().contains(Kind::Claude.dialog()) {
                    pane.press("Enter");
                }
                let inbox = stage.say("human", &json!({"inbox": {"lane": "msg"}})).await;
                let items = inbox["inbox"]["items"].as_array()?.clone();
                items.into_iter().find(|item| item["message"]["text"] == format!("I am {title}"))
            })
            .await;
        assert_eq!(mail["message"]["from"]["title"], title);
    }
}
