//! Which of CloudFront's operations a request is.

use http::Method;
use percent_encoding::percent_decode_str;
use warmfront_semantics::tame::tame;

use super::fault::Fault;

/// The version of the API, which its paths begin with.
pub(super) const VERSION: &str = "2020-05-31";
/// Items of one page, unless the client asks for fewer: CloudFront's own number.
const ITEMS_MAX: usize = 100;
/// Of a path that is not answered, so much is repeated, in bytes.
const PATH_BYTES_SHOWN: usize = 100;

/// An operation that this node carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    CreateInvalidation { distribution: String },
    GetDistribution { distribution: String },
    GetDistributionConfig { distribution: String },
    GetInvalidation { distribution: String, id: String },
    ListDistributions(Page),
    ListInvalidations { distribution: String, page: Page },
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// The id of the last item of the page before; `None` for the first page.
    pub(super) marker: Option<String>,
    /// Items at most; never 0.
    pub(super) most: usize,
}

// === impl Operation ===

impl Operation {
    /// Fails on what CloudFront has and this node does not, and on a page that is none.
    pub(super) fn read(method: &Method, path: &str, query: Option<&str>) -> Result<Self, Fault> {
        let segments: Vec<&str> = path.split('/').collect();
        let ["", VERSION, "distribution", rest @ ..] = segments.as_slice() else {
            return Err(unsupported(method, path));
        };
        // A HEAD is answered as a GET, less the body (RFC 9110 §9.3.2).
        let reads = [Method::GET, Method::HEAD].contains(method);
        let page = || Page::read(query.unwrap_or_default());
        Ok(match rest {
            [] if reads => Self::ListDistributions(page()?),
            [id] if reads => Self::GetDistribution { distribution: (*id).to_owned() },
            [id, "config"] if reads => {
                Self::GetDistributionConfig { distribution: (*id).to_owned() }
            }
            [id, "invalidation"] if reads => {
                Self::ListInvalidations { distribution: (*id).to_owned(), page: page()? }
            }
            [id, "invalidation"] if *method == Method::POST => {
                Self::CreateInvalidation { distribution: (*id).to_owned() }
            }
            [distribution, "invalidation", id] if reads => Self::GetInvalidation {
                distribution: (*distribution).to_owned(),
                id: (*id).to_owned(),
            },
            _ => return Err(unsupported(method, path)),
        })
    }

    /// As it is called in an IAM policy, behind `cloudfront:`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::CreateInvalidation { .. } => "CreateInvalidation",
            Self::GetDistribution { .. } => "GetDistribution",
            Self::GetDistributionConfig { .. } => "GetDistributionConfig",
            Self::GetInvalidation { .. } => "GetInvalidation",
            Self::ListDistributions(_) => "ListDistributions",
            Self::ListInvalidations { .. } => "ListInvalidations",
        }
    }

    /// The distribution that it is about; `None` for all of them.
    pub(super) fn distribution(&self) -> Option<&str> {
        match self {
            Self::CreateInvalidation { distribution }
            | Self::GetDistribution { distribution }
            | Self::GetDistributionConfig { distribution }
            | Self::GetInvalidation { distribution, .. }
            | Self::ListInvalidations { distribution, .. } => Some(distribution),
            Self::ListDistributions(_) => None,
        }
    }
}

// === impl Page ===

impl Page {
    /// Parameters that CloudFront does not know are passed over, as it does.
    fn read(query: &str) -> Result<Self, Fault> {
        let mut page = Self { marker: None, most: ITEMS_MAX };
        let (mut markers, mut sizes) = (0, 0);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "Marker" => {
                    markers += 1;
                    page.marker = Some(decoded(value)?).filter(|marker| !marker.is_empty());
                }
                "MaxItems" => {
                    sizes += 1;
                    page.most = size(value)?;
                }
                _ => {}
            }
        }
        if markers > 1 || sizes > 1 {
            return Err(Fault::InvalidArgument("A parameter is given twice.".to_owned()));
        }
        Ok(page)
    }
}

fn decoded(value: &str) -> Result<String, Fault> {
    let decoded = percent_decode_str(value).decode_utf8();
    let decoded = decoded.map_err(|_| Fault::InvalidArgument("The Marker is no text.".to_owned()));
    Ok(decoded?.into_owned())
}

fn size(value: &str) -> Result<usize, Fault> {
    let number = value.parse::<usize>().ok().filter(|number| *number > 0);
    let sentence = "MaxItems is a number from 1 on; a page has 100 items at most.";
    let number = number.ok_or_else(|| Fault::InvalidArgument(sentence.to_owned()))?;
    Ok(number.min(ITEMS_MAX))
}

