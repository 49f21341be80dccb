//! What a module exports and imports.

use wasmparser::{Parser, Payload};

/// The names of a module's exports, sorted.
pub fn exports(module: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload.expect("a module that can be parsed") {
            names.extend(section.into_iter().map(|export| export.expect("an export").name.to_owned()));
        }
    }
    names.sort();
    names
}

/// A module's imports as `module.name`, sorted.
pub fn imports(module: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload.expect("a module that can be parsed") {
            let name = |import: wasmparser::Import<'_>| format!("{}.{}", import.module, import.name);
            names.extend(section.into_imports().map(|import| name(import.expect("an import"))));
        }
    }
    names.sort();
    names
}
