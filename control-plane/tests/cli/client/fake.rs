//! A server that answers what a test wants it to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

pub struct Fake {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Gives one of `replies` to each request, in order, and the last one to all that follow. It ends with the tests.
    pub fn answering(replies: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    if reader.read_line(&mut request).unwrap_or(0) == 0 {
                        break;
                    }
                }
                let head = request.to_ascii_lowercase();
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                let _ = reader.read_exact(&mut body);
                let mut seen = seen.lock().unwrap();
                let reply = &replies[seen.len().min(replies.len() - 1)];
                seen.push(request + &String::from_utf8_lossy(&body));
                let _ = reader.get_mut().write_all(reply.as_bytes());
            }
        });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A reply, with further headers, each with its line's end.
pub fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// A reply of JSON.
pub fn json(body: &str) -> String {
    reply("200 OK", "content-type: application/json\r\n", body)
}
