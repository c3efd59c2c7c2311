//! What a bucket's refusal means: the object's own answer, or something the operator must mend.

use std::fmt;
use std::time::{Duration, SystemTime};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// The most of an error document that is read.
pub(crate) const ERROR_BYTES_MAX: usize = 8 * 1024;
/// The most of a message from outside that goes into a sentence, in characters.
const MESSAGE_CHARS_MAX: usize = 200;

/// S3's own words, from the XML of an error document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `NoSuchKey`, `AccessDenied`…; never empty.
    pub(crate) code: String,
    /// For a person; may be empty.
    pub(crate) message: String,
    /// The region that S3 expected, where it says so.
    pub(crate) region: Option<String>,
}

/// Whose the refusal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The object's: it is not there, or not for us. The client may have the answer.
    Object,
    /// The edge's: no object can be had until somebody mends this.
    Edge(Cause),
}

/// What somebody must mend. `Display` is one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The clocks differ by more than S3 forgives.
    ClockSkew(Skew),
    /// The bucket is not there.
    NoSuchBucket,
    /// Anything else, in S3's words.
    Other {
        /// The status of the answer.
        status: u16,
        /// S3's code, or empty.
        code: String,
        /// S3's message, or empty.
        message: String,
    },
    /// The session token is over, or was never one.
    Token {
        /// S3's code.
        code: String,
    },
    /// S3 does not know the access key id.
    WrongKey,
    /// The bucket is elsewhere.
    WrongRegion {
        /// What requests are signed for.
        signed_for: String,
        /// Where it is, if S3 says so.
        actual: Option<String>,
    },
    /// The secret is not the key's.
    WrongSecret,
}

/// How this machine's clock stands to S3's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skew {
    /// It shows a later time.
    Ahead(Duration),
    /// It shows an earlier time.
    Behind(Duration),
    /// S3's answer has no date to compare with.
    Unknown,
}

/// What came back from the bucket, as far as it tells why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Date`: S3's clock.
    pub(crate) date: Option<SystemTime>,
    /// `x-amz-bucket-region`.
    pub(crate) region: Option<String>,
    /// `x-amz-error-code`, which website endpoints send beside their HTML.
    pub(crate) code: Option<String>,
    /// At most [`ERROR_BYTES_MAX`] of it.
    pub(crate) body: Vec<u8>,
}

// === impl Answer ===

impl Answer {
    /// Judges the answer to a request that was signed for `region` at `now`.
    pub(crate) fn judge(&self, region: &str, now: SystemTime) -> Blame {
        if (200..300).contains(&self.status) {
            return Blame::Object;
        }
        let refusal = Refusal::read(&self.body).unwrap_or_else(|| Refusal {
            code: shown(self.code.as_deref().unwrap_or_default()),
            ..Refusal::default()
        });
        let actual = self.region.clone().or_else(|| refusal.region.clone());
        let is_here = actual.as_deref() == Some(region);
        let wrong_region = Cause::WrongRegion { signed_for: region.to_owned(), actual };
        Blame::Edge(match refusal.code.as_str() {
            "AccessDenied" | "InvalidObjectState" | "InvalidRange" | "InvalidURI"
            | "KeyTooLongError" | "MethodNotAllowed" | "NoSuchKey" | "NoSuchVersion"
            | "PreconditionFailed" => return Blame::Object,
            "RequestTimeTooSkewed" => Cause::ClockSkew(Skew::between(now, self.date)),
            "InvalidAccessKeyId" => Cause::WrongKey,
            "SignatureDoesNotMatch" => Cause::WrongSecret,
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                Cause::Token { code: refusal.code }
            }
            "NoSuchBucket" => Cause::NoSuchBucket,
            // A redirect to where we are is the DNS of a bucket that was made minutes ago.
            "IllegalLocationConstraintException" | "PermanentRedirect" | "TemporaryRedirect"
                if !is_here =>
            {
                wrong_region
            }
            // Also said of a malformed key, but then without a region.
            "AuthorizationHeaderMalformed" if refusal.region.is_some() => wrong_region,
            "" if self.region.is_some() && !is_here => wrong_region,
            "" if matches!(self.status, 403 | 404 | 405 | 410 | 416) => return Blame::Object,
            _ => Cause::Other { status: self.status, code: refusal.code, message: refusal.message },
        })
    }
}

