//! `https://…`, by the curl program.
//!
//! Why no library: it would bring an HTTP client and a choice of certificates and proxies of its own
//! for something that happens once a run, while every machine that fetches backups has curl, set up
//! for its network. Nothing secret is on the command line: the URL goes through standard input.

use jiff::fmt::rfc2822;

use super::Told;
use super::partial::Partial;
use super::recipe::{Headline, Outlet, Recipe, Teller};
use super::source::is_loopback;

/// Redirects are followed, from https to https alone. Plain http is for servers on this host.
pub(super) fn recipe(url: &str, partial: &Partial) -> Recipe {
    let loopback = url.starts_with("http://") && is_loopback(url);
    let protocols = if loopback { "=http,https" } else { "=https" };
    let head = partial.head_path().display().to_string();
    let mut input = String::from(
        "silent\nshow-error\nfail\nlocation\ngloboff\nnetrc-optional\nmax-redirs = 10\n\
         connect-timeout = 30\nspeed-limit = 1\nspeed-time = 60\n",
    );
    if loopback {
        input.push_str("noproxy = \"*\"\n");
    }
    for (option, value) in
        [("proto", protocols), ("proto-redir", protocols), ("dump-header", &head), ("url", url)]
    {
        input.push_str(&format!("{option} = {}\n", quoted(value)));
    }
    Recipe {
        program: "curl".to_owned(),
        // `-q` first: the user's own .curlrc could send the bytes elsewhere.
        arguments: ["-q", "--config", "-"].map(Into::into).to_vec(),
        environment: Vec::new(),
        input,
        outlet: Outlet::Output,
        teller: Teller::HttpHead,
        headline: Headline::First,
    }
}

/// A value in a configuration of curl's.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

/// What the head of the last answer says (those before it are redirects).
pub(super) fn told(heads: &str) -> Told {
    let mut told = Told::default();
    for line in heads.lines() {
        if line.starts_with("HTTP/") {
            told = Told::default();
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "last-modified" => {
                let time = rfc2822::DateTimeParser::new().parse_timestamp(value.trim());
                told.modified = time.ok().map(jiff::Timestamp::as_second);
            }
            "content-length" => told.bytes = value.trim().parse().ok(),
            _ => {}
        }
    }
    told
}
