//! Content codings: which one a client takes, and what is fit to be coded (RFC 9110 §8.4, §12.5.3).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::fields::list_has;
use crate::validate::EntityTag;

/// A coding that the edge applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

/// Whether a response is one that the edge compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    /// It is.
    Fit,
    /// It goes out as it came.
    Unfit,
}

/// The coding a client likes best, by all its Accept-Encoding lines; `None` is identity.
///
/// Of equal weights, `br` comes before `zstd` and `zstd` before `gzip`. Identity that is named with
/// a higher weight wins; where nothing else is acceptable it is sent even against `identity;q=0`,
/// as RFC 9110 §12.5.3 prefers to a refusal. A member that is not of the grammar, such as `br;q=5`
/// or `br;q=0.0001`, is ignored; of several for one coding the first counts. `*` stands for what no
/// member names. Without the field a client has not said that it takes any: identity.
#[must_use]
pub fn accepted(request: &HeaderMap) -> Option<Coding> {
    let mut weights = Weights::default();
    for line in request.get_all(header::ACCEPT_ENCODING) {
        for (name, weight) in line.as_bytes().split(|b| *b == b',').filter_map(member) {
            weights.take(name, weight);
        }
    }
    weights.best()
}

/// Whether to compress a response, by CloudFront's rules. `length` is that of its body in bytes.
///
/// A length that is not known is fit, which is beyond CloudFront. That the client speaks HTTP/1.1 is
/// the caller's to know.
#[must_use]
pub fn fitness(status: StatusCode, response: &HeaderMap, length: Option<u64>) -> Fitness {
    let is_fit = matches!(status, StatusCode::OK | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        && length.is_none_or(|length| (LENGTH_MIN..=LENGTH_MAX).contains(&length))
        && !is_coded(response)
        && !response.contains_key(header::CONTENT_RANGE)
        && !forbids_transform(response)
        && is_compressible(response);
    if is_fit { Fitness::Fit } else { Fitness::Unfit }
}

/// Whether the Cache-Control of a request or response says `no-transform` (RFC 9111 §5.2.1.6,
/// §5.2.2.6). One with an argument says so too, and one within quotes: what is left alone is not
/// spoilt.
#[must_use]
pub fn forbids_transform(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(header::CACHE_CONTROL).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|b| *b == b','));
    members.any(|member| {
        let name = member.split(|b| *b == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"no-transform")
    })
}

