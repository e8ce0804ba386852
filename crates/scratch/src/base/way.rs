//! Ways to copy a file, and which of them is the fastest here.
//!
//! - a clone shares the file's blocks (`FICLONE` of btrfs and XFS): it takes no time and no space,
//!   and what is written to later costs a little more;
//! - the kernel copies (`copy_file_range`);
//! - we copy, through a buffer. On some file systems that beats the kernel.
//!
//! An overlay mount is no way here, although it is the fastest to set up: PostgreSQL opens every file
//! for writing, also to read it, and that makes the overlay copy the whole file. One row of a table
//! of 820 MB took 771 ms instead of 0.1: a migration would be said to hold its locks that long.
//!
//! Where cloning is refused, the other two are measured side by side while a base is made, which
//! copies everything anyway; the faster one is remembered for the starts to come.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Small enough for the processor's cache.
const BUFFER: usize = 128 << 10;

/// Smaller files say nothing about speed.
const TELLING: u64 = 1 << 20;

/// A way to copy a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Blocks are shared.
    Clone,
    /// The kernel copies.
    Kernel,
    /// We copy.
    Buffer,
}

/// Which side of a copy failed.
#[derive(Debug)]
pub(super) enum CopyFault {
    /// What is copied.
    Read(io::Error),
    /// Where it goes.
    Write(io::Error),
}

/// Which ways are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ways {
    /// Cloning where it is possible, else this one.
    Known(Way),
    /// Cloning where it is possible, else the others in turns.
    Measured,
}

/// How much was copied in which way, and how long it took.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    cloned: u64,
    copied: u64,
    refused: bool,
    kernel: Speed,
    buffer: Speed,
}

#[derive(Debug, Default, Clone, Copy)]
struct Speed {
    bytes: u64,
    time: Duration,
}

impl Speed {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.time += other.time;
    }

    fn per_second(self) -> f64 {
        self.bytes as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

impl Gauge {
    pub(super) fn add(&mut self, other: &Self) {
        self.cloned += other.cloned;
        self.copied += other.copied;
        self.refused |= other.refused;
        self.kernel.add(other.kernel);
        self.buffer.add(other.buffer);
    }

    /// Whether all that counts shares its blocks.
    pub(super) fn is_clone(&self) -> bool {
        self.cloned > 0 && self.copied == 0
    }

    /// The fastest way, as far as this copy can tell.
    pub(super) fn fastest(&self) -> Option<Way> {
        if self.is_clone() {
            return Some(Way::Clone);
        }
        let measured = self.kernel.bytes.min(self.buffer.bytes) >= 16 * TELLING;
        measured.then(|| {
            let kernel = self.kernel.per_second() >= self.buffer.per_second();
            if kernel { Way::Kernel } else { Way::Buffer }
        })
    }

    fn speed(&mut self, way: Way) -> &mut Speed {
        if way == Way::Buffer { &mut self.buffer } else { &mut self.kernel }
    }
}

impl Ways {
    /// Copies a whole file into an empty one.
    pub(super) fn copy(
        self,
        from: &File,
        to: &File,
        bytes: u64,
        holes: bool,
        gauge: &mut Gauge,
    ) -> Result<(), CopyFault> {
        if bytes == 0 {
            return Ok(());
        }
        let try_clone = matches!(self, Self::Measured | Self::Known(Way::Clone));
        if try_clone && !gauge.refused {
            if system::clone(from, to) {
                gauge.cloned += bytes;
                return Ok(());
            }
            gauge.refused = true;
        }
        let way = match self {
            Self::Known(Way::Buffer) => Way::Buffer,
            // The one that has had less so far.
            Self::Measured if gauge.buffer.bytes < gauge.kernel.bytes => Way::Buffer,
            Self::Known(_) | Self::Measured => Way::Kernel,
        };
        let began = Instant::now();
        let data = || system::data(from, bytes).map_err(CopyFault::Read);
        let ranges = if holes { data()? } else { vec![(0, bytes)] };
        for (start, end) in ranges {
            copy_range(way, from, to, start, end)?;
        }
        if holes {
            to.set_len(bytes).map_err(CopyFault::Write)?;
        }
        gauge.copied += bytes;
        if bytes >= TELLING && !holes {
            gauge.speed(way).add(Speed { bytes, time: began.elapsed() });
        }
        Ok(())
    }
}

fn copy_range(way: Way, from: &File, to: &File, start: u64, end: u64) -> Result<(), CopyFault> {
    let too_short = || CopyFault::Read(io::ErrorKind::UnexpectedEof.into());
    let mut at = start;
    if way == Way::Kernel {
        while at < end {
            match system::copy_some(from, to, at, end - at) {
                Ok(0) => return Err(too_short()),
                Ok(copied) => at += copied,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if full(&error) => return Err(CopyFault::Write(error)),
                // Between some file systems the kernel does not copy; and which side failed
                // shows only where both are done one after the other.
                Err(_) => break,
            }
        }
    }
    let mut buffer = vec![0; if at < end { BUFFER } else { 0 }];
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        match from.read_at(&mut buffer[..most], at) {
            Ok(0) => return Err(too_short()),
            Ok(read) => {
                to.write_all_at(&buffer[..read], at).map_err(CopyFault::Write)?;
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyFault::Read(error)),
        }
    }
    Ok(())
}

