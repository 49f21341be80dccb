//! Room that is made before it is needed.
//!
//! An allocation that fails is a trap, and a trap on a worker opens the gate. What is taken up in many small pieces cannot
//! be tried piece by piece: room for all of them is asked for at once and given back. A VM's memory never shrinks, and
//! nothing else runs in it, so the room is there when the pieces are made.

use std::collections::TryReserveError;

/// What the allocator itself takes beside a few large pieces, what an error's text takes, and what a request takes.
const BESIDE: usize = 64 * 1024;
/// Bytes of a piece.
const PIECE: usize = 256 * 1024;

/// Sees to it that there is room for so many bytes, one behind the other.
pub(crate) fn reserve(bytes: usize) -> Result<(), TryReserveError> {
    reserve_in_pieces(0, bytes)
}

/// Sees to it that there is room for so many bytes in small pieces, wherever they lie, and beside them for `together`.
#[inline(never)]
pub(crate) fn reserve_in_pieces(bytes: usize, together: usize) -> Result<(), TryReserveError> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let count = bytes.div_ceil(PIECE);
    pieces.try_reserve_exact(count.saturating_add(1))?;
    for size in std::iter::once(together.saturating_add(BESIDE)).chain((0..count).map(|_| PIECE)) {
        let mut piece = Vec::new();
        piece.try_reserve_exact(size)?;
        pieces.push(piece);
    }
    Ok(())
}
