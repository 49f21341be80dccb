//! The certificate of the TLS listener on a machine that has none yet.

use std::path::{Path, PathBuf};

use crate::data_folder::{FolderError, write_private};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Half of a pair is no use, and what is there is not ours to replace.
    #[error(
        "{0} is there but {1} is not: put the missing one beside it, or remove it to have both made anew"
    )]
    Half(PathBuf, PathBuf),
    /// Not written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Not made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Makes a self-signed certificate for this machine's loopback names in `folder`, unless there is one: `tls.crt` and
/// `tls.key`, which only their owner can read. Says whether it made one.
///
/// # Errors
/// Half a pair, or files that cannot be written.
pub fn ensure(folder: &Path) -> Result<bool, CertificateError> {
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    // A link that leads nowhere is there, too: it is the operator's own arrangement.
    match (is_there(&certificate), is_there(&key)) {
        (true, true) => return Ok(false),
        (true, false) => return Err(CertificateError::Half(certificate, key)),
        (false, true) => return Err(CertificateError::Half(key, certificate)),
        (false, false) => {}
    }
    // rcgen's own validity, which outlives everyone: nothing would renew it, and it is trusted by name only.
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    write_private(&key, made.signing_key.serialize_pem().as_bytes())?;
    write_private(&certificate, made.cert.pem().as_bytes())?;
    Ok(true)
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_pair_is_made_once_and_the_key_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ensure(folder.path()).unwrap());
        let key = std::fs::read(folder.path().join("tls.key")).unwrap();
        assert!(!ensure(folder.path()).unwrap());
        assert_eq!(std::fs::read(folder.path().join("tls.key")).unwrap(), key);
        for name in ["tls.key", "tls.crt"] {
            let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn half_a_pair_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tls.crt"), "mine").unwrap();
        assert!(matches!(ensure(folder.path()), Err(CertificateError::Half(..))));
        assert!(!is_there(&folder.path().join("tls.key")));
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        for name in ["tls.crt", "tls.key"] {
            symlink(&elsewhere, folder.path().join(name)).unwrap();
        }
        // A pair of links is the operator's own arrangement; Envoy will say if it leads nowhere.
        assert!(!ensure(folder.path()).unwrap());
        assert!(!elsewhere.exists());
    }
}
