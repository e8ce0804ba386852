//! What of a receipt is signed: its canonical text, without the signature.
//!
//! The form is that of RFC 8785 (JSON Canonicalization Scheme): no white space, members sorted by
//! their names, strings with the shortest escapes. A receipt's numbers are whole and are written as
//! they are; those above 2^53, which versions can be, are not rounded as the RFC would have it.

use std::fmt::Write;

use serde_json::Value;

use super::{RECEIPT_VERSION, Receipt};

/// A receipt that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownForm {
    /// It is no JSON, or no receipt; why.
    NoReceipt(String),
    /// It has another form than this version of the tool writes; which, and by which tool.
    OtherVersion(u64, String),
}

impl std::fmt::Display for UnknownForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoReceipt(why) => write!(f, "it is no receipt: {why}"),
            Self::OtherVersion(version, tool) => write!(
                f,
                "its form is {version} (by Stopover {tool}), and this version reads form \
                 {RECEIPT_VERSION}"
            ),
        }
    }
}

impl std::error::Error for UnknownForm {}

impl Receipt {
    /// Reads a receipt's text; what is signed of it comes too, as it was written.
    ///
    /// # Errors
    /// Where it is none, or of another form.
    pub fn read(text: &str) -> Result<(Self, Vec<u8>), UnknownForm> {
        let no_receipt = |error: serde_json::Error| UnknownForm::NoReceipt(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(no_receipt)?;
        match value.get("schema_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(RECEIPT_VERSION) => {}
            Some(other) => {
                let tool = value.get("tool_version").and_then(Value::as_str).unwrap_or("?");
                // It is shown: what a version is spelled with, and not a page of it.
                let tool = tool.chars().filter(char::is_ascii_graphic).take(20).collect();
                return Err(UnknownForm::OtherVersion(other, tool));
            }
            None => return Err(UnknownForm::NoReceipt("`schema_version` is missing".to_owned())),
        }
        let signed = signed_bytes(&value);
        Ok((serde_json::from_value(value).map_err(no_receipt)?, signed))
    }

    /// What is signed of a receipt that was just made.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        // Plain data whose maps have texts as keys: nothing in it can fail. If it did, nothing
        // would be signed, and nothing would verify.
        signed_bytes(&serde_json::to_value(self).unwrap_or_default())
    }
}

/// The canonical text of a receipt without its signature.
#[must_use]
pub fn signed_bytes(receipt: &Value) -> Vec<u8> {
    let mut text = String::new();
    write_canonical(receipt, &mut text, Some("signature"));
    text.into_bytes()
}

fn write_canonical(value: &Value, text: &mut String, without: Option<&str>) {
    match value {
        Value::Object(members) => {
            let is_wanted = |it: &&String| Some(it.as_str()) != without;
            let mut names: Vec<&String> = members.keys().filter(is_wanted).collect();
            names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (at, name) in names.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                // Writing into a text cannot fail.
                let _ = write!(text, "{}:", Value::String(name.clone()));
                write_canonical(&members[name], text, None);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write_canonical(item, text, None);
            }
            text.push(']');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        let value = serde_json::from_str(text).expect("JSON");
        String::from_utf8(signed_bytes(&value)).expect("UTF-8")
    }

    #[test]
    fn the_signed_text_is_sorted_and_without_blanks_and_without_the_signature() {
        let text = r#"{ "b": [1, {"z": null, "y": true}], "signature": {"value": "x"},
                        "a": "é\n\u0001\u20ac\"\/", "c": {"signature": "kept"},
                        "n": 20220123205937123 }"#;
        let expected = "{\"a\":\"é\\n\\u0001€\\\"/\",\"b\":[1,{\"y\":true,\"z\":null}],\
                        \"c\":{\"signature\":\"kept\"},\"n\":20220123205937123}";
        assert_eq!(canonical(text), expected);
    }

    #[test]
    fn what_is_no_receipt_says_so_and_a_later_form_names_its_tool() {
        let error = |text: &str| Receipt::read(text).expect_err(text).to_string();
        assert!(error("").starts_with("it is no receipt: "));
        assert_eq!(error("{}"), "it is no receipt: `schema_version` is missing");
        assert_eq!(
            error(r#"{"schema_version": 7, "tool_version": "9.0.0\u001b[31m"}"#),
            "its form is 7 (by Stopover 9.0.0[31m), and this version reads form 1"
        );
        assert!(error(r#"{"schema_version": 1}"#).starts_with("it is no receipt: missing field"));
    }

    proptest! {
        #[test]
        fn the_order_of_members_and_blanks_change_nothing(
            members in proptest::collection::btree_map("[a-z\u{e9}\u{1f600}]{1,4}", any::<i64>(), 0..6)
        ) {
            let forward: serde_json::Map<String, Value> =
                members.iter().map(|(name, it)| (name.clone(), (*it).into())).collect();
            let backward: serde_json::Map<String, Value> =
                members.iter().rev().map(|(name, it)| (name.clone(), (*it).into())).collect();
            let pretty = serde_json::to_string_pretty(&backward).unwrap();
            prop_assert_eq!(
                signed_bytes(&Value::Object(forward)),
                signed_bytes(&serde_json::from_str(&pretty).unwrap())
            );
        }
    }
}