/// Says in Vary that Accept-Encoding selects the variant, unless it or `*` is there. To be said of
/// the response that was not coded too (RFC 9110 §12.5.5).
pub fn vary_by_coding(fields: &mut HeaderMap) {
    let names = [header::ACCEPT_ENCODING.as_str(), "*"];
    if !names.iter().any(|name| list_has(fields, &header::VARY, name)) {
        fields.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Makes the fields of a response those of its coded form, of this length in bytes if it is known.
///
/// What is of the octets that were goes: digests (RFC 9530 §2 and §3: of the representation with its
/// coding), the offer of ranges, and the strength of the entity-tag.
pub fn encode_fields(fields: &mut HeaderMap, coding: Coding, length: Option<u64>) {
    fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    match length {
        Some(length) => fields.insert(header::CONTENT_LENGTH, length.into()),
        None => fields.remove(header::CONTENT_LENGTH),
    };
    let is_of_the_octets =
        |name: &HeaderName| OF_THE_OCTETS.contains(name) || name.as_str().starts_with(S3_CHECKSUM);
    let dropped: Vec<_> = fields.keys().filter(|name| is_of_the_octets(name)).cloned().collect();
    for name in &dropped {
        fields.remove(name);
    }
    weaken_etag(fields);
}

/// Makes a strong entity-tag weak, as the coded form is equivalent and not the same (RFC 9110
/// §8.8.1), and removes what is no entity-tag. A 304 for a coded form needs it too.
pub fn weaken_etag(fields: &mut HeaderMap) {
    let weak = match EntityTag::of(fields) {
        Some(EntityTag::Strong(opaque) | EntityTag::Weak(opaque)) => {
            HeaderValue::from_bytes(&[b"W/", opaque].concat()).ok()
        }
        Some(EntityTag::Malformed(_)) | None => None,
    };
    match weak {
        Some(weak) => fields.insert(header::ETAG, weak),
        None => fields.remove(header::ETAG),
    };
}

// === impl Coding ===

impl Coding {
    /// The name in Content-Encoding and Accept-Encoding.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// What a client says of each coding, in thousandths.
#[derive(Debug, Default)]
struct Weights {
    brotli: Option<u16>,
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    others: Option<u16>,
}

// === impl Weights ===

impl Weights {
    fn take(&mut self, name: &[u8], weight: u16) {
        let place = match name.to_ascii_lowercase().as_slice() {
            b"br" => &mut self.brotli,
            b"zstd" => &mut self.zstd,
            // RFC 9110 §8.4.1.3: an old name of the same.
            b"gzip" | b"x-gzip" => &mut self.gzip,
            b"identity" => &mut self.identity,
            b"*" => &mut self.others,
            _ => return,
        };
        place.get_or_insert(weight);
    }

    fn best(&self) -> Option<Coding> {
        let mut best = None;
        let mut most = self.identity.unwrap_or(0);
        // The last of equals stays, so the one that is liked best is asked last.
        for (coding, weight) in
            [(Coding::Gzip, self.gzip), (Coding::Zstd, self.zstd), (Coding::Brotli, self.brotli)]
        {
            let weight = weight.or(self.others).unwrap_or(0);
            if weight > 0 && weight >= most {
                most = weight;
                best = Some(coding);
            }
        }
        best
    }
}

/// `codings [ weight ]`: a name and thousandths; `None` if it is not of that form.
fn member(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = member.splitn(2, |b| *b == b';');
    let name = parts.next()?.trim_ascii();
    let weight = parts.next().map_or(Some(1000), |weight| thousandths(weight.trim_ascii()))?;
    Some((name, weight))
}

/// `"q=" qvalue` (RFC 9110 §12.4.2): no white space within, and three decimals at most.
fn thousandths(weight: &[u8]) -> Option<u16> {
    let (b"q=" | b"Q=", value) = weight.split_at_checked(2)? else {
        return None;
    };
    let decimals = match value {
        [b'0' | b'1'] => &[],
        [b'0' | b'1', b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return None,
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place: usize| decimals.get(place).map_or(0, |b| u16::from(b - b'0'));
    let fraction = digit(0) * 100 + digit(1) * 10 + digit(2);
    match (value.first(), fraction) {
        (Some(b'1'), 0) => Some(1000),
        (Some(b'0'), fraction) => Some(fraction),
        _ => None,
    }
}

/// Whether any coding but identity was applied. RFC 9110 §8.4 wants identity left out, yet it is sent.
fn is_coded(response: &HeaderMap) -> bool {
    let lines = response.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|b| *b == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Whether the one Content-Type names a type of the list, whatever its parameters.
fn is_compressible(response: &HeaderMap) -> bool {
    let mut lines = response.get_all(header::CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let essence = line.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    COMPRESSIBLE.iter().any(|known| essence.eq_ignore_ascii_case(known.as_bytes()))
}

/// CloudFront's bounds, in bytes: less gains nothing, more takes too long.
const LENGTH_MIN: u64 = 1_000;
const LENGTH_MAX: u64 = 10_000_000;

/// Fields that are true of the octets that were not coded, and of no others.
const OF_THE_OCTETS: [HeaderName; 5] = [
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// `x-amz-checksum-crc32` and its kind.
const S3_CHECKSUM: &str = "x-amz-checksum-";

/// The types that CloudFront compresses.
const COMPRESSIBLE: [&str; 47] = [
    "application/dash+xml",
    "application/eot",
    "application/font",
    "application/font-sfnt",
    "application/javascript",
    "application/json",
    "application/opentype",
    "application/otf",
    "application/pkcs7-mime",
    "application/protobuf",
    "application/rss+xml",
    "application/truetype",
    "application/ttf",
    "application/vnd.apple.mpegurl",
    "application/vnd.mapbox-vector-tile",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-font-opentype",
    "application/x-font-truetype",
    "application/x-font-ttf",
    "application/x-httpd-cgi",
    "application/x-javascript",
    "application/x-mpegurl",
    "application/x-opentype",
    "application/x-otf",
    "application/x-perl",
    "application/x-ttf",
    "application/xhtml+xml",
    "application/xml",
    "font/eot",
    "font/opentype",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/js",
    "text/plain",
    "text/richtext",
    "text/tab-separated-values",
    "text/x-component",
    "text/x-java-source",
    "text/x-script",
    "text/xml",
    "vnd.apple.mpegurl",
];

#[cfg(test)]
mod tests;
