//! Posts to webhooks by a server that runs, and one that is killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::support::{Place, Running, stop};

struct Server {
    process: Running,
    address: String,
}

fn start(place: &Place) -> Server {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--webhook-network", "127.0.0.1"];
    let (process, log) = Place::started(place.command(&arguments));
    let ready: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    Server { process, address: ready["fields"]["address"].as_str().unwrap().to_owned() }
}

impl Server {
    fn call(&self, place: &Place, method: &str, path: &str, body: &Value) -> Value {
        let token = std::fs::read_to_string(place.data().join("initial-admin-token")).unwrap();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: \
             application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            token.trim(),
            body.len()
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 20"), "{reply}");
        serde_json::from_str(body).unwrap_or_default()
    }
}

/// Takes one post and answers it: its id and its body.
fn taken(listener: &TcpListener) -> (String, Value) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some(("webhook-id", value)) => value.clone_into(&mut id),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None if line == "\r\n" => break,
            None => assert!(line.starts_with("POST "), "{line}"),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    // A server that was killed after it had sent takes no answer.
    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    (id, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_server_that_runs_posts_what_is_to_be_told_by_itself() {
    let place = Place::new();
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", receiver.local_addr().unwrap());
    let server = start(&place);
    let webhook = server.call(&place, "POST", "/webhooks", &json!({"url": url}));
    let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
    let test = server.call(&place, "POST", &format!("{path}/test"), &json!({}));
    let (id, body) = taken(&receiver);
    assert_eq!((&json!(id), &body["type"]), (&test["id"], &json!("webhook.test")));
    stop(server.process);

    // What was written down before the end is sent after it.
    let server = start(&place);
    let test = server.call(&place, "POST", &format!("{path}/test"), &json!({}));
    let Server { mut process, .. } = server;
    process.kill().unwrap();
    process.wait().unwrap();
    let server = start(&place);
    let deliveries = server.call(&place, "GET", &format!("{path}/deliveries"), &json!({}));
    let found = deliveries["items"].as_array().unwrap().iter().find(|one| one["id"] == test["id"]);
    assert!(found.is_some(), "what was answered is written down: {deliveries}");
    let (id, _) = taken(&receiver);
    assert_eq!(json!(id), test["id"]);
    stop(server.process);
}

#[test]
fn without_leave_posts_go_to_no_network_of_ones_own_and_files_are_checked_at_the_start() {
    let place = Place::new();
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0", "--webhook-ca-file", "nosuch.pem"]);
    assert!(said.contains("nosuch.pem") && said.contains("--webhook-ca-file"), "{said}");
    let said = place.refusal(&["serve", "--listen", "127.0.0.1:0", "--webhook-network", "inside"]);
    assert!(said.contains("--webhook-network"), "{said}");
}
