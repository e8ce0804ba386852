//! Situation 4: backups that are not whole. Each is red and says where it broke off.

use std::fs;

use crate::shop::{Red, Shop};

fn is_red_and_names_a_place(red: &Red, word: &str) {
    let first = red.first_line();
    assert!(first.starts_with("restore: "), "{}", red.detail);
    assert!(first.contains(word), "{word}: {}", red.detail);
    let place = ["byte ", "table ", "line "].iter().any(|it| first.contains(it));
    assert!(place, "the message names the place: {}", red.detail);
    assert_eq!(red.report["backup"]["complete"], false, "{}", red.report);
    assert_eq!(red.report["migrations"], serde_json::json!([]));
}

#[tokio::test]
async fn a_gz_cut_at_half() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let bytes = fs::read(&backup).unwrap();
    fs::write(&backup, &bytes[..bytes.len() / 2]).unwrap();
    is_red_and_names_a_place(&shop.rehearse(&backup, &[]).red(), "truncated");
}

#[tokio::test]
async fn a_gz_with_a_flipped_byte() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let mut bytes = fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&backup, &bytes).unwrap();
    is_red_and_names_a_place(&shop.rehearse(&backup, &[]).red(), "corrupt");
}

#[tokio::test]
async fn a_plain_dump_without_its_last_lines() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql", &[]);
    let text = fs::read_to_string(&backup).unwrap();
    let cut = text.find("-- PostgreSQL database dump complete").unwrap();
    fs::write(&backup, &text[..cut]).unwrap();
    is_red_and_names_a_place(&shop.rehearse(&backup, &[]).red(), "truncated");
}

#[tokio::test]
async fn a_plain_dump_cut_in_a_tables_data_names_table_and_rows() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql", &[]);
    let text = fs::read_to_string(&backup).unwrap();
    let cut = text.find("\n500\t").unwrap();
    fs::write(&backup, &text[..=cut]).unwrap();
    let red = shop.rehearse(&backup, &[]).red();
    is_red_and_names_a_place(&red, "truncated");
    assert!(red.detail.contains("orders"), "{}", red.detail);
    assert!(red.detail.contains("499 rows"), "{}", red.detail);
}

#[tokio::test]
async fn a_custom_archive_cut_at_half() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.dump", &["-Fc"]);
    let bytes = fs::read(&backup).unwrap();
    fs::write(&backup, &bytes[..bytes.len() / 2]).unwrap();
    let red = shop.rehearse(&backup, &[]).red();
    is_red_and_names_a_place(&red, "truncated");
}

#[tokio::test]
async fn a_folder_without_a_table_of_contents() {
    let shop = Shop::open().await;
    fs::create_dir(shop.path("empty")).unwrap();
    let red = shop.rehearse(&shop.path("empty"), &[]).red();
    assert!(red.first_line().starts_with("restore: "), "{}", red.detail);
    assert!(red.first_line().contains("toc.dat"), "{}", red.detail);
}

#[tokio::test]
async fn an_empty_file_and_a_file_that_is_no_dump() {
    let shop = Shop::open().await;
    shop.file("empty.sql", b"");
    let red = shop.rehearse(&shop.path("empty.sql"), &[]).red();
    assert!(red.first_line().starts_with("restore: "), "{}", red.detail);
    shop.file("letter.txt", b"Dear Sir or Madam,\n");
    let red = shop.rehearse(&shop.path("letter.txt"), &[]).red();
    assert!(red.first_line().starts_with("restore: "), "{}", red.detail);
}
