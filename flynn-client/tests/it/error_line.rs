//! Every error is one line of bounded length, whatever a server says.

use flynn_client::{Client, Error};

use crate::server::{Server, events, json};

fn assert_one_line(error: &Error) {
    for shown in [format!("{error}"), format!("{error:#}"), format!("{error:?}")] {
        assert!(shown.len() < 5000, "{} bytes: {}", shown.len(), &shown[..300]);
        let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}' | '\u{feff}');
        assert!(!shown.contains(odd), "{shown:?}");
    }
}

#[tokio::test]
async fn what_a_server_says_is_cut_and_escaped() {
    let odd = "a\\nb\\u001b[31m\\u202e\\u2028\\ufeff".repeat(20_000);
    let server = Server::play([
        json(400, format!(r#"{{"code":"{odd}","message":"{odd}","retry":false}}"#)),
        events(&format!("event: error\ndata: {}\n\n", "x\u{1b}\u{2028}".repeat(1 << 20))),
        json(200, r#"{"id":"1","object_type":"\u001bodd"}"#),
    ])
    .await;
    let client = server.client();
    assert_one_line(&client.apps().list().await.unwrap_err());
    let mut stream = client.events().stream().await.unwrap();
    assert_one_line(&stream.next().await.unwrap().unwrap_err());
    assert_one_line(&client.app("x".repeat(100_000)).get().await.unwrap_err());
}

#[tokio::test]
async fn ids_that_a_server_made_up_are_cut_and_escaped() {
    let odd = "\\u001b[31m\\n\\u202e".repeat(20_000);
    let accepted = format!(r#"{{"id":"{odd}","app":"x","release":"{odd}","status":"pending"}}"#);
    let server = Server::answering(move |seen| match seen.call() {
        "GET /apps/www" => json(200, r#"{"id":"a","name":"www"}"#),
        "POST /apps/www/deploy" => json(200, &accepted),
        _ => json(400, r#"{"code":"validation_error","message":"no","retry":false}"#),
    })
    .await;
    let error = server.client().app("www").deploy("a-release").await.unwrap().wait().await;
    assert_one_line(&error.unwrap_err());
}

#[test]
fn a_builder_does_not_show_the_password_in_its_url() {
    for url in [
        "https://me:s3cret@controller.example.com",
        "https://s3cret@controller.example.com",
        "//me:s3cret@controller.example.com",
        "https://me:s3cret@controller.example.com:99999",
        "https://controller.example.com/?key=s3cret#s3cret",
    ] {
        let shown = format!("{:?}", Client::builder(url));
        assert!(!shown.contains("s3cret"), "{shown}");
        let error = Client::builder(url).build().unwrap_err();
        assert!(!format!("{error} {error:#} {error:?}").contains("s3cret"), "{error:?}");
    }
}
