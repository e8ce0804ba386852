//! How long a scratch takes without a base, and with one: `base BACKUP [RUNS]`.
//!
//! Everything is made in the system's temporary folder, or where `STOPOVER_BENCH_DIR` says, and
//! removed again. Prints one line for each preparation, in milliseconds.

use std::path::PathBuf;
use std::time::Instant;

use stopover_backend::{ScratchProvider, Stop};
use stopover_model::Silent;
use stopover_scratch::binaries::Search;
use stopover_scratch::cache::Cache;
use stopover_scratch::provider::{BaseOptions, Keeping, PostgresScratch, ScratchRequest};
use stopover_scratch::server::Reach;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let backup = arguments.next().ok_or("name a backup")?;
    let runs = arguments.next().and_then(|it| it.to_str()?.parse().ok()).unwrap_or(5);
    let place = std::env::var_os("STOPOVER_BENCH_DIR");
    let place = place.map_or_else(std::env::temp_dir, PathBuf::from);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    let folder = tempfile::Builder::new().permissions(open).tempdir_in(place)?;
    let cache = folder.path().join("cache");
    let request = ScratchRequest {
        backup: Some(backup.into()),
        max_age: None,
        scratch_url: None,
        target_url: None,
        require_scratch_url: false,
        search: Search::from_environment(None),
        folder: Some(folder.path().to_owned()),
        template_cache: Some(cache.join("templates")),
        bases: Some(BaseOptions {
            folder: cache.join("bases"),
            limit: u64::MAX,
            keeping: Keeping::Always,
        }),
        fsync: false,
        reach: Reach::Socket,
        as_role: None,
    };
    let without = ScratchRequest { bases: None, ..request.clone() };
    prepare("without base", without).await?;
    prepare("cold, kept", request.clone()).await?;
    for _ in 0..runs {
        prepare("warm", request.clone()).await?;
    }
    let bytes: u64 = Cache::open(&cache)?.bases()?.iter().map(|it| it.bytes).sum();
    println!("base: {bytes} bytes; {}", std::fs::read_to_string(cache.join("bases/ways"))?.trim());
    Ok(())
}

async fn prepare(name: &str, request: ScratchRequest) -> Result<(), Box<dyn std::error::Error>> {
    let mut provider = PostgresScratch::new(request);
    let began = Instant::now();
    let prepared = provider.prepare(&Stop::never(), &mut Silent).await?;
    let ready = began.elapsed().as_secs_f64() * 1e3;
    let began = Instant::now();
    let left = provider.discard().await;
    let discard = began.elapsed().as_secs_f64() * 1e3;
    let whole = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
    println!(
        "{name:12} ready {ready:7.0}  restore {:>6}  base {:>6}  discard {discard:5.0}  {:?}",
        whole(prepared.restore_ms),
        whole(prepared.base_ms),
        prepared.scratch.base_copy,
    );
    for finding in prepared.findings.iter().chain(&left) {
        if finding.code.starts_with("base") {
            println!("  {}: {}", finding.code, finding.message);
        }
    }
    Ok(())
}
