//! The module under test, compiled once for all tests.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proxy_wasm_host::abi::v0_2_1::Host;
use proxy_wasm_host::{Engine, Module};

use crate::traced;

/// A compiled module and the host that can run it.
pub struct Compiled {
    /// The host's functions.
    pub host: Host,
    /// The machine code.
    pub module: Module,
    /// The module's imports by index if it was made to tell of each call; see [`traced`].
    pub imports: Vec<String>,
}

/// The bytes of the module that is shipped, or of `GATEPASS_TEST_MODULE`.
pub fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/gatepass.wasm");
        let path = std::env::var_os("GATEPASS_TEST_MODULE").map_or(shipped, PathBuf::from);
        std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}. Run `make module`, or set GATEPASS_TEST_MODULE.", path.display())
        })
    })
}

/// The module as it is shipped.
pub fn shipped() -> &'static Compiled {
    static SHIPPED: OnceLock<Compiled> = OnceLock::new();
    SHIPPED.get_or_init(|| compile(bytes(), Vec::new()))
}

/// The same module, telling of each call that it makes.
pub fn traced() -> &'static Compiled {
    static TRACED: OnceLock<Compiled> = OnceLock::new();
    TRACED.get_or_init(|| {
        let traced = traced::trace(bytes());
        compile(&traced.module, traced.imports)
    })
}

fn compile(bytes: &[u8], imports: Vec<String>) -> Compiled {
    let engine = Engine::new().expect("an engine");
    let module = Module::new(&engine, bytes).expect("a module that compiles");
    let host = Host::new(&engine).expect("the host's functions");
    Compiled { host, module, imports }
}
