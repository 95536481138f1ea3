use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flynn_client::key_rotation::KeyRotated;
use flynn_client::{Client, Error, Pending, Secret};
use flynn_mock::{MockController, ServerAge};

use crate::faults;

async fn cluster(age: ServerAge) -> MockController {
    MockController::builder().server(age).bootstrapped("example.com").start().await
}

/// The stored key.
type Kept = Arc<Mutex<Option<Secret>>>;

async fn rotate(
    client: &Client,
    resumed: Option<&Secret>,
    kept: &Kept,
) -> Result<KeyRotated, Error> {
    let kept = Arc::clone(kept);
    let mut rotate = client.rotate_key();
    if let Some(key) = resumed {
        rotate = rotate.resume(key);
    }
    let store = rotate.store(move |key| {
        *kept.lock().unwrap() = Some(key);
        async { Ok(()) }
    });
    store.await
}

/// All variables of the cluster that have this value, by app.
fn holders(mock: &MockController, value: &str) -> BTreeMap<String, Vec<String>> {
    let state = mock.state();
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for app in state.apps() {
        let Some(release) = state.app(&app.name).unwrap().release_opt() else { continue };
        let own = release.env.iter();
        let all = own.chain(release.processes.values().flat_map(|process| process.env.iter()));
        for (name, _) in all.filter(|(_, list)| list.split(',').any(|key| key == value)) {
            found.entry(app.name.clone()).or_default().push(name.clone());
        }
    }
    found
}

async fn accepts(mock: &MockController, key: &str) -> bool {
    mock.client().with_key(key).unwrap().apps().list().await.is_ok()
}

#[tokio::test]
async fn every_app_gets_the_new_key_and_the_old_one_is_refused() {
    for age in [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026September] {
        let mock = cluster(age).await;
        let before = holders(&mock, mock.key());
        assert!(before.len() > 3, "{before:?}");
        let kept = Kept::default();
        let rotated = rotate(&mock.client(), None, &kept).await.unwrap();
        let new = rotated.key.expose();
        assert_eq!(kept.lock().unwrap().as_ref(), Some(&rotated.key));
        assert!(!accepts(&mock, mock.key()).await && accepts(&mock, new).await);
        assert!(holders(&mock, mock.key()).is_empty(), "{:?}", holders(&mock, mock.key()));
        assert_eq!(holders(&mock, new), before);
        let mut apps = rotated.apps.clone();
        apps.sort();
        assert_eq!(apps, before.into_keys().collect::<Vec<_>>());
        assert!(!format!("{rotated:?}").contains(new));
        // A second rotation to the same key does nothing.
        let client = mock.client().with_key(new).unwrap();
        let again = rotate(&client, Some(&rotated.key), &kept).await.unwrap();
        assert!(again.apps.is_empty());
    }
}

/// A cluster whose controller accepts the keys of several users.
#[tokio::test]
async fn other_keys_stay() {
    let mock = cluster(ServerAge::V2021).await;
    let client = mock.client();
    let list = format!("another,{}", mock.key());
    client.app("controller").env().set([("AUTH_KEY", &list)]).await.unwrap();
    let rotated = rotate(&client, None, &Kept::default()).await.unwrap();
    assert!(accepts(&mock, "another").await && accepts(&mock, rotated.key.expose()).await);
    assert!(!accepts(&mock, mock.key()).await);
    let release = mock.state().app("controller").unwrap().release();
    assert_eq!(release.env["AUTH_KEY"], format!("another,{}", rotated.key.expose()));
    assert!(!release.processes["web"].env.contains_key("AUTH_KEY"));
}

#[tokio::test]
async fn a_key_that_cannot_be_stored_is_taken_back() {
    let mock = cluster(ServerAge::V2021).await;
    let seen = Kept::default();
    let kept = Arc::clone(&seen);
    let store = mock.client().rotate_key().store(move |key| {
        *kept.lock().unwrap() = Some(key);
        async { Err("the disk is full".into()) }
    });
    let refused = store.await.unwrap_err();
    assert!(
        format!("{refused:#}").contains("cannot store the new key: the disk is full"),
        "{refused:#}"
    );
    assert!(refused.all_pending().is_empty());
    let new = seen.lock().unwrap().take().unwrap();
    assert!(accepts(&mock, mock.key()).await && !accepts(&mock, new.expose()).await);
    assert!(holders(&mock, new.expose()).is_empty());

    let nobody = Client::builder(mock.url()).build().unwrap();
    let refused = rotate(&nobody, None, &Kept::default()).await.unwrap_err();
    assert!(refused.is_validation(), "{refused}");
}

/// The key of an interrupted rotation may be in use already.
#[tokio::test]
async fn a_resumed_key_that_cannot_be_stored_again_stays() {
    let mock = cluster(ServerAge::V2021).await;
    let both = format!("{},resumed", mock.key());
    let web = mock.client().app("controller").env().of_process("web");
    web.set([("AUTH_KEY", &both)]).await.unwrap();
    for client in [mock.client(), mock.client().with_key("resumed").unwrap()] {
        let rotate = client.rotate_key().resume("resumed");
        let refused = rotate.store(|_| async { Err("the disk is full".into()) }).await.unwrap_err();
        assert_eq!(refused.all_pending(), [Pending::KeyRotation { stored: true }]);
        assert!(accepts(&mock, mock.key()).await && accepts(&mock, "resumed").await);
    }
}

/// A fault at a request: nobody is locked out, and resuming or starting again ends it.
#[tokio::test]
async fn a_fault_at_any_request_locks_nobody_out() {
    let run = async |at, fault| {
        let mock = cluster(ServerAge::V2021).await;
        let before = holders(&mock, mock.key());
        let kept = Kept::default();
        let operation = async |client| rotate(&client, None, &kept).await;
        let (result, count) = faults::run(&mock, at, fault, operation).await;
        let stored = kept.lock().unwrap().clone();
        // The old key, or the stored one, is accepted.
        let newest = stored.clone().unwrap_or_else(|| mock.key().into());
        assert!(accepts(&mock, newest.expose()).await, "{fault:?} {at}: {result:?}");
        // Every app has a key that the controller accepts.
        let old = holders(&mock, mock.key());
        assert!(old.is_empty() || accepts(&mock, mock.key()).await, "{fault:?} {at}: {old:?}");
        if let Some(Err(error)) = &result {
            let says_stored = error.all_pending().contains(&Pending::KeyRotation { stored: true });
            assert!(!says_stored || stored.is_some(), "{fault:?} {at}: {error}");
            assert!(!format!("{error:?} {error:#}").contains(newest.expose()), "{error:?}");
        }
        // With either key, since the caller's file may contain either. The stored key is enough.
        let key = if at % 2 == 0 || !accepts(&mock, mock.key()).await {
            newest.expose()
        } else {
            mock.key()
        };
        let clean = mock.client().with_key(key).unwrap();
        let resumed = stored.as_ref().filter(|stored| stored.expose() != key);
        let ended = rotate(&clean, resumed, &kept).await;
        let ended = ended.unwrap_or_else(|e| panic!("{fault:?} {at}: {e:#}"));
        assert_eq!(holders(&mock, ended.key.expose()), before, "{fault:?} {at}");
        assert!(holders(&mock, mock.key()).is_empty() && !accepts(&mock, mock.key()).await);
        count
    };
    faults::everywhere(7, 30, run).await;
}
