//! Finds what browsers get and is no part of the sources: `scripts/tool` installs it, and the Makefile says where. Without
//! it the program is whole but for that.

use std::path::Path;

/// Something that may be built in.
struct Part {
    /// What says that it is.
    cfg: &'static str,
    /// The variable that names its folder.
    folder: &'static str,
    /// Its files, each with the variable that names it to the code.
    files: &'static [(&'static str, &'static str)],
    /// What is missing without it.
    missing: &'static str,
}

const PARTS: [Part; 2] = [
    Part {
        cfg: "api_docs",
        folder: "GATEPASS_API_DOCS",
        files: &[
            ("swagger-ui-bundle.js.gz", "GATEPASS_DOCS_SCRIPT"),
            ("swagger-ui.css.gz", "GATEPASS_DOCS_STYLE"),
            ("LICENSE", "GATEPASS_DOCS_LICENSE"),
            ("NOTICE", "GATEPASS_DOCS_NOTICE"),
        ],
        missing: "the page at /api/docs",
    },
    Part {
        cfg: "htmx",
        folder: "GATEPASS_HTMX",
        files: &[("dist/htmx.min.js.gz", "GATEPASS_HTMX_SCRIPT")],
        missing: "what renews parts of the pages (they are loaded whole)",
    },
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for part in PARTS {
        println!("cargo::rustc-check-cfg=cfg({})", part.cfg);
        println!("cargo::rerun-if-env-changed={}", part.folder);
        match find(&part) {
            Ok(()) => println!("cargo::rustc-cfg={}", part.cfg),
            Err(why) => {
                println!("cargo::warning=built without {} ({why}): `make build` builds it in", part.missing);
            }
        }
    }
}

fn find(part: &Part) -> Result<(), String> {
    let folder = std::env::var_os(part.folder).filter(|folder| !folder.is_empty());
    let folder = folder.ok_or_else(|| format!("{} is not set", part.folder))?;
    for (name, variable) in part.files {
        let file = Path::new(&folder).join(name);
        println!("cargo::rerun-if-changed={}", file.display());
        if !file.is_file() {
            return Err(format!("there is no {}", file.display()));
        }
        println!("cargo::rustc-env={variable}={}", file.display());
    }
    Ok(())
}
