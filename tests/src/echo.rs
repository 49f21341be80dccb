//! A service behind the gate that answers each request with the bytes of its head: faster than one that remembers,
//! and many may ask at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The reply's header that holds the request's head in hex where there is no body: on HEAD.
pub const ECHO: &str = "x-echo";

/// Serves on a free port until the test's process ends.
pub fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An error ends the connection, as it would in any service.
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Requests without bodies, one after the other.
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut pending, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        while let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = pending.split_off(end + 4);
            stream.write_all(&reply(&pending))?;
            pending = rest;
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        pending.extend_from_slice(&buffer[..count]);
    }
}

fn reply(head: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", head.len()).into_bytes();
    if head.starts_with(b"HEAD ") {
        let hex: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
        reply.extend(format!("{ECHO}: {hex}\r\n\r\n").into_bytes());
    } else {
        reply.extend(b"\r\n");
        reply.extend(head);
    }
    reply
}
