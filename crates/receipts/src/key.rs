//! A pair of Ed25519 keys (RFC 8032): one signs where rehearsals are held, the other verifies where
//! migrations are applied, and can sign nothing.
//!
//! A key is one line of text: what it is, a colon, and 64 hex digits (of a signing key its seed). A
//! file with a key may have lines that begin with `#`.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use stopover_model::{Receipt, SIGNATURE_ALGORITHM, Signature, SignatureSeen};
use thiserror::Error;

const SIGNING: &str = "stopover-signing-key-1:";
const PUBLIC: &str = "stopover-public-key-1:";
/// A file that is larger holds no key.
const LARGEST: u64 = 4_096;

/// A key that cannot be had. Its text never holds what was read.
#[derive(Debug, Error)]
pub enum KeyError {
    /// There is no such file, or it cannot be read.
    #[error("the key's file {} cannot be read: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Others may read the file with the signing key.
    #[error("others may read the signing key in {} (mode {mode:o})", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// What was read is no key of this kind.
    #[error("what is there is no {wanted}: it begins with {begins} and goes on with 64 hex digits")]
    Form {
        /// What was expected.
        wanted: &'static str,
        /// How that begins.
        begins: &'static str,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Chance,
}

impl KeyError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File { .. } => {
                "name a file with a key; `stopover receipt keygen FILE` makes a pair"
            }
            Self::Open { .. } => "keep it from others: chmod 600, and make a new pair if in doubt",
            Self::Form { .. } => {
                "`stopover receipt keygen FILE` makes a pair: the file is the signing key, what is \
                 printed the public one"
            }
            Self::Chance => "look at what keeps the system's random source from working",
        }
    }
}

/// The private half.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

impl SigningKey {
    /// Makes a pair, and writes the private half into a new file that nobody else may read.
    ///
    /// # Errors
    /// Where the file is there already or cannot be written, or there are no random numbers.
    pub fn generate(path: &Path) -> Result<Self, KeyError> {
        let seed: [u8; 32] =
            ring::rand::generate(&SystemRandom::new()).map_err(|_| KeyError::Chance)?.expose();
        let key = Self::of_seed(&seed)?;
        let text = format!(
            "# Signs receipts of Stopover's rehearsals: keep it where they are held, and nowhere \
             else.\n# Its public half: {}\n{SIGNING}{}\n",
            key.public(),
            hex(&seed)
        );
        let write = || {
            let mut options = fs::OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| KeyError::File { path: path.to_owned(), error })?;
        Ok(key)
    }

    /// The key that a setting means: the key itself, or a file with it that only its owner may
    /// read.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of_setting(setting: &str) -> Result<Self, KeyError> {
        let form = KeyError::Form { wanted: "signing key", begins: SIGNING };
        let text = if may_be_key(setting) {
            setting.to_owned()
        } else {
            let path = Path::new(setting);
            let text = read(path)?;
            let failed = |error| KeyError::File { path: path.to_owned(), error };
            let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Open { path: path.to_owned(), mode });
            }
            text
        };
        Self::of_seed(&digits(&text, SIGNING).ok_or(form)?)
    }

    fn of_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let form = |_| KeyError::Form { wanted: "signing key", begins: SIGNING };
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(form)
    }

    /// The half that everybody may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs a receipt; a signature that it had is replaced.
    pub fn sign(&self, receipt: &mut Receipt) {
        receipt.signature = Some(Signature {
            algorithm: SIGNATURE_ALGORITHM.to_owned(),
            public_key: self.public().to_string(),
            value: hex(self.0.sign(&receipt.signed_bytes()).as_ref()),
        });
    }
}

/// The half that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", hex(&self.0))
    }
}

impl PublicKey {
    /// The key that a setting means: the key itself, or a file with it.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of_setting(setting: &str) -> Result<Self, KeyError> {
        let text = if may_be_key(setting) { setting.to_owned() } else { read(Path::new(setting))? };
        let form = KeyError::Form { wanted: "public key", begins: PUBLIC };
        digits(&text, PUBLIC).map(Self).ok_or(form)
    }

    /// Whether a receipt that was read, of which `signed` is the signed text, is vouched for by the
    /// other half of this key.
    #[must_use]
    pub fn verify(&self, receipt: &Receipt, signed: &[u8]) -> SignatureSeen {
        let Some(signature) = &receipt.signature else { return SignatureSeen::Missing };
        if signature.algorithm != SIGNATURE_ALGORITHM {
            return SignatureSeen::Bad(format!(
                "its signature is none of {SIGNATURE_ALGORITHM}, the one kind that is known"
            ));
        }
        if digits(&signature.public_key, PUBLIC) != Some(self.0) {
            return SignatureSeen::Bad(
                "it was signed with another key than the one that receipt_public_key names"
                    .to_owned(),
            );
        }
        let value = bytes(&signature.value).unwrap_or_default();
        match UnparsedPublicKey::new(&ED25519, self.0).verify(signed, &value) {
            Ok(()) => SignatureSeen::Good,
            Err(_) => SignatureSeen::Bad(
                "its signature does not fit what it says: it was changed after it was signed"
                    .to_owned(),
            ),
        }
    }
}

/// A setting that means a key, as it may be shown: a file's path, and of a key nothing.
#[must_use]
pub fn shown_setting(setting: &str) -> &str {
    let is_public = setting.trim().starts_with(PUBLIC);
    if may_be_key(setting) && !is_public { "***" } else { setting }
}

