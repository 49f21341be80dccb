//! What commands print on standard output.

use std::io::{self, ErrorKind, Write as _};

/// Prints `text` as it is. A reader that has gone, as `head` does, has had what it wanted: no error.
///
/// # Errors
/// Standard output cannot be written, for instance because the disk is full.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