// === impl Refusal ===

impl Refusal {
    /// Reads as much of an error document as can be read; `None` if there is no code in it.
    pub(crate) fn read(document: &[u8]) -> Option<Self> {
        let document = document.get(..ERROR_BYTES_MAX).unwrap_or(document);
        let mut reader = Reader::from_reader(document);
        let mut refusal = Self::default();
        let mut element = Vec::new();
        let mut text = String::new();
        // A document that was cut off, or is no XML after all, says what it said until there.
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(start) => {
                    element = start.local_name().as_ref().to_vec();
                    text.clear();
                }
                Event::Text(part) => text.push_str(&part.decode().unwrap_or_default()),
                Event::GeneralRef(reference) => text.extend(character(&reference)),
                Event::End(_) => refusal.take(&std::mem::take(&mut element), &text),
                Event::Eof => break,
                _ => {}
            }
        }
        (!refusal.code.is_empty()).then_some(refusal)
    }

    fn take(&mut self, element: &[u8], text: &str) {
        match element {
            b"Code" if self.code.is_empty() => self.code = shown(text),
            b"Message" if self.message.is_empty() => self.message = shown(text),
            b"Region" if self.region.is_none() => self.region = Some(shown(text)),
            _ => {}
        }
    }
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        b"amp" => Some('&'),
        b"apos" => Some('\''),
        b"gt" => Some('>'),
        b"lt" => Some('<'),
        b"quot" => Some('"'),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

/// Words from outside, fit for one line of a log.
fn shown(words: &str) -> String {
    let printable = words.trim().chars().filter(|c| !c.is_control());
    printable.take(MESSAGE_CHARS_MAX).collect()
}

// === impl Skew ===

impl Skew {
    fn between(ours: SystemTime, theirs: Option<SystemTime>) -> Self {
        match theirs.map(|theirs| ours.duration_since(theirs)) {
            Some(Ok(ahead)) => Self::Ahead(ahead),
            Some(Err(behind)) => Self::Behind(behind.duration()),
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (span, side) = match self {
            Self::Ahead(span) => (span, "ahead of"),
            Self::Behind(span) => (span, "behind"),
            Self::Unknown => return f.write_str("this machine's clock is far from S3's"),
        };
        let (count, unit) = match span.as_secs() {
            seconds @ ..120 => (seconds, "s"),
            seconds @ ..7200 => (seconds / 60, "min"),
            seconds @ ..172_800 => (seconds / 3600, "h"),
            seconds => (seconds / 86_400, "d"),
        };
        write!(f, "this machine's clock is {count} {unit} {side} S3's")
    }
}

// === impl Cause ===

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = "the bucket refused the signature";
        match self {
            Self::ClockSkew(skew) => write!(f, "{refused}: {skew}"),
            Self::NoSuchBucket => f.write_str("the bucket does not exist (NoSuchBucket)"),
            Self::Other { status, code, message } => {
                let words = [code.as_str(), message.as_str()];
                let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
                write!(f, "the bucket answered {status}")?;
                if words.is_empty() {
                    f.write_str(" and did not say why")
                } else {
                    write!(f, " {}", words.join(": "))
                }
            }
            Self::Token { code } => {
                let fault = match code.as_str() {
                    "ExpiredToken" => "has expired",
                    _ => "is not one that S3 gave out, or needs to be renewed",
                };
                write!(f, "{refused}: the session token {fault} ({code})")
            }
            Self::WrongKey => {
                write!(f, "{refused}: S3 does not know the access key id (InvalidAccessKeyId)")
            }
            Self::WrongRegion { signed_for, actual: Some(actual) } => {
                write!(f, "the bucket is in the region `{actual}`, not in `{signed_for}`")
            }
            Self::WrongRegion { signed_for, .. } => {
                write!(f, "the bucket is not in the region `{signed_for}`")
            }
            Self::WrongSecret => write!(
                f,
                "{refused}: the secret access key does not belong to the access key id (SignatureDoesNotMatch)"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
