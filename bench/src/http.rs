//! Requests as bytes and responses as a status: HTTP/1.1 on kept-alive connections, no pipelining.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// Requests that were written down before the clock starts.
#[derive(Default)]
pub struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Adds a request to `path` with an `Authorization` of that value.
    pub fn add(&mut self, path: &str, authorization: &str) {
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: service.example\r\nuser-agent: gatepass-bench\r\naccept: */*\r\n\
             authorization: {authorization}\r\n\r\n"
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The request of that number, beginning anew after the last.
    pub fn get(&self, number: usize) -> &[u8] {
        let number = number % self.ends.len().max(1);
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }
}

/// A kept-alive connection with at most one request under way.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The system's.
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024], filled: 0 })
    }

    /// Sends a request whole: it is far smaller than the socket's buffer, which is empty.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let sent = (&self.stream).write(request).context("cannot send a request")?;
        ensure!(sent == request.len(), "a request was sent in part");
        Ok(())
    }

    /// Takes what has arrived; the status once the response is whole.
    ///
    /// # Errors
    /// The connection's end, or something that is no response.
    pub fn receive(&mut self) -> anyhow::Result<Option<u16>> {
        match (&self.stream).read(&mut self.buffer[self.filled..]) {
            Ok(0) => bail!("Envoy closed a connection"),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("cannot receive a response"),
        }
        let Some((head, length)) = head_and_length(&self.buffer[..self.filled])? else { return Ok(None) };
        if self.filled < head + length {
            return Ok(None);
        }
        ensure!(self.filled == head + length, "more than one response to one request");
        self.filled = 0;
        status(&self.buffer).map(Some)
    }

    /// One request and its whole response.
    ///
    /// # Errors
    /// As [`Connection::receive`], or none in ten seconds.
    pub fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, String)> {
        self.send(request)?;
        let status = crate::clock::wait_for("a response", Duration::from_secs(10), || self.receive())?;
        let text = String::from_utf8_lossy(&self.buffer);
        let end = head_and_length(&self.buffer)?.map_or(0, |(head, length)| head + length);
        Ok((status, text.get(..end).unwrap_or_default().to_owned()))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn status(response: &[u8]) -> anyhow::Result<u16> {
    let digits = response.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).context("a response without a status")
}

/// Where the body begins and how long it is, once the whole head is there.
fn head_and_length(response: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = &response[..end];
    let Some(at) = head.windows(LENGTH.len()).position(|window| window == LENGTH) else {
        bail!("a response without a length: {}", String::from_utf8_lossy(head));
    };
    let digits = head[at + LENGTH.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    Ok(Some((end + 4, length)))
}