fn full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;

    use rustix::fs::{SeekFrom, copy_file_range, ioctl_ficlone, seek};
    use rustix::io::Errno;

    pub(super) fn clone(from: &File, to: &File) -> bool {
        ioctl_ficlone(to, from).is_ok()
    }

    pub(super) fn copy_some(from: &File, to: &File, at: u64, bytes: u64) -> io::Result<u64> {
        let (mut read, mut written) = (at, at);
        // At most 1 GiB at a time: the call cannot be interrupted in between.
        let most = usize::try_from(bytes.min(1 << 30)).unwrap_or(usize::MAX);
        let copied = copy_file_range(from, Some(&mut read), to, Some(&mut written), most)?;
        Ok(copied as u64)
    }

    /// Where the file has data: from, to.
    pub(super) fn data(file: &File, bytes: u64) -> io::Result<Vec<(u64, u64)>> {
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < bytes {
            let start = match seek(file, SeekFrom::Data(at)) {
                Ok(start) => start,
                // Nothing but a hole is left.
                Err(Errno::NXIO) => break,
                Err(Errno::INVAL) => return Ok(vec![(0, bytes)]),
                Err(error) => return Err(error.into()),
            };
            let end = seek(file, SeekFrom::Hole(start))?.min(bytes);
            ranges.push((start, end));
            at = end;
        }
        Ok(ranges)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;
    use std::io;

    pub(super) fn clone(_from: &File, _to: &File) -> bool {
        false
    }

    pub(super) fn copy_some(_: &File, _: &File, _: u64, _: u64) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn data(_: &File, bytes: u64) -> io::Result<Vec<(u64, u64)>> {
        Ok(vec![(0, bytes)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(ways: Ways, make: impl Fn(&File)) -> (Vec<u8>, Vec<u8>, u64) {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        make(&File::create(&from).unwrap());
        let source = File::open(&from).unwrap();
        let facts = source.metadata().unwrap();
        let holes = facts.blocks() * 512 < facts.len();
        let target = File::create(&to).unwrap();
        ways.copy(&source, &target, facts.len(), holes, &mut Gauge::default()).unwrap();
        let blocks = target.metadata().unwrap().blocks();
        (std::fs::read(from).unwrap(), std::fs::read(to).unwrap(), blocks)
    }

    #[test]
    fn every_way_copies_every_byte_and_no_hole() {
        for ways in [Ways::Known(Way::Kernel), Ways::Known(Way::Buffer), Ways::Measured] {
            let (from, to, _) = copied(ways, |file| {
                let bytes: Vec<u8> = (0..1_000_003_u32).map(|it| (it % 251) as u8).collect();
                file.write_all_at(&bytes, 0).unwrap();
            });
            assert!(from == to, "{ways:?}");
            let (from, to, blocks) = copied(ways, |file| {
                file.write_all_at(b"far out", 8 << 20).unwrap();
                file.set_len(16 << 20).unwrap();
            });
            assert!(from == to && from.len() == 16 << 20, "{ways:?}");
            assert!(blocks * 512 < 1 << 20, "{ways:?}: the hole was filled");
            let (from, to, _) = copied(ways, |file| file.set_len(4096).unwrap());
            assert!(from == to, "{ways:?}: nothing but a hole");
        }
    }

    /// The kernel has devices for both: one that is full, and memory that nobody may read.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_from_a_file_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&source, vec![7; 100_000]).unwrap();
        for way in [Way::Kernel, Way::Buffer, Way::Clone] {
            let source = File::open(&source).unwrap();
            let full = File::options().write(true).open("/dev/full").unwrap();
            let gauge = &mut Gauge::default();
            let fault = Ways::Known(way).copy(&source, &full, 100_000, false, gauge);
            let Err(CopyFault::Write(error)) = fault else { panic!("{way:?}: {fault:?}") };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{way:?}");

            let unreadable = File::open("/proc/self/mem").unwrap();
            let target = File::create(&target).unwrap();
            let fault = Ways::Known(way).copy(&unreadable, &target, 100_000, false, gauge);
            assert!(matches!(fault, Err(CopyFault::Read(_))), "{way:?}: {fault:?}");
            let fault = Ways::Known(way).copy(&source, &target, 100_001, false, gauge);
            assert!(matches!(fault, Err(CopyFault::Read(_))), "{way:?}, cut short: {fault:?}");
        }
    }

    #[test]
    fn the_faster_way_is_told_once_both_have_copied_enough() {
        let speed = |millis| Speed { bytes: 64 << 20, time: Duration::from_millis(millis) };
        let mut gauge = Gauge { copied: 1, kernel: speed(40), ..Gauge::default() };
        assert_eq!(gauge.fastest(), None);
        gauge.add(&Gauge { buffer: speed(30), ..Gauge::default() });
        assert_eq!(gauge.fastest(), Some(Way::Buffer));
        gauge.buffer = speed(50);
        assert_eq!(gauge.fastest(), Some(Way::Kernel));
        let cloned = Gauge { cloned: 1, ..Gauge::default() };
        assert_eq!(cloned.fastest(), Some(Way::Clone));
    }
}
