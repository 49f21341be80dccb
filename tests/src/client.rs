//! An HTTP/1.1 client that sends exactly the bytes it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wait::PATIENCE;

/// Both directions of a connection: TCP, or TLS on it.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Name in lower case and value, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// `code` of a problem document; empty without one.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A connection that is kept alive.
pub struct Connection {
    stream: Box<dyn Stream>,
    pending: Vec<u8>,
}

impl Connection {
    /// Connects by TCP.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn open(to: SocketAddr) -> std::io::Result<Self> {
        Ok(Self::over(tcp(to)?))
    }

    /// Speaks HTTP on an open stream.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), pending: Vec::new() }
    }

    /// Sends raw bytes.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request with the given header lines and reads the reply.
    ///
    /// # Errors
    /// Whatever the operating system says; an end of the stream before the reply's end is one.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Response> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            head += "Host: gate.test\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        self.send(format!("{head}\r\n{body}").as_bytes())?;
        self.read()
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// Whatever the operating system says; an end of the stream before the reply's end is one.
    pub fn read(&mut self) -> std::io::Result<Response> {
        let end = loop {
            if let Some(end) = self.pending.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            self.fill()?;
        };
        let head = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status line in {head:?}")))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut response = Response { status, headers, body: Vec::new() };
        response.body = self.body(&response)?;
        Ok(response)
    }

    fn body(&mut self, head: &Response) -> std::io::Result<Vec<u8>> {
        if head.header("transfer-encoding").contains(&"chunked") {
            let mut body = Vec::new();
            loop {
                let size = self.line()?;
                let size = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
                body.extend(self.take(size)?);
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = head.header("content-length").first().and_then(|v| v.parse().ok()).unwrap_or(0);
        self.take(length)
    }

    fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = self.pending.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.pending[..end]).into_owned();
                self.pending.drain(..end + 2);
                return Ok(line);
            }
            self.fill()?;
        }
    }

    fn take(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        while self.pending.len() < length {
            self.fill()?;
        }
        Ok(self.pending.drain(..length).collect())
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.pending.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

/// A TCP connection that gives up after [`PATIENCE`].
///
/// # Errors
/// Whatever the operating system says.
pub fn tcp(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A GET on a connection of its own.
#[track_caller]
pub fn get(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    Connection::open(to)
        .and_then(|mut connection| connection.request("GET", path, headers, ""))
        .unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// Raw bytes on a connection of its own; the first reply.
#[track_caller]
pub fn raw(to: SocketAddr, bytes: &[u8]) -> Response {
    let mut connection = Connection::open(to).expect("a connection");
    connection.send(bytes).expect("sent");
    connection
        .read()
        .unwrap_or_else(|error| panic!("no reply to {:?}: {error}", String::from_utf8_lossy(bytes)))
}
