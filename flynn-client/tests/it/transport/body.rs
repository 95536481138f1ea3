use flynn_client::ErrorKind;
use flynn_client::providers::NewProvider;

use crate::server::{Server, Step, answer, events, json};

#[tokio::test]
async fn answers_are_bounded() {
    let body = format!("[{}]", " ".repeat(100));
    let chunked = Step::Send(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n66\r\n{body}\r\n0\r\n\r\n"
    ));
    let server = Server::play([json(200, &body), chunked.clone(), json(200, &body), chunked]).await;
    let small = server.builder().max_answer_size(101).build().unwrap();
    for _ in 0..2 {
        let error = small.apps().list().await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::TooLarge, 1), "{error:?}");
    }
    let enough = server.builder().max_answer_size(102).build().unwrap();
    for _ in 0..2 {
        assert!(enough.apps().list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_cut_body_is_a_lost_connection() {
    let cut = Step::SendAndClose("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[".into());
    let server = Server::play([cut.clone(), json(200, "[]")]).await;
    server.client().apps().list().await.unwrap();
    let server = Server::play([cut, json(200, "{}")]).await;
    let error = server.client().providers().create(NewProvider::new("pg", "http://pg")).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Connection, 1));
}

#[tokio::test]
async fn what_is_no_json_is_said_without_showing_it() {
    for body in ["<html>s3cret</html>", "[\"s3cret\"]", "{\"id\":\"s3cret\"", ""] {
        let server = Server::play([json(200, body)]).await;
        let error = server.client().apps().list().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts(), error.path()),
            (ErrorKind::Decode, 1, Some("/apps"))
        );
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
    let server = Server::play([json(200, "null")]).await;
    assert!(server.client().apps().list().await.unwrap().is_empty(), "null is an empty list");
}

#[tokio::test]
async fn a_list_is_no_object() {
    let server = Server::play(vec![json(200, " [\"an-id\",\"a-name\"]"); 3]).await;
    let app = server.client().app("www");
    assert_eq!(app.get().await.unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(app.get_opt().await.unwrap_err().kind(), ErrorKind::Decode);
    let raw = server.client().request(http::Method::GET, "/x").decode::<Vec<String>>();
    assert_eq!(raw.await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_is_not_an_item_of_a_list_nor_the_data_of_an_event() {
    let server = Server::play([
        json(200, r#"[{"id":"1"},["2","a-name"]]"#),
        events("data: [7,\"www\",\"job\"]\n\n"),
        json(200, r#"{"id":7,"object_type":"job","data":["a","b","c"]}"#),
    ])
    .await;
    let client = server.client();
    assert_eq!(client.apps().list().await.unwrap_err().kind(), ErrorKind::Decode);
    let mut stream = client.events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Decode);
    let event = client.events().get(7).await.unwrap();
    assert_eq!(event.job().unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_told_by_its_type() {
    let page = "<!DOCTYPE html><title>s3cret</title>";
    let html = |status| answer(status, "Content-Type: text/html; charset=utf-8\r\n", page);
    let plain = answer(200, "Content-Type: text/plain\r\n", "s3cret");
    let server = Server::play([html(200), html(500), plain]).await;
    let client = server.client();
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(client.apps().list().await.unwrap_err().to_string());
    }
    let html = "HTML instead of JSON, content type \"text/html; charset=utf-8\"";
    assert!(said[0].contains(html) && said[1].contains(html), "{said:?}");
    assert!(said[2].contains("text instead of JSON, content type \"text/plain\""), "{said:?}");
}

#[tokio::test]
async fn a_server_without_the_call_is_not_a_missing_object() {
    let text = answer(404, "Content-Type: text/plain\r\n", "404 page not found\n");
    let server = Server::play([text, answer(404, "", ""), answer(401, "", "")]).await;
    let client = server.client();
    assert!(client.app("www").get_opt().await.unwrap_err().is_unsupported());
    assert!(client.app("www").get_opt().await.unwrap().is_none());
    assert!(client.app("www").get_opt().await.unwrap_err().is_unauthorized());
}

#[tokio::test]
async fn a_cut_404_is_not_a_missing_object() {
    let cut = Step::SendAndClose("HTTP/1.1 404 X\r\nContent-Length: 19\r\n\r\n".into());
    let server = Server::play(vec![cut; 4]).await;
    let error = server.client().app("www").get_opt().await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Connection, 404));
}
