//! A module → the same module, telling of each call that it makes.
//!
//! The host answers some calls itself and asks nobody (`proxy_get_property` of the plugin's name, the buffer of its
//! configuration, all of WASI), so what reaches a test's own code is not all that leaves the VM. Therefore every import
//! is wrapped: a call of import `i` first logs, at the level that the filter never uses, a message of `i` bytes.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Function, FunctionSection, Module};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Parser, Payload, TypeRef};

/// The level of the messages that tell of a call: `LogLevel::Trace`.
const LEVEL: i32 = 0;

/// A module that tells of its calls.
pub struct Traced {
    /// Its bytes.
    pub module: Vec<u8>,
    /// The names of its imports, by index.
    pub imports: Vec<String>,
}

/// Wraps every import of `module`.
pub fn trace(module: &[u8]) -> Traced {
    let mut wrap = Wrap::new(module);
    let mut traced = Module::new();
    wrap.parse_core_module(&mut traced, Parser::new(0), module).expect("a module that can be written again");
    Traced { module: traced.finish(), imports: wrap.imports.into_iter().map(|import| import.name).collect() }
}

struct Import {
    name: String,
    type_index: u32,
    parameters: u32,
}

struct Wrap {
    imports: Vec<Import>,
    /// Functions of the module itself; the wrappers come after them.
    defined: u32,
    log: u32,
}

impl Wrap {
    fn new(module: &[u8]) -> Self {
        let mut types = Vec::new();
        let mut imports = Vec::new();
        let mut defined = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload.expect("a module that can be parsed") {
                Payload::TypeSection(section) => {
                    types = section.into_iter_err_on_gc_types().map(|kind| kind.expect("a type")).collect();
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.expect("an import");
                        let TypeRef::Func(type_index) = import.ty else {
                            panic!("{} is no function", import.name)
                        };
                        let parameters = types[type_index as usize].params().len() as u32;
                        imports.push(Import { name: import.name.to_owned(), type_index, parameters });
                    }
                }
                Payload::FunctionSection(section) => defined = section.count(),
                _ => {}
            }
        }
        let log = imports.iter().position(|import| import.name == "proxy_log").expect("the filter logs");
        Self { imports, defined, log: log as u32 }
    }

    fn imported(&self) -> u32 {
        self.imports.len() as u32
    }

    /// Logs `index` bytes from address 0, then calls the import with the wrapper's own parameters.
    fn wrapper(&self, index: u32) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.i32_const(LEVEL).i32_const(0).i32_const(index as i32).call(self.log).drop();
        for parameter in 0..self.imports[index as usize].parameters {
            code.local_get(parameter);
        }
        code.call(index).end();
        function
    }
}

impl Reencode for Wrap {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(if index < self.imported() { self.imported() + self.defined + index } else { index })
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_function_section(self, functions, section)?;
        for import in &self.imports {
            functions.function(import.type_index);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, code, section)?;
        for index in 0..self.imported() {
            code.function(&self.wrapper(index));
        }
        Ok(())
    }
}
