//! Users, personal tokens, collaborators, scheduler events and metrics of the router: the fork's state of
//! September 2026.

use flynn_client::apps::{App, NewApp};
use flynn_client::collaborators::{NewCollaborator, Role};
use flynn_client::events::EventType;
use flynn_client::personal_tokens::NewPersonalToken;
use flynn_client::scheduler_events::{NewSchedulerEvent, SchedulerEvent};
use flynn_client::users::{NewUser, User};
use flynn_client::{AccountId, Client};
use flynn_mock::{MockController, ServerAge};

const PASSWORD: &str = "a long passphrase";

async fn cluster() -> (MockController, Client) {
    let mock = MockController::builder().server(ServerAge::Fork2026September);
    let mock = mock.bootstrapped("example.com").start().await;
    let client = mock.client();
    (mock, client)
}

/// A user, and a client that acts for it.
async fn user(client: &Client, email: &str) -> (User, Client) {
    let user = client.users().create(NewUser::new(email, PASSWORD)).await.unwrap();
    let token = client.users().create_token(&user.id).await.unwrap();
    let acts = client.to_builder().bearer_token(&token.token).build().unwrap();
    (user, acts)
}

async fn shop(client: &Client) -> App {
    client.apps().create(NewApp::named("shop")).await.unwrap()
}

