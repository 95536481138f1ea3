//! Hosts and statistics, on both states of the fork.

use flynn_client::ErrorKind;
use flynn_mock::{MockController, ServerAge};

#[tokio::test]
async fn hosts_that_do_not_answer_are_left_out_of_the_statistics() {
    for age in [ServerAge::Fork2026June, ServerAge::Fork2026September] {
        let mock = MockController::builder().server(age).bootstrapped("example.com").start().await;
        let client = mock.client();
        let hosts = client.hosts().list().await.unwrap();
        assert!(hosts.len() > 1 && hosts.iter().all(|host| host.addr.contains(':')), "{hosts:?}");
        let (last, rest) = hosts.split_last().unwrap();
        assert_eq!(client.hosts().stats_of(&last.id).await.unwrap().host_id, last.id);
        assert_eq!(client.hosts().stats().await.unwrap().len(), hosts.len());

        mock.set_host_reachable(last.id.as_str(), false);
        let answering = client.hosts().stats().await.unwrap();
        assert_eq!(
            answering.iter().map(|stats| &stats.host_id).collect::<Vec<_>>(),
            rest.iter().map(|host| &host.id).collect::<Vec<_>>()
        );
        assert_eq!(client.hosts().list().await.unwrap(), hosts, "it is still one of them");
        let silent = client.hosts().stats_of(&last.id).await.unwrap_err();
        let unknown = client.hosts().stats_of("nosuch").await.unwrap_err();
        for error in [silent, unknown] {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 1), "{error}");
        }
    }
}

#[tokio::test]
async fn jobs_are_counted_by_cluster_and_by_app() {
    let mock =
        MockController::builder().server(ServerAge::Fork2026June).bootstrapped("example.com");
    let mock = mock.start().await;
    let client = mock.client();
    let controller = client.app("controller").get().await.unwrap();
    let all = client.hosts().job_stats().await.unwrap();
    let of_app = client.app("controller").job_stats().await.unwrap();
    let ids = |jobs: &[flynn_client::hosts::JobStats]| {
        let mut ids: Vec<_> = jobs.iter().map(|job| job.job_id.clone()).collect();
        ids.sort();
        ids
    };
    let expected: Vec<_> =
        all.iter().filter(|job| job.app_id == controller.id.as_str()).cloned().collect();
    assert!(!expected.is_empty());
    assert_eq!(ids(&of_app), ids(&expected));
    assert!(client.app("nosuch").job_stats().await.unwrap_err().is_not_found());
}
