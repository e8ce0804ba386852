//! The end of a backup that is whole: its name, its manifest, the pointer to it, and which older ones
//! are kept.

use std::path::Path;
use std::time::Instant;

use stopover_backend::Backed;
use stopover_model::report::{BackupMade, BackupManifest};
use stopover_model::{Event, EventSink, Finding};
use tokio::task::spawn_blocking;

use crate::error::BackupError;
use crate::options::BackupOptions;
use crate::shelf::{Shelf, Slot, manifest_of};

/// Gives it its name, and tells of it. `began` is when the making of it began.
pub(crate) async fn finish(
    (shelf, slot): (&Shelf, Slot),
    mut manifest: BackupManifest,
    mut findings: Vec<Finding>,
    (options, began): (&BackupOptions, Instant),
    sink: &mut dyn EventSink,
) -> Result<Backed, BackupError> {
    let path = spawn_blocking(move || slot.finish()).await.map_err(BackupError::cut_off)??;
    manifest.backup.path = Some(path.display().to_string());
    manifest.backup.manifest = Some(manifest_of(&path).display().to_string());
    manifest.backup.duration_ms = began.elapsed().as_secs_f64() * 1e3;
    shelf.publish(&path, &manifest)?;
    findings.extend(kept(shelf, options, &path));
    sink.emit(finished(&manifest.backup));
    Ok(Backed { made: Some(manifest.backup), findings })
}

/// Removes what is not to be kept.
fn kept(shelf: &Shelf, options: &BackupOptions, latest: &Path) -> Vec<Finding> {
    let Some(keep) = options.keep else { return Vec::new() };
    let (removed, stayed) = shelf.prune(keep, latest);
    let removed = removed.into_iter().map(|path| {
        Finding::note("backup-removed", path, format!("removed: the newest {keep} are kept"), "")
    });
    let stayed = stayed.into_iter().map(|what| {
        Finding::warning("backup-left", "an old backup", what, "remove it, or see to its folder")
    });
    removed.chain(stayed).collect()
}

pub(crate) fn finished(made: &BackupMade) -> Event {
    Event::BackupFinished {
        path: made.path.clone(),
        bytes: made.bytes,
        duration_ms: made.duration_ms,
    }
}
