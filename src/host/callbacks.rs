//! What the host calls: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>. A callback that is missing
//! here is one that a host skips without entering the VM.

#![expect(
    unsafe_code,
    reason = "an exported name could clash with another, and start-up is a call of the linker's"
)]

use super::http::{self, Action};
use super::{VM, root, vm_has_been_configured};

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// The module follows ABI 0.2.1.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Comes before all others, once.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the linker makes this function to be called first, and once.
    unsafe { __wasm_call_ctors() };
}

/// Memory for what the host hands out: a boxed slice of exactly that size, or null where there is none.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let mut bytes = Vec::<u8>::new();
    if bytes.try_reserve_exact(size).is_err() {
        return std::ptr::null_mut();
    }
    std::mem::ManuallyDrop::new(bytes).as_mut_ptr()
}

/// A root context has been made.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(context: u32, _size: usize) -> bool {
    VM.with_borrow_mut(|vm| vm.started.push(context));
    true
}

/// A root context gets its configuration.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, size: usize) -> bool {
    if !root::has_room() {
        // It stays among those that wait for a configuration: every request of this VM is refused.
        return vm_has_been_configured();
    }
    VM.with_borrow_mut(|vm| vm.started.retain(|started| *started != context));
    root::configure(context, size)
}

/// A root context's time has come.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    root::tick(context);
}

/// The answer to a call, or its end without one: then there are no headers.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(_: u32, call: u32, headers: u32, _body: usize, _trailers: u32) {
    root::answer(call, headers > 0);
}

/// A request has come.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_: u32, _headers: u32, _end_of_stream: u32) -> u32 {
    action(http::headers())
}

/// A request's trailers have come.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(_: u32, _trailers: u32) -> u32 {
    action(http::trailers())
}

/// `proxy_action_t`.
fn action(action: Action) -> u32 {
    match action {
        Action::Continue => 0,
        Action::Pause => 1,
    }
}
