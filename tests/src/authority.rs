//! A certificate authority for the length of a test, so that clients have something to verify.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Puts a certificate for `localhost`, and for no other name, where Envoy looks for it in a data folder, and returns the
/// file of the authority that issued it.
///
/// # Panics
/// When a certificate cannot be made or written.
pub fn issue_for_localhost(data: &Path) -> PathBuf {
    let folder = data.join("envoy");
    std::fs::create_dir_all(&folder).expect("the data folder");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "An authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("a certificate authority");
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");

    let file = folder.join("test-ca.crt");
    for (path, pem) in [
        (&folder.join("tls.key"), key.serialize_pem()),
        (&folder.join("tls.crt"), certificate.pem()),
        (&file, authority.pem()),
    ] {
        std::fs::write(path, pem).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    file
}