/// Whether a text is meant as a key rather than as a path, well formed or not: then it is shown to
/// nobody, in no error either.
fn may_be_key(setting: &str) -> bool {
    const LONG: usize = 32;
    let is_long = |it: &str| it.len() >= LONG;
    (setting.trim().starts_with("stopover-") && setting.contains(':'))
        || setting.split(|it: char| !it.is_ascii_hexdigit()).any(is_long)
}

fn read(path: &Path) -> Result<String, KeyError> {
    let failed = |error| KeyError::File { path: path.to_owned(), error };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(failed)?;
    match file.take(LARGEST).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        // Bytes that are no text are no key either, and say nothing of themselves.
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(String::new()),
        Err(error) => Err(failed(error)),
    }
}

/// The 32 bytes of the first line that is no remark.
fn digits(text: &str, begins: &str) -> Option<[u8; 32]> {
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    bytes(lines.next()?.strip_prefix(begins)?)?.try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::samples::receipt;

    fn pair() -> SigningKey {
        SigningKey::of_seed(&[7; 32]).expect("a key")
    }

    fn verified(key: &PublicKey, receipt: &Receipt) -> SignatureSeen {
        let text = serde_json::to_string_pretty(receipt).expect("JSON");
        let (receipt, signed) = Receipt::read(&text).expect("a receipt");
        key.verify(&receipt, &signed)
    }

    #[test]
    fn a_signed_receipt_is_vouched_for_until_a_word_of_it_is_changed() {
        let (key, mut receipt) = (pair(), receipt());
        assert_eq!(verified(&key.public(), &receipt), SignatureSeen::Missing);
        key.sign(&mut receipt);
        assert_eq!(verified(&key.public(), &receipt), SignatureSeen::Good);
        let mut changed = receipt.clone();
        changed.grounds.plan_hash.push('0');
        let said = verified(&key.public(), &changed);
        assert!(matches!(said, SignatureSeen::Bad(why) if why.contains("changed")));
        let mut longer = receipt.clone();
        longer.migrations[0].predicted_ms = Some(1);
        assert!(matches!(verified(&key.public(), &longer), SignatureSeen::Bad(_)));
        let mut cut = receipt;
        cut.signature.as_mut().expect("a signature").value.truncate(10);
        assert!(matches!(verified(&key.public(), &cut), SignatureSeen::Bad(_)));
    }

    /// Receipts that are signed today are verified by later versions: neither what is signed nor how
    /// may change without another form.
    #[test]
    fn the_signature_of_a_receipt_stays_the_same_from_version_to_version() {
        let mut receipt = receipt();
        pair().sign(&mut receipt);
        let signed = String::from_utf8(receipt.signed_bytes()).expect("UTF-8");
        let begins = r#"{"backup":{"age_ms":null,"bytes":null,"server_version":null,"sha256":null},"database""#;
        assert_eq!(signed.get(..70), begins.get(..70), "{signed}");
        let value = receipt.signature.expect("a signature").value;
        let (begins, ends) = (value.get(..16), value.get(112..));
        assert_eq!((begins, ends), (Some("ef6b29b854ddce0a"), Some("964453c9f839610b")), "{value}");
    }

    #[test]
    fn another_keys_signature_is_none() {
        let mut receipt = receipt();
        pair().sign(&mut receipt);
        let other = SigningKey::of_seed(&[8; 32]).expect("a key").public();
        let said = verified(&other, &receipt);
        assert!(matches!(said, SignatureSeen::Bad(why) if why.contains("another key")));
        // Whoever changes the name of the key has still not signed with it.
        receipt.signature.as_mut().expect("a signature").public_key = other.to_string();
        let said = verified(&other, &receipt);
        assert!(matches!(said, SignatureSeen::Bad(why) if why.contains("changed")));
    }

    #[test]
    fn keys_are_text_and_a_file_with_a_signing_key_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let key = SigningKey::generate(&path).expect("a key");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let setting = path.to_str().expect("a path");
        assert_eq!(SigningKey::of_setting(setting).expect("a key").public(), key.public());
        let line = fs::read_to_string(&path).expect("text");
        let line = line.lines().last().expect("a line");
        assert_eq!(SigningKey::of_setting(line).expect("a key").public(), key.public());
        let public = key.public().to_string();
        assert_eq!(PublicKey::of_setting(&public).expect("a key"), key.public());
        assert!(matches!(SigningKey::generate(&path), Err(KeyError::File { .. })), "it is there");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("permissions");
        let said = SigningKey::of_setting(setting).expect_err("open").to_string();
        assert!(said.ends_with("(mode 640)"), "{said}");
    }

    #[test]
    fn what_is_no_key_is_not_shown() {
        let secret = format!("{SIGNING}{}", "12".repeat(31));
        let said = SigningKey::of_setting(&secret).expect_err("too short");
        assert!(!format!("{said} {said:?}").contains("1212"), "{said:?}");
        for secret in [secret, "12".repeat(32), format!("key-2:{}", "12".repeat(32))] {
            let (public, private) =
                (PublicKey::of_setting(&secret), SigningKey::of_setting(&secret));
            let said = format!("{public:?} {private:?} {}", shown_setting(&secret));
            assert!(!said.contains("1212") && said.contains("***"), "{said}");
        }
        assert_eq!(shown_setting("/etc/stopover/key"), "/etc/stopover/key");
        let public = pair().public().to_string();
        assert_eq!(shown_setting(&public), public);
        assert!(!format!("{:?}", pair()).contains("0707"));
    }
}
