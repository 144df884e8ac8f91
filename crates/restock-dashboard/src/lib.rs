//! The dashboard: pages for people, as files inside the program.
//!
//! The pages are written in `app/` and built into `assets/`, which is committed, so that cargo needs no other tools;
//! `check-assets` proves that they are what the source gives. They use the public API alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What the page may do in a browser: files and requests of this server alone, no code or style inside the page, and no
/// text that becomes code.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/// Smaller files are sent as they are: packing gains nothing.
const MIN_PACKED_BYTES: usize = 1_000;

/// A file of the dashboard.
#[derive(Debug)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// The same packed by gzip, where that is smaller.
    pub gzipped: Option<Vec<u8>>,
    /// Its media type.
    pub media_type: &'static str,
    /// A hash of its content, hexadecimal: another content has another one.
    pub hash: String,
}

static ASSETS: LazyLock<BTreeMap<&str, Asset>> =
    LazyLock::new(|| FILES.iter().map(|(name, bytes)| (*name, Asset::new(name, bytes))).collect());

impl Asset {
    fn new(name: &str, bytes: &'static [u8]) -> Self {
        let gzipped =
            (bytes.len() >= MIN_PACKED_BYTES).then(|| gzip(bytes)).filter(|packed| packed.len() < bytes.len());
        let hash = blake3::hash(bytes).to_hex()[..32].to_owned();
        Self { bytes, gzipped, media_type: media_type(name), hash }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// The page, which every link into the dashboard opens.
pub fn page() -> &'static Asset {
    ASSETS.get("index.html").expect("assets/index.html is built")
}

/// A file that the page asks for, by its name in `/assets`. The name has a hash of its content, so it may be kept for ever.
pub fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.get(format!("assets/{name}").as_str())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_page_asks_for_files_that_are_there_and_for_no_others() {
        let html = std::str::from_utf8(page().bytes).unwrap();
        let links: Vec<&str> = ["src=\"", "href=\""]
            .iter()
            .flat_map(|attribute| html.split(attribute).skip(1))
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert!(links.len() >= 3, "{links:?}");
        for link in links {
            let name = link.strip_prefix("/assets/").unwrap_or_else(|| panic!("{link} leads elsewhere"));
            assert!(asset(name).is_some(), "{link} is not there");
        }
        assert!(!html.contains("<style") && !html.contains("style="), "the policy allows no style inside the page");
        assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" crossorigin src=").count());
        assert!(asset("../index.html").is_none() && asset("nowhere.js").is_none());
    }

    #[test]
    fn packed_files_are_the_files() {
        let mut n_packed = 0;
        for (name, asset) in ASSETS.iter() {
            let Some(packed) = &asset.gzipped else { continue };
            n_packed += 1;
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
            assert!(bytes == asset.bytes && packed.len() < bytes.len(), "{name}");
        }
        assert!(n_packed >= 2, "script and style are packed");
    }

    /// What a first visit sends, packed: a page that opens at once on a slow line. Of the two languages it sends one, here
    /// the larger. What other pages need comes when they are opened.
    #[test]
    fn the_dashboard_is_small() {
        let html = String::from_utf8_lossy(page().bytes);
        let size = |one: &Asset| one.gzipped.as_ref().map_or(one.bytes.len(), Vec::len);
        let is_words = |name: &str| ["assets/en-", "assets/zh-"].iter().any(|begin| name.starts_with(begin));
        let is_first = |name: &str| name == "index.html" || html.contains(&format!("/{name}\""));
        let words = ASSETS.iter().filter(|(name, _)| is_words(name)).map(|(_, one)| size(one)).collect::<Vec<_>>();
        assert_eq!(words.len(), 2, "a file of words for each language");
        let (at_once, later): (Vec<_>, Vec<_>) =
            ASSETS.iter().filter(|(name, _)| !is_words(name)).partition(|(name, _)| is_first(name));
        let first =
            at_once.iter().map(|(_, one)| size(one)).sum::<usize>() + words.iter().max().expect("there are two");
        assert!(first < 110_000, "{first} bytes before the first page is seen");
        for (name, one) in later {
            assert!(size(one) < 24_000, "{name}: {} bytes when its page is opened", size(one));
        }
    }
}
