//! The demo's single-page app, laid out as a build tool would: assets under the hash of their
//! content, kept for a year, and one page that names them.

use sha2::{Digest, Sha256};

use crate::DemoError;
use crate::bucket::{Bucket, Upload};

/// What we recommend for pages: browsers ask each time, the edge keeps them until a deploy
/// invalidates.
pub(crate) const PAGE_CACHE_CONTROL: &str = "max-age=0, s-maxage=86400";

/// Puts the app, over what an earlier walk through the demo left there.
pub(crate) async fn upload(bucket: &Bucket, name: &str) -> Result<(), DemoError> {
    let page = page();
    let uploads = [
        (script_key(), SCRIPT, "text/javascript", ASSET_CACHE_CONTROL),
        (style_key(), STYLE, "text/css", ASSET_CACHE_CONTROL),
        ("favicon.svg".to_owned(), ICON, "image/svg+xml", "max-age=86400"),
        ("index.html".to_owned(), &page, "text/html; charset=utf-8", PAGE_CACHE_CONTROL),
    ];
    for (key, body, content_type, cache_control) in uploads {
        let upload = Upload {
            key: &key,
            body: body.as_bytes(),
            content_type,
            cache_control: Some(cache_control),
        };
        bucket.put(name, upload).await?;
    }
    Ok(())
}

/// The key of the script, for the lines that show an asset being kept.
pub(crate) fn script_key() -> String {
    hashed("app", SCRIPT, "js")
}

/// The page of the next deploy.
pub(crate) fn changed_page() -> String {
    page().replace(HEADLINE, "The new version is live")
}

fn page() -> String {
    PAGE.replace("assets/app.js", &script_key()).replace("assets/style.css", &style_key())
}

fn style_key() -> String {
    hashed("style", STYLE, "css")
}

fn hashed(name: &str, content: &str, extension: &str) -> String {
    let hash = format!("{:x}", Sha256::digest(content));
    let hash = hash.get(..8).unwrap_or(&hash);
    format!("assets/{name}.{hash}.{extension}")
}

const ASSET_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
const HEADLINE: &str = "Served by warmfront";
const ICON: &str = include_str!("../app/favicon.svg");
const PAGE: &str = include_str!("../app/index.html");
const SCRIPT: &str = include_str!("../app/app.js");
const STYLE: &str = include_str!("../app/style.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_its_assets_and_changes() {
        let page = page();
        for key in [script_key(), style_key()] {
            assert!(page.contains(&format!("\"/{key}\"")), "{key} in {page}");
        }
        assert!(page.contains(HEADLINE) && !changed_page().contains(HEADLINE));
    }
}
