//! Where a configuration's bytes come from: a proxy, which hands out slices, or memory.

/// Bytes that can be read in slices. A large configuration is never copied whole: a push that changes one token reads
/// the little that is new.
pub trait Source {
    /// How many bytes there are.
    fn size(&self) -> usize;

    /// A copy of `len` bytes from `start` on.
    ///
    /// # Errors
    /// They do not all exist, cannot be read, or there is no memory for them.
    fn read(&self, start: usize, len: usize) -> Result<Vec<u8>, ReadError>;
}

/// Why bytes could not be read. None of it is a fault of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The proxy did not hand them out.
    Host,
    /// There is no memory for them.
    Memory,
}

impl Source for [u8] {
    fn size(&self) -> usize {
        self.len()
    }

    fn read(&self, start: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        let slice = self.get(start..).and_then(|rest| rest.get(..len)).ok_or(ReadError::Host)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(len).map_err(|_| ReadError::Memory)?;
        copy.extend_from_slice(slice);
        Ok(copy)
    }
}

/// So that any source can be handed on as `&dyn Source`: the code that reads configurations exists once.
impl<S: Source + ?Sized> Source for &S {
    fn size(&self) -> usize {
        S::size(self)
    }

    fn read(&self, start: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        S::read(self, start, len)
    }
}
