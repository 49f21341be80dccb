//! Room that is made before it is needed.
//!
//! An allocation that fails is a trap, and a trap on a worker opens the gate. What is taken up in many small pieces cannot
//! be tried piece by piece: room for all of them is asked for at once and given back. A VM's memory never shrinks, and
//! nothing else runs in it, so the room is there when the pieces are made.

use std::collections::TryReserveError;

/// What the allocator itself takes beside a few large pieces, what an error's text takes, and what a request takes.
const BESIDE: usize = 64 * 1024;

/// Sees to it that there is room for so many bytes.
#[inline(never)]
pub(crate) fn reserve(bytes: usize) -> Result<(), TryReserveError> {
    Vec::<u8>::new().try_reserve_exact(bytes.saturating_add(BESIDE))
}
