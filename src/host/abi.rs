//! The host's functions (proxy-wasm ABI 0.2.1), every status of theirs a value.
//!
//! Not through the SDK: its wrappers panic on a status that they do not expect, and a panic is a trap, which on a worker
//! that configures opens the gate. They also copy each header twice. What a host hands out is read in place here.

#![expect(unsafe_code, reason = "the ABI is pointers; everything behind this module is safe")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::request::Header;

/// Which headers or trailers (`proxy_header_map_type_t`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    CallResponseHeaders = 6,
}

/// How loud a line of the log is (`proxy_log_level_t`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Level {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Critical = 5,
}

/// Kinds of metrics (`proxy_metric_type_t`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Metric {
    Counter = 0,
    Gauge = 1,
}

/// The buffer of the plugin's configuration (`proxy_buffer_type_t`).
const PLUGIN_CONFIGURATION: u32 = 7;

/// A status that is not "ok": <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed(pub(super) u32);

/// What an unreadable answer of the host counts as: `ParseFailure`.
const UNREADABLE: Failed = Failed(4);

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, len: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_buffer_bytes(kind: u32, at: usize, max: usize, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_replace_header_map_value(map: u32, name: *const u8, n: usize, value: *const u8, v: usize)
    -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, n: usize) -> u32;
    fn proxy_get_property(path: *const u8, n: usize, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, n: usize, value: *const u8, v: usize) -> u32;
    fn proxy_close_stream(kind: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_len: usize,
        body: *const u8,
        body_len: usize,
        headers: *const u8,
        headers_len: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_len: usize,
        headers: *const u8,
        headers_len: usize,
        body: *const u8,
        body_len: usize,
        trailers: *const u8,
        trailers_len: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, n: usize, id: *mut u32) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_increment_metric(id: u32, by: i64) -> u32;
}

fn check(status: u32) -> Result<(), Failed> {
    if status == 0 { Ok(()) } else { Err(Failed(status)) }
}

/// Calls a function that hands out bytes which the host has allocated here.
fn handed_out(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Failed> {
    let (mut data, mut len) = (std::ptr::null_mut(), 0);
    check(call(&mut data, &mut len))?;
    if data.is_null() || len == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the host got this memory from the module's allocator, which makes boxes of exactly `len` bytes, has
    // written all of it, and hands it over.
    Ok(unsafe { Vec::from_raw_parts(data, len, len) })
}

/// Writes to the proxy's log; a log that cannot be written changes nothing.
pub(super) fn log(level: Level, text: &str) {
    // SAFETY: pointer and length are of one slice.
    let _ = unsafe { proxy_log(level as u32, text.as_ptr(), text.len()) };
}

/// The host's clock.
pub(super) fn now() -> Result<SystemTime, Failed> {
    let mut time = 0;
    // SAFETY: the pointer is of a number that lives as long as the call.
    check(unsafe { proxy_get_current_time_nanoseconds(&mut time) })?;
    UNIX_EPOCH.checked_add(Duration::from_nanos(time)).ok_or(UNREADABLE)
}

/// Has `on_tick` called every so many milliseconds; 0 ends that.
pub(super) fn set_tick_period(milliseconds: u32) {
    // SAFETY: no memory is involved.
    let _ = unsafe { proxy_set_tick_period_milliseconds(milliseconds) };
}

/// Lets the calls that follow be those of another context, until this callback ends or it is set again.
///
/// # Errors
/// The context is gone.
pub(super) fn act_as(context: u32) -> Result<(), Failed> {
    // SAFETY: no memory is involved.
    check(unsafe { proxy_set_effective_context(context) })
}

/// At most `len` bytes of the plugin's configuration from `at` on.
pub(super) fn configuration(at: usize, len: usize) -> Result<Vec<u8>, Failed> {
    // SAFETY: the pointers are of variables that live as long as the call.
    handed_out(|data, size| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, at, len, data, size) })
}

/// The pairs of a map as the host wrote them: a count, the lengths, then names and values, each ended by NUL.
pub(super) struct Pairs(Vec<u8>);

/// All headers or trailers.
pub(super) fn pairs(map: Map) -> Result<Pairs, Failed> {
    // SAFETY: as above.
    handed_out(|data, len| unsafe { proxy_get_header_map_pairs(map as u32, data, len) }).map(Pairs)
}

