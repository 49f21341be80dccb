//! What the module exports and imports. A callback that is exported costs an entry into the VM whenever the proxy has
//! something to say there, so each is there for a reason; an import is a thing that a host must provide.

use gatepass_second_host::{interface, module};

/// Asked for before anything runs: by Envoy its memory, its start and its allocator, by every host the ABI's mark.
const NEEDED: [&str; 4] = ["_initialize", "memory", "proxy_abi_version_0_2_1", "proxy_on_memory_allocate"];

/// What the filter answers.
const ANSWERED: [&str; 6] = [
    "proxy_on_configure",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

#[test]
fn the_module_exports_what_it_needs_and_nothing_else() {
    let mut expected = [NEEDED.as_slice(), &ANSWERED].concat();
    expected.sort_unstable();
    assert_eq!(interface::exports(module::bytes()), expected);
}

/// What the filter calls, and the part of WASI that the standard library does. `proxy_get_log_level`, unknown to some
/// hosts, is not among them.
const IMPORTED: [&str; 21] = [
    "env.proxy_close_stream",
    "env.proxy_define_metric",
    "env.proxy_get_buffer_bytes",
    "env.proxy_get_current_time_nanoseconds",
    "env.proxy_get_header_map_pairs",
    "env.proxy_get_property",
    "env.proxy_http_call",
    "env.proxy_increment_metric",
    "env.proxy_log",
    "env.proxy_record_metric",
    "env.proxy_remove_header_map_value",
    "env.proxy_replace_header_map_value",
    "env.proxy_send_local_response",
    "env.proxy_set_effective_context",
    "env.proxy_set_property",
    "env.proxy_set_tick_period_milliseconds",
    "wasi_snapshot_preview1.environ_get",
    "wasi_snapshot_preview1.environ_sizes_get",
    "wasi_snapshot_preview1.fd_write",
    "wasi_snapshot_preview1.proc_exit",
    "wasi_snapshot_preview1.random_get",
];

#[test]
fn the_module_imports_no_more_than_any_host_of_this_abi_provides() {
    let imports = interface::imports(module::bytes());
    assert_eq!(imports, IMPORTED);
}
