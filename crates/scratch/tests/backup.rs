//! Backups: told apart by content, whole or refused with the place where they break.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use stopover_scratch::backup::{Backup, BackupError, BackupPath, Codec, Digest, Kind};

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n\
    -- Dumped from database version 15.4\n-- Dumped by pg_dump version 16.1\n\n\
    SET client_encoding = 'UTF8';\n\nCREATE TABLE t (x text);\nCOPY t (x) FROM stdin;\n";

/// A dump large enough to span several chunks and blocks, and hard enough to compress.
fn dump() -> Vec<u8> {
    let mut text = DUMP.as_bytes().to_vec();
    let mut state = 1_u64;
    for _ in 0..60_000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.extend(format!("{state:x}\n").bytes());
    }
    text.extend(b"\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n");
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .content_checksum(true)
        .block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(bytes: &[u8]) -> Result<Backup, BackupError> {
    Backup::from_reader("shop.sql", Box::new(Cursor::new(bytes.to_vec())))
}

fn read(bytes: &[u8]) -> Result<(Vec<u8>, Digest), BackupError> {
    let (Kind::Plain(_, mut stream) | Kind::Archive(mut stream)) = open(bytes)?.kind else {
        panic!("not a stream")
    };
    let mut text = Vec::new();
    while let Some(chunk) = stream.next_chunk()? {
        text.extend_from_slice(&chunk);
    }
    Ok((text, stream.digest().unwrap().clone()))
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_compression_gives_the_same_dump_and_the_files_own_hash() {
    let plain = dump();
    for file in [plain.clone(), gzip(&plain), zstd(&plain), lz4(&plain)] {
        let (text, digest) = read(&file).unwrap();
        assert!(text == plain);
        assert_eq!(digest, Digest { sha256: sha256(&file), bytes: file.len() as u64 });
    }
}

#[test]
fn the_head_tells_codec_versions_and_encoding() {
    let backup = open(&zstd(&dump())).unwrap();
    assert!(matches!(backup.kind, Kind::Plain(Codec::Zstd, _)));
    assert_eq!(backup.header.server_version.as_deref(), Some("15.4"));
    assert_eq!(backup.header.dump_major(), Some(16));
    assert_eq!(backup.header.encoding.as_deref(), Some("UTF8"));
}

#[test]
fn joined_members_and_frames_are_one_dump() {
    let plain = dump();
    let (first, second) = plain.split_at(plain.len() / 3);
    for pack in [gzip, zstd, lz4] {
        let joined = [pack(first), pack(second)].concat();
        assert!(read(&joined).unwrap().0 == plain);
    }
}

#[test]
fn a_compressed_file_cut_anywhere_is_truncated_at_its_last_byte() {
    let plain = dump();
    for pack in [gzip, zstd, lz4] {
        let whole = pack(&plain);
        let cuts = [whole.len() / 2, whole.len() - 1, whole.len() - 4, whole.len() - 8, 300, 7];
        for cut in cuts {
            match read(&whole[..cut]) {
                Err(BackupError::Truncated { at, .. }) => assert_eq!(at, cut as u64),
                other => panic!("cut at {cut} of {}: {other:?}", whole.len()),
            }
        }
    }
}

#[test]
fn an_lz4_file_cut_between_two_blocks_is_truncated() {
    // Block sizes stand in front of the blocks: walk them to find each boundary.
    let whole = lz4(&dump());
    let mut at = 7;
    let mut boundaries = 0;
    loop {
        let size = u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        if size == 0 {
            break;
        }
        for cut in at..at + 4 {
            let result = read(&whole[..cut]);
            assert!(
                matches!(result, Err(BackupError::Truncated { .. })),
                "cut at {cut}: {result:?}"
            );
        }
        at += 4 + size as usize;
        boundaries += 1;
    }
    assert!(boundaries > 2, "the dump is too small for this test: {boundaries} blocks");
}

#[test]
fn a_flipped_byte_is_corrupt_in_every_compression() {
    let plain = dump();
    for pack in [gzip, zstd, lz4] {
        let mut file = pack(&plain);
        let middle = file.len() / 2;
        file[middle] ^= 0x20;
        match read(&file) {
            Err(BackupError::Corrupt { at, .. }) => assert!(at >= 300, "noticed at {at}"),
            Err(BackupError::Truncated { .. }) => {} // A length that now reaches past the end.
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_decoded_before_the_damage_is_given_out_first() {
    let mut file = gzip(&dump());
    let end = file.len() - 6;
    file[end] ^= 1;
    let Kind::Plain(_, mut stream) = open(&file).unwrap().kind else { panic!("not plain") };
    let mut text = Vec::new();
    let error = loop {
        match stream.next_chunk() {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => panic!("a wrong checksum went unnoticed"),
            Err(error) => break error,
        }
    };
    assert!(text == dump());
    assert!(matches!(error, BackupError::Corrupt { .. }), "{error}");
}

#[test]
fn garbage_behind_a_gzip_stream_is_corrupt_but_zero_padding_is_not() {
    let mut file = gzip(&dump());
    file.extend([0; 512]);
    assert!(read(&file).is_ok());
    let length = file.len() as u64;
    file.extend(b"garbage");
    assert!(matches!(read(&file), Err(BackupError::Corrupt { at, .. }) if at == length));
    for pack in [gzip, zstd, lz4] {
        let joined = [pack(&dump()), b"trailing text".to_vec()].concat();
        assert!(matches!(read(&joined), Err(BackupError::Corrupt { .. })));
    }
}

#[test]
fn what_is_no_dump_is_refused_by_name_of_its_kind() {
    let of = |bytes: &[u8]| open(bytes).map(|it| it.kind).unwrap_err().to_string();
    assert!(matches!(open(b""), Err(BackupError::Empty { .. })));
    assert!(matches!(open(&gzip(b"")), Err(BackupError::Empty { .. })));
    assert!(of(b"SQLite format 3\0rest").contains("SQLite"));
    assert!(of(b"BZh91AY&SY").contains("bzip2"));
    assert!(of(b"-- MySQL dump 10.13\n").contains("MySQL"));
    assert!(of(b"\x7fELF\x02\x01\x01\0\0\0").contains("neither text nor"));
    assert!(of(&gzip(b"PGDMP\x01\x0e")).contains("decompress"));
    let cluster = "--\n-- PostgreSQL database cluster dump\n--\n\n";
    assert!(of(cluster.as_bytes()).contains("pg_dumpall"));
    assert!(matches!(open(b"PGDMP\x01\x0e\0\x04"), Err(BackupError::Truncated { .. })));
}

#[test]
fn files_are_opened_by_path_with_size_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("misleading.png");
    std::fs::write(&path, gzip(&dump())).unwrap();
    let backup = Backup::open(&BackupPath::of(&path)).unwrap();
    assert_eq!(backup.bytes, Some(std::fs::metadata(&path).unwrap().len()));
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    assert!(backup.age(tomorrow).unwrap() >= Duration::from_secs(86_000));
}

#[test]
fn missing_files_folders_without_toc_and_plain_text_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| Backup::open(&BackupPath::of(path)).map(|it| it.name).unwrap_err();
    let missing = folder.path().join("nothing.sql");
    assert!(matches!(open(&missing), BackupError::Missing { .. }));
    assert!(open(folder.path()).to_string().contains("toc.dat"));
    let text = folder.path().join("letter.txt");
    std::fs::write(&text, "Dear Sir,\n").unwrap();
    assert!(matches!(open(&text), BackupError::NotADump { .. }));
    // No first lines, but the last one: somebody cut the comments off, not the data.
    std::fs::write(&text, "SELECT 1;\n--\n-- PostgreSQL database dump complete\n--\n").unwrap();
    assert!(Backup::open(&BackupPath::of(&text)).is_ok());
}
