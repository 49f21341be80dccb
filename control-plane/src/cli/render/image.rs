//! `gatepass render image`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::super::output;
use crate::render::image::{self, Image};

/// What `gatepass render image` takes.
#[derive(Clone, Debug, Args)]
pub struct ImageArgs {
    /// The filter's module
    #[arg(long, env = "GATEPASS_MODULE", default_value = "dist/gatepass.wasm", value_name = "FILE")]
    module: PathBuf,
    /// Commit of the source, for the image's annotations. Another one gives another digest
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// Folder of the image layout; one that is there is replaced
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
}

pub(super) fn image(args: &ImageArgs) -> anyhow::Result<()> {
    let path = args.module.display();
    let module = std::fs::read(&args.module).with_context(|| {
        format!("cannot read the module {path}: run `make build`, or name the file with --module")
    })?;
    let image = Image::new(&module, args.revision.as_deref());
    let image =
        image.with_context(|| format!("{path} is no WebAssembly module: name another file with --module"))?;
    image::write(&args.output, &image)?;
    output::print(&format!("{}\n", image.digest())).context("cannot print the digest")
}
