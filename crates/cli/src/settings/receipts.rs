//! The settings about receipts of rehearsals.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stopover_model::{Gate, Requirement};
use stopover_receipts::{KeyError, PublicKey, ReceiptPlace, SigningKey};

use super::{BadValue, Settings, age};
use crate::console::Failure;

/// The folder below `log_dir`.
const FOLDER: &str = "receipts";

impl Settings {
    /// How long ago a rehearsal may have begun, where one is required.
    pub(crate) fn require_rehearsal(&self) -> Result<Option<Duration>, BadValue> {
        age("require_rehearsal", self.require_rehearsal.as_deref())
    }

    /// What an apply knows of rehearsals, and whether it requires one.
    pub(crate) fn gate(&self) -> Result<Gate, Failure> {
        let place = self.receipt_place(self.receipt_public_key()?);
        let backup_max_age = self.max_age()?;
        let requirement =
            self.require_rehearsal()?.map(|max_age| Requirement { max_age, backup_max_age });
        Ok(Gate { signatures: place.signatures(), receipts: Arc::new(place), requirement })
    }

    /// Where receipts lie.
    pub(crate) fn receipt_place(&self, public_key: Option<PublicKey>) -> ReceiptPlace {
        ReceiptPlace::new(self.receipt_path(), public_key)
    }

    fn receipt_path(&self) -> PathBuf {
        self.receipt.clone().unwrap_or_else(|| self.log_dir.join(FOLDER))
    }

    /// The key that signs receipts; `None`: they are not signed.
    pub(crate) fn receipt_key(&self) -> Result<Option<SigningKey>, Failure> {
        let given = self.receipt_key.as_deref().filter(|it| !it.trim().is_empty());
        given.map(SigningKey::of_setting).transpose().map_err(|it| unusable("receipt_key", &it))
    }

    /// The key that verifies them; `None`: signatures are not looked at.
    pub(crate) fn receipt_public_key(&self) -> Result<Option<PublicKey>, Failure> {
        let Some(given) = self.receipt_public_key.as_deref() else { return Ok(None) };
        // One that is set and empty is no decision to trust everybody.
        PublicKey::of_setting(given).map(Some).map_err(|it| unusable("receipt_public_key", &it))
    }
}

fn unusable(setting: &str, error: &KeyError) -> Failure {
    Failure::usage(format!("{setting}: {error}"), error.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_is_required_for_so_long_and_receipts_lie_below_the_logs() {
        let settings = Settings {
            require_rehearsal: Some("1d".into()),
            max_age: Some("26h".into()),
            ..Settings::default()
        };
        let gate = settings.gate().expect("a gate");
        let day = Duration::from_hours(24);
        let backup_max_age = Some(Duration::from_hours(26));
        assert_eq!(gate.requirement, Some(Requirement { max_age: day, backup_max_age }));
        assert_eq!(settings.receipt_path(), std::path::Path::new("logs/receipts"));
        let none = Settings::default().gate().expect("a gate");
        assert_eq!(none.requirement, None);
    }

    #[test]
    fn an_empty_public_key_is_refused_rather_than_trusting_everybody() {
        let settings = Settings { receipt_public_key: Some(String::new()), ..Settings::default() };
        assert!(settings.gate().is_err());
        let soon = Settings { require_rehearsal: Some("soon".into()), ..Settings::default() };
        assert_eq!(soon.require_rehearsal().expect_err("no time").key, "require_rehearsal");
    }
}
