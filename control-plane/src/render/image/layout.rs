//! An image layout: a folder that `skopeo copy`, `crane push` and `oras cp` push from
//! (<https://github.com/opencontainers/image-spec/blob/main/image-layout.md>).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Image, digest};

/// Why a layout could not be written or read, as a sentence.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Something else is there.
    #[error("{} is not empty and no image layout: name another folder", .0.display())]
    Other(PathBuf),
    /// The system said no.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No layout, or not of one image.
    #[error("{} is no image layout of one image: make one with `gatepass render image`", .0.display())]
    Unreadable(PathBuf),
}

/// Makes `folder` the layout of `image` and of nothing else. Its index is replaced last: up to then an earlier image
/// stays the one that is pushed.
///
/// # Errors
/// The folder holds something else, or cannot be written.
pub fn write(folder: &Path, image: &Image) -> Result<(), LayoutError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| LayoutError::Unwritable { path, source }
    };
    let is_empty = || fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if !folder.join("oci-layout").is_file() && !is_empty() {
        return Err(LayoutError::Other(folder.to_owned()));
    }
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(failed(&blobs))?;
    let put = |path: PathBuf, content: &[u8]| {
        let new = path.with_extension("new");
        fs::write(&new, content).and_then(|()| fs::rename(&new, &path)).map_err(failed(&path))
    };
    put(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let contents = [&image.layer, &image.config, &image.manifest];
    let names = contents.map(|blob| digest(blob).trim_start_matches("sha256:").to_owned());
    for (name, content) in names.iter().zip(contents) {
        put(blobs.join(name), content)?;
    }
    put(folder.join("index.json"), image.index().to_string().as_bytes())?;
    // What only an earlier image had.
    for entry in fs::read_dir(&blobs).map_err(failed(&blobs))?.flatten() {
        if !names.iter().any(|name| entry.file_name() == name.as_str()) {
            fs::remove_file(entry.path()).map_err(failed(&entry.path()))?;
        }
    }
    Ok(())
}

/// The digest (hex) of the image in `folder`.
///
/// # Errors
/// It is no layout of one image.
pub fn digest_of(folder: &Path) -> Result<String, LayoutError> {
    let read = || {
        let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).ok()?).ok()?;
        let [manifest] = index["manifests"].as_array()?.as_slice() else { return None };
        Some(manifest["digest"].as_str()?.strip_prefix("sha256:")?.to_owned())
    };
    read().ok_or_else(|| LayoutError::Unreadable(folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(version: u8) -> Image {
        Image::new(&[0, b'a', b's', b'm', version], None).unwrap()
    }

    #[test]
    fn a_layout_holds_one_image_and_takes_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        for version in [1, 2, 2] {
            let image = image(version);
            write(&path, &image).unwrap();
            assert_eq!(format!("sha256:{}", digest_of(&path).unwrap()), image.digest());
            let blobs = fs::read_dir(path.join("blobs/sha256")).unwrap().flatten();
            let mut whole = 0;
            for blob in blobs {
                let content = fs::read(blob.path()).unwrap();
                assert_eq!(digest(&content), format!("sha256:{}", blob.file_name().to_str().unwrap()));
                whole += 1;
            }
            assert_eq!(whole, 3);
        }
    }

    #[test]
    fn a_folder_with_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes"), "x").unwrap();
        assert!(matches!(write(folder.path(), &image(1)), Err(LayoutError::Other(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(matches!(digest_of(folder.path()), Err(LayoutError::Unreadable(_))));
    }
}
