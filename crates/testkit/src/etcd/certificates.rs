//! Certificates for an etcd and its clients: of an authority that both know, and of another.

use std::{fs, path::Path};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// Writes `ca.pem`, the pairs `server` and `client` (`.pem` and `.key`), and `other-ca.pem` into a folder.
pub fn write(folder: &Path) -> Result<()> {
    let authority = authority()?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    fs::write(folder.join("other-ca.pem"), self::authority()?.pem())?;
    for name in ["server", "client"] {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        // An etcd asks itself, too, by the certificate of the server.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &authority)?;
        fs::write(folder.join(format!("{name}.pem")), certificate.pem())?;
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    }
    Ok(())
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}
