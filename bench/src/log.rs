//! What the modules say in Envoy's log, and on which thread.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Envoy's log, read on from where it was read last.
pub struct Log {
    path: PathBuf,
    read: u64,
}

/// A module took a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// The root id, which here is the filter's name.
    pub filter: String,
    /// The thread id: a worker's or the main thread's, which is the process id.
    pub thread: u32,
    /// How long it took inside the VM.
    pub us: f64,
    /// The rest of the line: what the module says of itself.
    pub more: String,
}

impl Log {
    /// The log in a file.
    ///
    /// # Errors
    /// There is none.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        path.metadata().with_context(|| format!("no log at {}", path.display()))?;
        Ok(Self { path: path.to_owned(), read: 0 })
    }

    /// What was said since the last call.
    ///
    /// # Errors
    /// The system's.
    pub fn configured(&mut self) -> anyhow::Result<Vec<Configured>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut reader = BufReader::new(file);
        let mut found = Vec::new();
        let mut line = Vec::new();
        // A line that is not yet whole is read the next time.
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.read += line.len() as u64;
            found.extend(parse(&String::from_utf8_lossy(&line)));
            line.clear();
        }
        Ok(found)
    }
}

/// A line such as `[2026-01-01 00:00:00.000][77][debug][wasm] [….cc:1] wasm log NAME ROOT: gatepass: configured in 12 us:
/// …`; the reference module says `copied in`.
fn parse(line: &str) -> Option<Configured> {
    let thread = line.split(['[', ']']).nth(3)?.parse().ok()?;
    let (head, said) = line.split_once("configured in ").or_else(|| line.split_once("copied in "))?;
    let filter = head.split_once("wasm log ")?.1.split([' ', ':']).next()?.to_owned();
    let mut words = said.split([' ', ':']);
    let number: f64 = words.next()?.parse().ok()?;
    let us = match words.next()? {
        "ns" => number / 1000.0,
        "us" => number,
        "ms" => number * 1000.0,
        _ => return None,
    };
    let more = said.split_once(": ").map_or("", |(_, more)| more).trim().to_owned();
    Some(Configured { filter, thread, us, more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_module_tells_thread_filter_and_time() {
        let line = "[2026-01-01 00:00:00.000][77][debug][wasm] [source/x.cc:1190] wasm log gatepass-1 gatepass-1: \
                    gatepass: configured in 1234 us: 17 tokens, 5 bytes\n";
        let expected = Configured {
            filter: "gatepass-1".into(),
            thread: 77,
            us: 1234.0,
            more: "17 tokens, 5 bytes".into(),
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse("[2026-01-01 00:00:00.000][77][info][main] starting\n"), None);
    }
}