fn unsupported(method: &Method, path: &str) -> Fault {
    Fault::UnsupportedOperation(format!(
        "This node does not carry out {method} {}. Of CloudFront's API {VERSION} it answers \
         CreateInvalidation, GetInvalidation, ListInvalidations, GetDistribution, \
         GetDistributionConfig and ListDistributions; sites are changed in its configuration file.",
        tame(path, PATH_BYTES_SHOWN)
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Result<Operation, Fault> {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        Operation::read(&method.parse().unwrap(), path, query)
    }

    fn page(marker: Option<&str>, most: usize) -> Page {
        Page { marker: marker.map(str::to_owned), most }
    }

    #[test]
    fn what_clients_sent_is_understood() {
        let distribution = || "E1EXAMPLE".to_owned();
        for (capture, operation) in [
            (
                include_str!("captures/create-invalidation-all-01.http"),
                Operation::CreateInvalidation { distribution: distribution() },
            ),
            (
                include_str!("captures/get-distribution-08.http"),
                Operation::GetDistribution { distribution: distribution() },
            ),
            (
                include_str!("captures/get-invalidation-04.http"),
                Operation::GetInvalidation {
                    distribution: distribution(),
                    id: "I1JLWSDAP8FU89".to_owned(),
                },
            ),
            (
                include_str!("captures/list-distributions-09.http"),
                Operation::ListDistributions(page(None, 100)),
            ),
            (
                include_str!("captures/list-invalidations-05.http"),
                Operation::ListInvalidations {
                    distribution: distribution(),
                    page: page(None, 100),
                },
            ),
        ] {
            let line = capture.split(" HTTP/1.1").next().unwrap();
            assert_eq!(read(line).unwrap(), operation, "{line}");
        }
        let head = read("HEAD /2020-05-31/distribution/E1/config").unwrap();
        assert_eq!(head, Operation::GetDistributionConfig { distribution: "E1".to_owned() });
        // `--distribution-id "$UNSET"`.
        let unset = read("POST /2020-05-31/distribution//invalidation").unwrap();
        assert_eq!(unset, Operation::CreateInvalidation { distribution: String::new() });
    }

    #[test]
    fn what_this_node_does_not_do_is_said() {
        for line in [
            "PUT /2020-05-31/distribution/E1/config",
            "POST /2020-05-31/distribution",
            "POST /2020-05-31/distribution?WithTags",
            "DELETE /2020-05-31/distribution/E1",
            "DELETE /2020-05-31/distribution/E1/invalidation/I1",
            "POST /2020-05-31/distribution/E1/invalidation/I1",
            "POST /2020-05-31/distribution-tenant/dt_1/invalidation",
            "GET /2020-05-31/tagging?Resource=arn:aws:cloudfront::1:distribution/E1",
            "GET /2020-05-31/function",
            "GET /2020-05-31/distribution/E1/invalidation/I1/more",
            "GET /2020-05-31",
            "GET /2019-03-26/distribution/E1",
            "PATCH /2016-11-25/distribution/E1/invalidation",
        ] {
            let fault = read(line).unwrap_err();
            assert!(matches!(fault, Fault::UnsupportedOperation(_)), "{line}");
            assert!(fault.to_string().contains("it answers CreateInvalidation, "), "{fault}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        for (query, expected) in [
            ("", Some(page(None, 100))),
            ("Marker=I1&MaxItems=5", Some(page(Some("I1"), 5))),
            ("MaxItems=5&Marker=", Some(page(None, 5))),
            ("MaxItems=1000", Some(page(None, 100))),
            ("Marker=%49%31&Else=x&MaxItems", Some(page(Some("I1"), 100))),
            ("MaxItems=0", None),
            ("MaxItems=", None),
            ("MaxItems=-1", None),
            ("MaxItems=x", None),
            ("Marker=%FF", None),
            ("Marker=a&Marker=b", None),
        ] {
            let read = Page::read(query);
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{query}");
            if let Err(fault) = read {
                assert!(matches!(fault, Fault::InvalidArgument(_)), "{query}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(method in "[A-Z]{1,8}", path in ".{0,60}", query in ".{0,40}") {
            let _ = Operation::read(&method.parse().unwrap(), &path, Some(&query));
            let path = format!("/2020-05-31/distribution/{path}");
            let _ = Operation::read(&Method::GET, &path, Some(&query));
        }
    }
}
