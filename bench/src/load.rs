//! The load generator: one thread, epoll, no allocation while it measures.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::clock;
use crate::http::{Connection, Requests};

/// How long a response may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kept-alive connections to one listener.
pub struct Client {
    connections: Vec<Connection>,
    epoll: rustix::fd::OwnedFd,
    events: Vec<epoll::Event>,
    expected: u16,
}

impl Client {
    /// Opens `count` connections; every response is to have the status `expected`.
    ///
    /// # Errors
    /// The system's.
    pub fn open(address: SocketAddr, count: usize, expected: u16) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let connections = (0..count).map(|_| Connection::open(address)).collect::<Result<Vec<_>, _>>()?;
        for (number, connection) in connections.iter().enumerate() {
            epoll::add(&epoll, connection, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
        }
        Ok(Self { connections, epoll, events: Vec::with_capacity(count), expected })
    }

    /// Closed loop: each connection sends its next request as soon as it has its response, until the requests from
    /// `from` to `to` are answered. Gives the time that took.
    ///
    /// # Errors
    /// A response that was not expected, or none.
    pub fn closed(&mut self, requests: &Requests, from: usize, to: usize) -> anyhow::Result<Duration> {
        let start = clock::now();
        let mut next = from;
        let mut open = 0;
        for connection in &mut self.connections {
            if next < to {
                connection.send(requests.get(next))?;
                (next, open) = (next + 1, open + 1);
            }
        }
        while open > 0 {
            self.wait(PATIENCE)?;
            ensure!(!self.events.is_empty(), "no response in {PATIENCE:?}");
            for place in 0..self.events.len() {
                let connection = &mut self.connections[self.events[place].data.u64() as usize];
                let Some(status) = connection.receive()? else { continue };
                check(status, self.expected)?;
                if next < to {
                    connection.send(requests.get(next))?;
                    next += 1;
                } else {
                    open -= 1;
                }
            }
        }
        Ok(start.elapsed())
    }

    /// Open loop: one request each `interval`, whatever the responses do, while `go_on` says so of the time since the
    /// start. A request waits for a free connection; its latency counts from when it was to be sent, so a stall is seen
    /// by all requests that fall into it (no coordinated omission).
    ///
    /// # Errors
    /// As [`Client::closed`].
    pub fn open_loop(
        &mut self,
        requests: &Requests,
        interval: Duration,
        mut go_on: impl FnMut(Duration) -> bool,
        latencies: &mut Vec<Duration>,
    ) -> anyhow::Result<()> {
        latencies.clear();
        let start = clock::now();
        let mut idle: Vec<usize> = (0..self.connections.len()).collect();
        let mut intended: Vec<Duration> = vec![Duration::ZERO; self.connections.len()];
        let mut sent = 0_u32;
        // Once set, no request is due from then on; what was due before is still sent.
        let mut end: Option<Duration> = None;
        loop {
            let now = start.elapsed();
            if end.is_none() && !go_on(now) {
                end = Some(now);
            }
            let due = |sent: u32| interval * sent < end.unwrap_or(now);
            while due(sent) {
                let Some(number) = idle.pop() else { break };
                intended[number] = interval * sent;
                self.connections[number].send(requests.get(sent as usize))?;
                sent += 1;
            }
            if end.is_some() && !due(sent) && idle.len() == self.connections.len() {
                return Ok(());
            }
            let blocked = end.is_some() || idle.is_empty();
            let next = (interval * sent).saturating_sub(start.elapsed());
            self.wait(if blocked { PATIENCE } else { next })?;
            ensure!(!blocked || !self.events.is_empty(), "no response in {PATIENCE:?}");
            for place in 0..self.events.len() {
                let number = self.events[place].data.u64() as usize;
                let Some(status) = self.connections[number].receive()? else { continue };
                check(status, self.expected)?;
                latencies.push(start.elapsed().saturating_sub(intended[number]));
                idle.push(number);
            }
        }
    }

    fn wait(&mut self, timeout: Duration) -> anyhow::Result<()> {
        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
        let timeout = Timespec { tv_sec: seconds, tv_nsec: timeout.subsec_nanos().into() };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("epoll"),
        }
    }
}

/// An open loop's end that another thread sets.
pub fn until(stop: &AtomicBool) -> impl FnMut(Duration) -> bool {
    move |_| !stop.load(Ordering::Relaxed)
}

/// An open loop's end after a time.
pub fn during(length: Duration) -> impl FnMut(Duration) -> bool {
    move |now| now < length
}

fn check(status: u16, expected: u16) -> anyhow::Result<()> {
    ensure!(status == expected, "Envoy answered {status} where {expected} was due");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers each request on one connection, and the one of that number only after `stall`.
    fn server(stalled: usize, stall: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 1024];
            for number in 0.. {
                if stream.read(&mut buffer).unwrap() == 0 {
                    return;
                }
                if number == stalled {
                    std::thread::sleep(stall);
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n").unwrap();
            }
        });
        address
    }

    #[test]
    fn a_stall_is_seen_by_every_request_that_was_due_in_it() {
        let (interval, stall) = (Duration::from_millis(1), Duration::from_millis(100));
        let mut requests = Requests::default();
        requests.add("/", "Bearer none");
        let mut client = Client::open(server(20, stall), 1, 200).unwrap();
        let mut latencies = Vec::new();
        client.open_loop(&requests, interval, during(Duration::from_millis(200)), &mut latencies).unwrap();
        let long = latencies.iter().filter(|latency| **latency >= stall / 2).count();
        assert!(long >= 50, "{long} requests were due in the first half of the stall");
        assert!(latencies.len() >= 200, "{} requests were due", latencies.len());
    }

    #[test]
    fn another_status_ends_the_measurement() {
        let mut requests = Requests::default();
        requests.add("/", "Bearer none");
        let mut client = Client::open(server(0, Duration::ZERO), 1, 403).unwrap();
        assert!(client.closed(&requests, 0, 10).is_err());
    }
}
