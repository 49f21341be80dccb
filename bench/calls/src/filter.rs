//! The callbacks and the calls: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.

#![expect(unsafe_code, reason = "the ABI is pointers")]

use std::sync::atomic::AtomicU8;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_replace_header_map_value(map: u32, name: *const u8, n: usize, value: *const u8, v: usize)
    -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, n: usize) -> u32;
    fn proxy_set_property(path: *const u8, n: usize, value: *const u8, v: usize) -> u32;
}

const REQUEST_HEADERS: u32 = 0;
/// More than any request of the comparison has, and written by the host alone.
static ROOM: [AtomicU8; 16 * 1024] = [const { AtomicU8::new(0) }; 16 * 1024];

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// The same room each time: what was handed out before is not looked at any more.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    if size > ROOM.len() { std::ptr::null_mut() } else { ROOM.as_ptr().cast_mut().cast() }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_: u32, _: u32, _: u32) -> u32 {
    let (mut data, mut len) = (std::ptr::null_mut(), 0);
    // SAFETY: every pointer and length are of one slice or variable that outlives the call.
    let read = unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, &mut data, &mut len) };
    let failed = read != 0
        || remove("authorization") != 0
        || replace("x-gatepass-user", "user-000001") != 0
        || replace("x-gatepass-token-id", "01JD0ZQ8M2") != 0
        || set_property("gatepass.decision", "allow.token") != 0;
    u32::from(failed)
}

fn remove(name: &str) -> u32 {
    // SAFETY: see above.
    unsafe { proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) }
}

fn replace(name: &str, value: &str) -> u32 {
    let (n, v) = (name.len(), value.len());
    // SAFETY: see above.
    unsafe { proxy_replace_header_map_value(REQUEST_HEADERS, name.as_ptr(), n, value.as_ptr(), v) }
}

fn set_property(path: &str, value: &str) -> u32 {
    // SAFETY: see above.
    unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) }
}
