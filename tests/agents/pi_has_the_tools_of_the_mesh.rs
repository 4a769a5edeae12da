//! pi has no MCP: its extension brings it the tools. It is asked, answers with one of them, and says who it is.

use serde_json::json;

use crate::{program::Kind, stage::Stage};

#[tokio::test]
async fn pi_answers_an_ask_with_a_tool_and_speaks_as_its_session() {
    let stage = Stage::with(&[Kind::Pi]).await;
    let pane = stage.open("pi", Kind::Pi).await;
    let session = stage.wait_presence("work-pi", "idle").await;
    pane.prompt("hello DO[{\"say\":\"here I am\"}]").await;
    stage.until("the primer", async || (stage.model.heard("You are connected to Tieline") > 0).then_some(())).await;
    stage.wait_presence("work-pi", "idle").await;

    let steps = json!([{"tool": "ack", "with": {"ask": "$MESSAGE", "text": "it is green"}}, {"say": "answered"}]);
    let ask = json!({"ask": {"to": "work-pi", "text": format!("is it green? DO{steps}")}});
    let asked = stage.say("human", &ask).await["accepted"]["message"].as_str().expect("an id").to_owned();
    let trace = stage
        .until("the answer", async || {
            let trace = stage.say("human", &json!({"trace": {"message": asked}})).await["trace"].clone();
            (trace["ask"]["state"] == "answered").then_some(trace)
        })
        .await;
    let answer = stage.say("human", &json!({"trace": {"message": trace["ask"]["answer"]}})).await["trace"].clone();
    assert_eq!(answer["message"]["text"], "it is green");
    assert_eq!(answer["message"]["from"]["session"], session["id"], "it speaks as its own session");
}
