//! An archive of one file, the same bytes for the same content.

/// A tar archive (ustar, POSIX.1-1988) with one file: 0644, of root, from 1970.
pub(super) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    let size = format!("{:011o}\0", content.len());
    let fields: [(usize, &[u8]); 8] = [
        (0, name.as_bytes()),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, size.as_bytes()),
        (136, b"00000000000\0"),
        // Counted as spaces while it is not known.
        (148, b"        "),
        (156, b"0\0"),
    ];
    for (at, bytes) in fields {
        put(&mut header, at, bytes);
    }
    put(&mut header, 257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
    // Two empty blocks are the end.
    tar.extend_from_slice(&[0; 1024]);
    tar
}

fn put(header: &mut [u8; 512], at: usize, bytes: &[u8]) {
    for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

/// A gzip file (RFC 1952) of stored blocks (RFC 1951 §3.2.4).
pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    // No name, no time, no operating system.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        gzip.push(u8::from(blocks.peek().is_none()));
        gzip.extend_from_slice(&length.to_le_bytes());
        gzip.extend_from_slice(&(!length).to_le_bytes());
        gzip.extend_from_slice(block);
    }
    gzip.extend_from_slice(&crc32(content).to_le_bytes());
    // Modulo 2^32, says the standard.
    gzip.extend_from_slice(&(content.len() as u32).to_le_bytes());
    gzip
}

/// CRC-32 (IEEE 802.3), bit by bit: of a few hundred kilobytes, once.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8)
            .fold(crc ^ u32::from(*byte), |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn gzip_and_tar_read_what_was_written() {
        for length in [0, 1, 511, 512, 0xffff - 1536, 0xffff, 200_000] {
            let content: Vec<u8> = (0..length).map(|at: u32| (at % 251) as u8).collect();
            let mut tar = Command::new("tar");
            let tar = tar.args(["-xzO", "plugin.wasm"]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut tar = tar.spawn().unwrap();
            let mut input = tar.stdin.take().unwrap();
            let archive = gzip(&super::tar("plugin.wasm", &content));
            let writer = std::thread::spawn(move || input.write_all(&archive));
            let mut read = Vec::new();
            tar.stdout.take().unwrap().read_to_end(&mut read).unwrap();
            writer.join().unwrap().unwrap();
            assert!(tar.wait().unwrap().success() && read == content, "{length} bytes");
        }
    }
}
