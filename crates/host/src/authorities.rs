//! The certificate authorities that this host trusts: Mozilla's and those in `OGE_CA_FILE`.

use std::path::Path;

use oge_tools::error::Fault;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The first byte of every certificate in DER form (an ASN.1 sequence).
const DER: u8 = 0x30;
const BEGIN: &str = "-----BEGIN";

/// Returns Mozilla's authorities and those in the file `more`.
pub(crate) fn read(more: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    if let Some(path) = more {
        trust(&mut roots, path).map_err(|problem| {
            let problem = format!("names {}, which {problem}", path.display());
            Fault::Setting("OGE_CA_FILE", problem).into_failure("settings")
        })?;
    }
    Ok(roots)
}

fn trust(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let unreadable = |error| format!("cannot be read: {error}");
    // A pipe or a device might never end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let certificates = certificates(&std::fs::read(path).map_err(unreadable)?)?;
    for (index, certificate) in certificates.into_iter().enumerate() {
        roots.add(certificate).map_err(|_| damaged(index))?;
    }
    Ok(())
}

/// Reads the certificates of a file: one in DER form or any number in PEM form.
fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    if bytes.first() == Some(&DER) {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is in UTF-16; save it as UTF-8".to_owned());
    }
    // The parser finds BEGIN at the start of a line only. A byte order mark may precede it, and so may
    // the last line of another file if files were concatenated.
    let text =
        String::from_utf8_lossy(bytes).replace('\r', "\n").replace(BEGIN, &["\n", BEGIN].concat());
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).enumerate();
    let certificates: Vec<_> = certificates
        .map(|(index, certificate)| certificate.map_err(|_| damaged(index)))
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(format!(
            "holds no certificate; one in PEM form begins with {BEGIN} CERTIFICATE-----"
        ));
    }
    Ok(certificates)
}

fn damaged(index: usize) -> String {
    format!("has a certificate that cannot be read, number {}", index + 1)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustls::pki_types::TrustAnchor;
    use tempfile::NamedTempFile;

    use super::*;

    /// An authority made by `openssl req -x509` for this test, in PEM form.
    const PEM: &str = include_str!("authorities/test.pem");

    fn added(bytes: &[u8]) -> Result<usize, String> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let before: &[TrustAnchor<'_>] = webpki_roots::TLS_SERVER_ROOTS;
        match read(Some(file.path())) {
            Ok(roots) => Ok(roots.len() - before.len()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn pem_and_der_certificates_are_read_in_every_usual_form() {
        let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
        let with_bom = format!("\u{feff}{PEM}");
        let windows = PEM.replace('\n', "\r\n");
        for (count, form) in [
            (1, PEM.as_bytes()),
            (1, &der),
            (1, with_bom.as_bytes()),
            (1, windows.as_bytes()),
            (1, PEM.trim().as_bytes()),
            (1, PEM.replace('\n', "\r").as_bytes()),
            (2, format!("{with_bom}{with_bom}").as_bytes()),
            (2, format!("{}{PEM}", PEM.trim()).as_bytes()),
            (1, [b"# \xd6\xa4\xca\xe9\n", PEM.as_bytes()].concat().as_slice()),
        ] {
            assert_eq!(added(form), Ok(count), "{}", String::from_utf8_lossy(form));
        }
    }

    #[test]
    fn an_unusable_file_fails_with_the_setting_and_the_cause() {
        let utf16: Vec<u8> =
            [0xfeff].into_iter().chain(PEM.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let cut = PEM.replace("MII", "M!I");
        for (bytes, cause) in [
            (&b""[..], "holds no certificate"),
            (
                b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
                "holds no certificate",
            ),
            (b"\x30\x03\x02\x01\x03", "cannot be read, number 1"),
            (cut.as_bytes(), "cannot be read, number 1"),
            (&utf16, "UTF-16"),
        ] {
            let error = added(bytes).unwrap_err();
            assert!(error.contains("OGE_CA_FILE names /") && error.contains(cause), "{error}");
        }
        for (path, cause) in [
            ("/no/such/file", "cannot be read"),
            ("/dev/zero", "is not a file"),
            ("/", "is not a file"),
        ] {
            let error = read(Some(Path::new(path))).unwrap_err().to_string();
            assert!(error.contains(&format!("OGE_CA_FILE names {path}, which {cause}")), "{error}");
        }
    }
}
