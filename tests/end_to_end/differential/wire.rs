//! A connection that is kept alive, without any limit on which bytes go over it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use gatepass_tests::client::tcp;

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Name in lower case and value, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }
}

/// A place to ask at: opened when it is needed, and again after Envoy has closed it.
pub struct Line {
    to: SocketAddr,
    stream: Option<TcpStream>,
    /// How often it was opened.
    pub opened: u64,
}

impl Line {
    /// Not opened yet.
    pub fn new(to: SocketAddr) -> Self {
        Self { to, stream: None, opened: 0 }
    }

    /// Sends a request without a body and reads the reply.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn ask(&mut self, request: &[u8]) -> std::io::Result<Reply> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.opened += 1;
                tcp(self.to)?
            }
        };
        let (reply, stream) = exchange(stream, request)?;
        if !reply.header("connection").contains(&"close") {
            self.stream = Some(stream);
        }
        Ok(reply)
    }
}

fn exchange(mut stream: TcpStream, request: &[u8]) -> std::io::Result<(Reply, TcpStream)> {
    stream.write_all(request)?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    let mut fill = |bytes: &mut Vec<u8>| -> std::io::Result<()> {
        let count = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..count]);
        if count == 0 { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    };
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        fill(&mut bytes)?;
    };
    let mut reply = head(&bytes[..end])?;
    let length = reply.header("content-length").first().and_then(|length| length.parse().ok()).unwrap_or(0);
    let length = if request.starts_with(b"HEAD ") { 0 } else { length };
    while bytes.len() < end + length {
        fill(&mut bytes)?;
    }
    reply.body = bytes.split_off(end);
    if reply.body.len() != length {
        return Err(std::io::Error::other("more bytes than the reply has"));
    }
    Ok((reply, stream))
}

fn head(bytes: &[u8]) -> std::io::Result<Reply> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no status line in {text:?}")))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Reply { status, headers, body: Vec::new() })
}
