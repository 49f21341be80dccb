//! The filter in a host other than Envoy: `proxy-wasm-host`, which runs the module on wasmtime, in this process.
//!
//! It shows two things that Envoy cannot. The rules hold where the host is another one: nothing rests on what Envoy
//! alone does. And every call that the module makes can be seen: each is a way out of the VM that costs up to two
//! microseconds of every request.

pub mod calls;
pub mod exchange;
pub mod gate;
pub mod interface;
pub mod module;
pub mod request;
pub mod traced;
