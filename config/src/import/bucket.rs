//! Buckets: origins that are S3 by their configuration or by their host name.

use super::ImportError;
use super::origins::custom_headers;
use super::page::{Table, inline, text};
use super::setting::Setting;
use crate::check::s3;

/// What a host name says of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    name: String,
    /// `None`: the name does not say it.
    region: Option<String>,
    website: bool,
}

// === impl Bucket ===

impl Bucket {
    /// The bucket behind `domain`; `is_s3` says that it is one, whatever it is called.
    pub(super) fn of(domain: &str, is_s3: bool) -> Option<Self> {
        let domain = domain.to_ascii_lowercase();
        let hosted = domain
            .strip_suffix(".amazonaws.com")
            .or_else(|| domain.strip_suffix(".amazonaws.com.cn"))
            .and_then(Self::amazons);
        hosted.or_else(|| {
            let name = domain.split('.').next().unwrap_or_default();
            is_s3.then(|| Self::new(name, None, false))
        })
    }

    pub(super) fn new(name: &str, region: Option<&str>, website: bool) -> Self {
        Self { name: name.to_owned(), region: region.map(str::to_owned), website }
    }

    /// `BUCKET.s3[.dualstack][.-]REGION` and `BUCKET.s3-website[.-]REGION`; a bucket's own name may
    /// have dots, so the last such part counts.
    fn amazons(host: &str) -> Option<Self> {
        if let Some(name) = host.strip_suffix(".s3") {
            return Some(Self::new(name, None, false));
        }
        let forms = [
            (".s3-website-", true),
            (".s3-website.", true),
            (".s3.dualstack.", false),
            (".s3-", false),
            (".s3.", false),
        ];
        forms.into_iter().find_map(|(form, website)| {
            let (name, region) = host.rsplit_once(form)?;
            let is_region = region.matches('-').count() >= 2
                && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && region.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
            (is_region && !name.is_empty()).then(|| Self::new(name, Some(region), website))
        })
    }

    /// The keys of a bucket's table.
    pub(super) fn write(
        &self,
        setting: &Setting<'_>,
        table: &mut Table,
    ) -> Result<(), ImportError> {
        let is_name = s3::bucket_name(&self.name, true).is_ok();
        let bucket = if is_name { self.name.as_str() } else { "example-bucket" };
        let region = self.region.as_deref().unwrap_or("us-east-1");
        let mut members = vec![("bucket", text(bucket)), ("region", text(region))];
        if let Some(path) = setting.text("OriginPath")? {
            match s3::prefix(path) {
                Ok(_) => members.push(("prefix", text(path))),
                Err(why) => table.remark(format!("not carried over: OriginPath: {why}")),
            }
        }
        let control = setting.text("OriginAccessControlId")?;
        let config = setting.get("S3OriginConfig")?;
        let identity = match &config {
            Some(config) => config.text("OriginAccessIdentity")?,
            None => None,
        };
        if self.website {
            members.push(("website", "true".to_owned()));
        } else if control.is_none() && identity.is_none() {
            // What CloudFront does not sign is a public bucket's; a node without credentials may
            // ask for it too.
            members.push(("credentials", text("anonymous")));
        }
        let s3 = inline(&members);
        let domain = setting.need("DomainName")?.own_text()?;
        let asked = match (is_name, self.region.is_some()) {
            (false, _) => Some(format!("fill in: the bucket behind {}", text(domain))),
            (true, false) => Some(format!("fill in: the region; {} does not say", text(domain))),
            (true, true) => None,
        };
        match asked {
            Some(note) => table.set_with("s3", s3, &note),
            None => table.set("s3", s3),
        }
        let headers = custom_headers(setting, s3::permit_to_bucket)?;
        if !headers.is_empty() {
            table.set("headers", inline(&headers));
        }
        let signed = [("OriginAccessControlId", control), ("OriginAccessIdentity", identity)];
        for (name, id) in signed.into_iter().filter_map(|(name, id)| Some((name, id?))) {
            table.remark(format!("{name} = {}: requests are signed with the node's", text(id)));
            table.remark("own credentials; the bucket's policy has to let that role or user read");
        }
        Ok(())
    }
}