impl Pairs {
    /// The pairs in the host's order. A name that is not UTF-8 is an error: nothing may be overlooked.
    pub(super) fn list(&self) -> Result<Vec<Header<'_>>, Failed> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let (count, rest) = self.0.split_first_chunk::<4>().ok_or(UNREADABLE)?;
        let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| UNREADABLE)?;
        let (lengths, _) = rest.as_chunks::<8>();
        let lengths = lengths.get(..count).ok_or(UNREADABLE)?;
        let mut text = rest.get(lengths.as_flattened().len()..).ok_or(UNREADABLE)?;
        let mut list = Vec::with_capacity(count);
        for pair in lengths {
            let [name, value] = pair.as_chunks::<4>().0 else { return Err(UNREADABLE) };
            let name = std::str::from_utf8(take(&mut text, *name)?).map_err(|_| UNREADABLE)?;
            list.push((name, take(&mut text, *value)?));
        }
        Ok(list)
    }
}

/// So many bytes, and the NUL behind them.
fn take<'a>(text: &mut &'a [u8], len: [u8; 4]) -> Result<&'a [u8], Failed> {
    let len = usize::try_from(u32::from_le_bytes(len)).map_err(|_| UNREADABLE)?;
    let (taken, rest) = text.split_at_checked(len).ok_or(UNREADABLE)?;
    *text = rest.get(1..).ok_or(UNREADABLE)?;
    Ok(taken)
}

/// The layout of [`Pairs`], for what the host is to read.
fn written(pairs: &[(&str, &str)]) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend_from_slice(&number(name.len()));
        bytes.extend_from_slice(&number(value.len()));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Puts one value in the place of all of that name.
pub(super) fn replace(map: Map, name: &str, value: &str) -> Result<(), Failed> {
    // SAFETY: each pointer and length are of one slice; so below.
    check(unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes all values of a name.
pub(super) fn remove(map: Map, name: &str) -> Result<(), Failed> {
    // SAFETY: see `replace`.
    check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// A property; the elements of its path are parted by NUL.
pub(super) fn property(path: &str) -> Result<Vec<u8>, Failed> {
    // SAFETY: see `replace` and `buffer`.
    handed_out(|data, len| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, len) })
}

/// Sets a property.
pub(super) fn set_property(path: &str, value: &str) -> Result<(), Failed> {
    // SAFETY: see `replace`.
    check(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// Resets the request.
pub(super) fn reset_request() {
    const REQUEST: u32 = 0;
    // SAFETY: no memory is involved.
    let _ = unsafe { proxy_close_stream(REQUEST) };
}

/// Answers in the proxy's place.
pub(super) fn respond(status: u32, headers: &[(&str, &str)], body: &str) -> Result<(), Failed> {
    local_response(status, body, headers, -1)
}

/// Answers a gRPC caller in the proxy's place.
pub(super) fn respond_grpc(status: i32, message: &str) -> Result<(), Failed> {
    local_response(200, message, &[], status)
}

/// To a gRPC caller the body is the status's message.
fn local_response(status: u32, body: &str, headers: &[(&str, &str)], grpc: i32) -> Result<(), Failed> {
    let headers = written(headers);
    // SAFETY: see `replace`.
    check(unsafe {
        proxy_send_local_response(
            status,
            std::ptr::null(),
            0,
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc,
        )
    })
}

/// Sends a request to a cluster; the answer comes to `proxy_on_http_call_response` with this number.
///
/// # Errors
/// The cluster is unknown, say. No answer will come.
pub(super) fn call(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout: Duration,
) -> Result<u32, Failed> {
    let (headers, trailers) = (written(headers), written(&[]));
    let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let mut number = 0;
    // SAFETY: see `replace`; `number` lives as long as the call.
    check(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &mut number,
        )
    })?;
    Ok(number)
}

/// Defines a metric; a host gives a known name its old number.
pub(super) fn define_metric(kind: Metric, name: &str) -> Result<u32, Failed> {
    let mut id = 0;
    // SAFETY: see `replace`; `id` lives as long as the call.
    check(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id) })?;
    Ok(id)
}

/// Sets a gauge.
pub(super) fn record_metric(id: u32, value: u64) {
    // SAFETY: no memory is involved.
    let _ = unsafe { proxy_record_metric(id, value) };
}

/// Raises a counter.
pub(super) fn increment_metric(id: u32, by: u64) {
    // SAFETY: no memory is involved.
    let _ = unsafe { proxy_increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX)) };
}

/// Moves a gauge that several VMs share from this VM's old part to its new one.
pub(super) fn shift_metric(id: u32, new: u64, old: u64) {
    let (new, old) = (i64::try_from(new).unwrap_or(i64::MAX), i64::try_from(old).unwrap_or(i64::MAX));
    // SAFETY: no memory is involved.
    let _ = unsafe { proxy_increment_metric(id, new.saturating_sub(old)) };
}
