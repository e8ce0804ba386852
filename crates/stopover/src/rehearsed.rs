//! What a run asks of the rehearsal before it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stopover_model::{Gate, Requirement};
use stopover_receipts::{PublicKey, ReceiptPlace};

use crate::Error;

/// The settings of the gate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rehearsed {
    pub(crate) max_age: Option<Duration>,
    pub(crate) place: Option<PathBuf>,
    public_key: Option<PublicKey>,
}

impl Rehearsed {
    pub(crate) fn trust(&mut self, key: &str) -> Result<(), Error> {
        let key = PublicKey::of_setting(key).map_err(|error| Error::Settings {
            message: format!("the public key of receipts cannot be used: {error}"),
            remedy: error.remedy().to_owned(),
        })?;
        self.public_key = Some(key);
        Ok(())
    }

    /// Nothing is read where nothing is asked for.
    pub(crate) fn gate(&self) -> Gate {
        if self.max_age.is_none() && self.place.is_none() {
            return Gate::default();
        }
        let path = self.place.clone().unwrap_or_else(|| PathBuf::from("logs/receipts"));
        let place = ReceiptPlace::new(path, self.public_key.clone());
        let requirement = self.max_age.map(|max_age| Requirement { max_age, backup_max_age: None });
        Gate { signatures: place.signatures(), receipts: Arc::new(place), requirement }
    }
}
