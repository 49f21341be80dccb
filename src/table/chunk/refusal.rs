//! The number by which a record names its stated refusal.

use crate::config::wire::StatedRefusal;

/// The highest number.
pub(in crate::table) const HIGHEST: u8 = 3;

/// What a number says; 0 is none.
pub(super) fn read(number: u8) -> Result<Option<StatedRefusal>, ()> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(StatedRefusal::TokenDisabled)),
        2 => Ok(Some(StatedRefusal::UserInactive)),
        3 => Ok(Some(StatedRefusal::UseNotAllowed)),
        _ => Err(()),
    }
}

/// The number of a refusal.
pub(in crate::table) fn number(refusal: Option<StatedRefusal>) -> u8 {
    match refusal {
        None => 0,
        Some(StatedRefusal::TokenDisabled) => 1,
        Some(StatedRefusal::UserInactive) => 2,
        Some(StatedRefusal::UseNotAllowed) => HIGHEST,
    }
}
