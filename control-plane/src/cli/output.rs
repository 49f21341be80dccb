//! What commands print on standard output.

use std::io::{self, ErrorKind, Write as _};

use crate::domain::terminal::harmless;

/// Prints `text` as it is. A reader that has gone, as `head` does, has had what it wanted: no error.
///
/// # Errors
/// Standard output cannot be written, for instance because the disk is full.
pub(super) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Prints bytes that need be no text, as [`print()`] does.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Tells something beside the result, on standard error.
pub(super) fn note(text: &str) {
    // With nobody to tell it to, the result stands for itself.
    let _ = writeln!(io::stderr(), "{}", text.lines().map(harmless).collect::<Vec<_>>().join("\n"));
}
