//! Only a person gives access, whatever a token claims to allow.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Code, Command, PrincipalKind, Reply, Scope,
    command::{TokenCreate, TokenList, TokenRevoke},
};
use tieline_tests::{Outcomes, World};

fn create(name: &str, kind: PrincipalKind, scopes: Option<Vec<Scope>>) -> Command {
    Command::TokenCreate(TokenCreate { name: name.into(), kind, scopes, circles: None, expires_in_ms: None })
}

#[actix_rt::test]
async fn an_agent_cannot_make_tokens() {
    let world = World::start().await;
    let mut agent = (*world.agent("alice").await).clone();
    agent.scopes = Scope::ALL.to_vec();
    let agent = Arc::new(agent);
    let Ok(Reply::Tokens(tokens)) = world.call(world.human(), Command::TokenList(TokenList {})).await else {
        panic!("a human sees the tokens")
    };
    for command in [
        create("mine", PrincipalKind::Agent, None),
        create("boss", PrincipalKind::Human, None),
        Command::TokenList(TokenList {}),
        Command::TokenRevoke(TokenRevoke { token: tokens.tokens[0].token }),
    ] {
        assert_eq!(world.call(&agent, command).await.refused().code, Code::Forbidden);
    }
}

#[actix_rt::test]
async fn a_token_never_holds_what_its_maker_or_its_kind_may_not() {
    let world = World::start().await;
    let human = world.human();
    let for_agents = create("sly", PrincipalKind::Agent, Some(vec![Scope::TokenManage]));
    assert_eq!(world.call(human, for_agents).await.refused().code, Code::BadInput);
    for kind in [PrincipalKind::Plugin, PrincipalKind::Schedule, PrincipalKind::System] {
        assert_eq!(world.call(human, create("odd", kind, None)).await.refused().code, Code::BadInput);
    }
    let mut lesser = (**human).clone();
    lesser.scopes = vec![Scope::TokenManage, Scope::MessageSend];
    let lesser = Arc::new(lesser);
    let more = create("more", PrincipalKind::Agent, Some(vec![Scope::AskOpen]));
    assert_eq!(world.call(&lesser, more).await.refused().code, Code::Forbidden);
    let Ok(Reply::TokenCreated(made)) = world.call(&lesser, create("less", PrincipalKind::Agent, None)).await else {
        panic!("a token within its maker's scopes is made")
    };
    assert_eq!(made.principal.scopes, [Scope::MessageSend]);
}

#[actix_rt::test]
async fn a_secret_is_good_until_it_is_revoked_or_runs_out() {
    let mut world = World::start().await;
    let human = Arc::clone(world.human());
    let mut make = TokenCreate {
        name: "guest".into(),
        kind: PrincipalKind::Agent,
        scopes: None,
        circles: None,
        expires_in_ms: Some(60_000),
    };
    let Ok(Reply::TokenCreated(short)) = world.call(&human, Command::TokenCreate(make.clone())).await else {
        panic!("no token")
    };
    make.expires_in_ms = None;
    let Ok(Reply::TokenCreated(long)) = world.call(&human, Command::TokenCreate(make)).await else {
        panic!("no token")
    };
    world.restart().await;
    let guest = world.authenticate(&short.secret).expect("a restart forgets no token");
    assert_eq!(*guest, short.principal);
    assert!(world.authenticate(&format!("{}0", short.secret)).is_none());
    world.advance(Duration::from_secs(60)).await;
    assert!(world.authenticate(&short.secret).is_none(), "it ran out");

    let holder = world.authenticate(&long.secret).expect("still good");
    let link = world.attach(&holder).await;
    world.call(&human, Command::TokenRevoke(TokenRevoke { token: long.token })).await.reply();
    assert_eq!(link.wait_down().await.code, 4401);
    assert!(world.authenticate(&long.secret).is_none());
    world.restart().await;
    assert!(world.authenticate(&long.secret).is_none());
    let again = world.call(&human, Command::TokenRevoke(TokenRevoke { token: long.token })).await.refused();
    assert_eq!(again.code, Code::UnknownToken);
}
