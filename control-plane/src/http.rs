//! What both edges, REST and the one for Envoy, have in common: problems, bodies, and what every request gets.

pub(crate) mod body;
pub(crate) mod key;
pub(crate) mod observe;
pub(crate) mod pieces;
pub(crate) mod problem;
pub(crate) mod request_id;
