//! Finds the page to try REST, which is no part of the sources: `scripts/tool swagger-ui` installs it, and the Makefile
//! says where. Without it the program is whole but for that page.

use std::path::Path;

/// Where the files are, each with the variable that names it to the code.
const FILES: [(&str, &str); 4] = [
    ("swagger-ui-bundle.js.gz", "GATEPASS_DOCS_SCRIPT"),
    ("swagger-ui.css.gz", "GATEPASS_DOCS_STYLE"),
    ("LICENSE", "GATEPASS_DOCS_LICENSE"),
    ("NOTICE", "GATEPASS_DOCS_NOTICE"),
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(api_docs)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GATEPASS_API_DOCS");
    let Some(folder) = std::env::var_os("GATEPASS_API_DOCS").filter(|folder| !folder.is_empty()) else {
        return missing("GATEPASS_API_DOCS is not set");
    };
    for (name, variable) in FILES {
        let file = Path::new(&folder).join(name);
        println!("cargo::rerun-if-changed={}", file.display());
        if !file.is_file() {
            return missing(&format!("there is no {}", file.display()));
        }
        println!("cargo::rustc-env={variable}={}", file.display());
    }
    println!("cargo::rustc-cfg=api_docs");
}

fn missing(why: &str) {
    println!("cargo::warning=built without the page at /api/docs ({why}): `make build` builds it in");
}