#[tokio::test]
async fn users_come_change_and_go() {
    let (_mock, client) = cluster().await;
    let users = client.users();
    let ann = users.create(NewUser::new("  Ann@Example.com ", PASSWORD)).await.unwrap();
    assert_eq!((ann.email.as_str(), ann.cluster_admin), ("ann@example.com", false));
    assert!(ann.email_verified && !ann.handle.is_empty() && ann.created_at.is_some());
    let taken = users.create(NewUser::new("ann@example.com", PASSWORD)).await.unwrap_err();
    assert!(taken.is_conflict(), "{taken}");
    for odd in [NewUser::new("nobody", PASSWORD), NewUser::new("bob@example.com", "")] {
        assert!(users.create(odd).await.unwrap_err().is_validation());
    }
    assert_eq!(users.list().await.unwrap(), std::slice::from_ref(&ann));
    assert_eq!(users.get(&ann.id).await.unwrap(), ann);

    let changed = users.update(&ann.id).email("Ann@new.test").disabled(true).await.unwrap();
    assert_eq!((changed.email.as_str(), changed.disabled), ("ann@new.test", true));
    let back = users.update(&ann.id).disabled(false).await.unwrap();
    assert_eq!((back.email.as_str(), back.disabled), ("ann@new.test", false));

    users.delete(&ann.id).await.unwrap();
    assert!(users.get(&ann.id).await.unwrap_err().is_not_found());
    assert!(users.get_opt(&ann.id).await.unwrap().is_none());
    assert!(users.update(&ann.id).disabled(true).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn each_credential_is_told_who_it_is() {
    let (_mock, client) = cluster().await;
    let cluster = client.whoami().await.unwrap();
    assert!(cluster.user.cluster_admin && cluster.user.id.is_empty() && cluster.account.is_empty());
    assert_eq!(cluster.user.handle, "cluster");

    let (ann, hers) = user(&client, "ann@example.com").await;
    let who = hers.whoami().await.unwrap();
    assert_eq!((&who.user.id, who.account), (&ann.id, AccountId::from(&ann.id)));
    let refused = hers.users().list().await.unwrap_err();
    assert!(refused.is_forbidden() && refused.message().contains("cluster:admin"), "{refused}");
    let refused = client.to_builder().bearer_token("flynn_pat_none").build().unwrap();
    assert!(refused.whoami().await.unwrap_err().is_unauthorized());

    // Only the cluster's key creates an admin, who then has the same rights.
    let boss = NewUser::new("boss@example.com", PASSWORD).cluster_admin(true);
    assert!(hers.users().create(boss.clone()).await.unwrap_err().is_forbidden());
    let boss = client.users().create(boss).await.unwrap();
    let token = client.users().create_token(&boss.id).await.unwrap();
    let admin = client.to_builder().bearer_token(&token.token).build().unwrap();
    assert_eq!(admin.users().list().await.unwrap().len(), 2);
    let more = admin.users().update(&ann.id).cluster_admin(true).await.unwrap_err();
    assert!(more.is_forbidden(), "{more}");

    client.users().update(&ann.id).suspended(true).await.unwrap();
    assert!(hers.whoami().await.unwrap_err().is_unauthorized());
    client.users().update(&ann.id).suspended(false).await.unwrap();
    hers.whoami().await.unwrap();
}

#[tokio::test]
async fn personal_tokens_are_shown_once_and_can_be_revoked() {
    let (_mock, client) = cluster().await;
    assert!(client.personal_tokens().list().await.unwrap().is_empty());
    let none = client.personal_tokens().create(NewPersonalToken::new("ci")).await.unwrap_err();
    assert!(none.is_forbidden(), "the cluster's key is no user: {none}");

    let (_, hers) = user(&client, "ann@example.com").await;
    let tokens = hers.personal_tokens();
    let new =
        NewPersonalToken::new("ci").scope("user").scope("x").expires_at("2099-01-01T00:00:00Z");
    let ci = tokens.create(new).await.unwrap();
    assert_eq!(ci.scopes().collect::<Vec<_>>(), ["user", "x"]);
    assert!(ci.token.expose().starts_with("flynn_pat_") && ci.expires_at.is_some());
    assert!(!format!("{ci:?}").contains(ci.token.expose()));

    let as_ci = client.to_builder().bearer_token(&ci.token).build().unwrap();
    as_ci.whoami().await.unwrap();
    // The token is also accepted as the password of any user.
    let basic = client.to_builder().basic_auth("ann", &ci.token).build().unwrap();
    basic.whoami().await.unwrap();

    tokens.revoke(&ci.id).await.unwrap();
    tokens.revoke(&ci.id).await.unwrap();
    assert!(as_ci.whoami().await.unwrap_err().is_unauthorized());
    let listed = tokens.list().await.unwrap();
    assert_eq!(
        listed.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(),
        ["bootstrap", "ci"]
    );
    assert!(listed[1].revoked_at.is_some() && listed[1].token.is_empty());
}

#[tokio::test]
async fn collaborators_of_an_app_and_of_an_account() {
    let (_mock, client) = cluster().await;
    let shop = shop(&client).await;
    let (ann, hers) = user(&client, "ann@example.com").await;
    let (bob, his) = user(&client, "bob@example.com").await;
    assert!(hers.app(&shop.id).get().await.unwrap_err().is_forbidden());

    let team = client.app("shop").collaborators();
    let viewer = team.add(NewCollaborator::email("ann@example.com", Role::View)).await.unwrap();
    assert_eq!((&viewer.user_id, &viewer.role), (&ann.id, &Role::View));
    assert_eq!(hers.app(&shop.id).get().await.unwrap().name, "shop");
    assert!(hers.app("shop").set_meta([("a", "b")]).await.unwrap_err().is_forbidden());
    assert!(hers.app("shop").collaborators().remove(&bob.id).await.unwrap_err().is_forbidden());

    team.add(NewCollaborator::user(&ann.id, Role::Admin)).await.unwrap();
    hers.app("shop").set_meta([("a", "b")]).await.unwrap();
    hers.app("shop")
        .collaborators()
        .add(NewCollaborator::user(&bob.id, Role::Deploy))
        .await
        .unwrap();
    let roles: Vec<_> =
        team.list().await.unwrap().into_iter().map(|one| (one.email, one.role)).collect();
    let pair = |email: &str, role| (email.to_owned(), role);
    assert_eq!(
        roles,
        [pair("ann@example.com", Role::Admin), pair("bob@example.com", Role::Deploy)]
    );
    assert!(
        team.add(NewCollaborator::user(&bob.id, Role::Other("king".into())))
            .await
            .unwrap_err()
            .is_validation()
    );
    assert!(
        team.add(NewCollaborator::email("eve@example.com", Role::View))
            .await
            .unwrap_err()
            .is_not_found()
    );
    team.remove(&bob.id).await.unwrap();
    team.remove(&bob.id).await.unwrap();
    assert!(his.app(&shop.id).get().await.unwrap_err().is_forbidden());

    // An account's collaborators may use all its apps.
    let account = AccountId::from(&ann.id);
    let moved = client.app("shop").transfer(&account).await.unwrap();
    assert_eq!(moved.owner_account, account);
    assert!(client.users().delete(&ann.id).await.unwrap_err().is_conflict(), "she owns an app");
    let family = hers.account_collaborators(&account);
    family.add(NewCollaborator::user(&bob.id, Role::View)).await.unwrap();
    assert_eq!(his.app("shop").get().await.unwrap().id, shop.id);
    assert!(his.account_collaborators(&account).list().await.unwrap_err().is_forbidden());
    assert_eq!(family.list().await.unwrap().len(), 1);
    family.remove(&bob.id).await.unwrap();
    assert!(his.app("shop").get().await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn a_scheduled_run_is_an_event() {
    let (_mock, client) = cluster().await;
    let shop = shop(&client).await;
    let report = NewSchedulerEvent::new("nightly")
        .name("Clean up")
        .command("bin/clean")
        .process_type("worker")
        .schedule("0 3 * * *")
        .job("host0-11111111-0000-4000-8000-00000000000a")
        .error("no such command");
    let told = client.app("shop").report_scheduler_event(report).await.unwrap();
    assert_eq!((&told.app_id, told.schedule_id.as_str()), (&shop.id, "nightly"));
    assert!(!told.id.is_empty() && told.fired_at.is_some());

    let events =
        client.events().of_app("shop").object_types([EventType::Scheduler]).list().await.unwrap();
    assert_eq!((events.len(), events[0].object_id.as_str()), (1, "nightly"));
    assert_eq!(events[0].decode::<SchedulerEvent>().unwrap(), told);
    let empty = client.app("shop").report_scheduler_event(NewSchedulerEvent::new("")).await;
    assert!(empty.unwrap_err().is_validation());
    let nowhere = client.app("nosuch").report_scheduler_event(NewSchedulerEvent::new("x")).await;
    assert!(nowhere.unwrap_err().is_not_found());
}

#[tokio::test]
async fn the_router_counts_requests() {
    let (_mock, client) = cluster().await;
    for service in client.router_metrics().await.unwrap() {
        assert!(!service.service.is_empty() && service.errors <= service.requests);
    }
}

#[tokio::test]
async fn older_servers_do_not_support_users() {
    for age in [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026June] {
        let mock = MockController::builder().server(age).bootstrapped("example.com").start().await;
        let client = mock.client();
        assert!(client.users().list().await.unwrap_err().is_unsupported(), "{age:?}");
        assert!(client.whoami().await.unwrap_err().is_unsupported(), "{age:?}");
        assert!(client.personal_tokens().list().await.unwrap_err().is_unsupported(), "{age:?}");
        assert!(client.router_metrics().await.unwrap_err().is_unsupported(), "{age:?}");
        let team = client.app("controller").collaborators().list().await;
        assert!(team.unwrap_err().is_unsupported(), "{age:?}");
    }
}
