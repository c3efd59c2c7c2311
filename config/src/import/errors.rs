//! Custom error responses.

use super::ImportError;
use super::lifetimes::longest;
use super::page::{Table, inline, seconds, text};
use super::setting::Setting;
use crate::check::error_pages::page_path;

/// Custom error responses that are alike but for their status.
#[derive(Debug)]
struct Response<'n> {
    status: Vec<u64>,
    page: Option<&'n str>,
    respond: Option<u64>,
    ttl: u64,
}

/// CloudFront's default, in seconds.
const TTL: u64 = 10;

/// `error_pages`.
pub(super) fn pages(root: &Setting<'_>, table: &mut Table) -> Result<(), ImportError> {
    let mut pages: Vec<Response<'_>> = Vec::new();
    for item in root.items("CustomErrorResponses")? {
        let Some(read) = page(&item)? else {
            // What is left of it is named with the rest of the distribution.
            item.release();
            continue;
        };
        let taken = |page: &Response<'_>| read.status.iter().any(|it| page.status.contains(it));
        if pages.iter().any(taken) {
            item.release();
            continue;
        }
        let alike = |page: &&mut Response<'_>| {
            (page.page, page.respond, page.ttl) == (read.page, read.respond, read.ttl)
        };
        match pages.iter_mut().find(alike) {
            Some(page) => page.status.extend(read.status),
            None => pages.push(read),
        }
    }
    let written: Vec<_> = pages.iter().map(Response::text).collect();
    match written.as_slice() {
        [] => {}
        [one] => table.set("error_pages", format!("[{one}]")),
        several => {
            let lines = several.join(",\n  ");
            table.set("error_pages", format!("[\n  {lines},\n]"));
        }
    }
    let app = pages.iter().find(|page| {
        page.respond == Some(200) && page.status.iter().any(|it| matches!(it, 403 | 404))
    });
    if let Some(page) = app.and_then(|page| page.page) {
        table.remark(format!(
            "for a single-page app, `spa = {}` in place of this error page keeps a missing script or",
            text(page)
        ));
        table.remark("image a 404; as it stands they become the page with 200, as in CloudFront");
    }
    Ok(())
}

/// `None` for what no error page can be.
fn page<'n>(item: &Setting<'n>) -> Result<Option<Response<'n>>, ImportError> {
    let status = item.need("ErrorCode")?.own_number()?;
    let page = item.text("ResponsePagePath")?;
    let respond = match item.text("ResponseCode")?.map(str::parse::<u64>) {
        None => None,
        Some(Ok(code)) => Some(code),
        Some(Err(_)) => return Err(item.need("ResponseCode")?.is_not("a status code")),
    };
    // An error page without a page says as much.
    item.accept("ResponsePagePath", "\"\"")?;
    item.accept("ResponseCode", "\"\"")?;
    let ttl = item.number("ErrorCachingMinTTL")?.unwrap_or(TTL);
    let is_path = |page: &str| page_path(page).is_ok();
    let is_error = |status: u64| (400..=599).contains(&status);
    let sound = is_error(status)
        && ttl <= longest()
        && page.is_none_or(is_path)
        && respond.is_none_or(|it| page.is_some() && (it == 200 || is_error(it)));
    Ok(sound.then(|| Response { status: vec![status], page, respond, ttl }))
}

// === impl Response ===

impl Response<'_> {
    fn text(&self) -> String {
        let status = match self.status.as_slice() {
            [one] => one.to_string(),
            several => {
                let several: Vec<_> = several.iter().map(u64::to_string).collect();
                format!("[{}]", several.join(", "))
            }
        };
        let mut members = vec![("status", status)];
        members.extend(self.page.map(|page| ("page", text(page))));
        members.extend(self.respond.map(|respond| ("respond", respond.to_string())));
        members.push(("ttl", seconds(self.ttl)));
        inline(&members)
    }
}
