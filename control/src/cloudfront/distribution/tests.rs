use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;

const FILE: &str = r#"
[listen]
http = ["127.0.0.1:80"]
https = ["[::]:443"]

[tls]
policy = "TLSv1.3_2025"
certificates = [{ chain = "/none.pem", key = "/none.key" }]

[origins.web]
s3 = { bucket = "web-prod", region = "eu-central-1", prefix = "build/" }

[origins.local]
s3 = { bucket = "web", region = "r", endpoint = "http://127.0.0.1:9000", path_style = true, credentials = "anonymous" }

[origins.api]
targets = ["10.0.1.10:8080", "10.0.1.11:8080"]
headers = { x-origin-secret = "do-not-tell" }
response_timeout = "1500ms"

[origins.main]
primary = "web"
secondary = "local"
on = [500, 503]

[sites.www]
id = "E2QWRUHAPOMQZL"
hosts = ["*.preview.example.com", "www.example.com"]
origin = "main"
default_root_object = "index.html"
spa = "/index.html"
error_pages = [{ status = [404], page = "/404.html", ttl = "10s" }, { status = [500], ttl = "5s" }]

[[sites.www.behaviors]]
path = "/api/*"
origin = "api"
viewer = "https-only"
policy = "custom"

[policies.custom]
ttl = { min = "1s", default = "1m", max = "1h" }
query = ["page", "size"]
headers = ["accept-language"]
cookies = "all"

[sites.shop]
id = "E1SHOP"
hosts = ["shop.example.com"]
origin = "api"
"#;

/// Where S3 said its bucket is.
struct Learned;

impl Hosts for Learned {
    fn bucket(&self, origin: &str) -> Option<String> {
        let host = match origin {
            "web" => "web-prod.s3.eu-west-1.amazonaws.com",
            _ => "127.0.0.1",
        };
        Some(host.to_owned())
    }
}

fn config() -> Config {
    match warmfront_config::parse(FILE, Path::new("/warmfront.toml"), &|_| None) {
        Ok(config) => config,
        Err(problems) => panic!("{problems:?}"),
    }
}

fn ground(config: &Config) -> Ground<'_> {
    let in_force_since = SystemTime::UNIX_EPOCH + Duration::from_hours(498_708);
    Ground { config, hosts: &Learned, in_force_since }
}

fn page(marker: Option<&str>, most: usize) -> Page {
    Page { marker: marker.map(str::to_owned), most }
}

#[test]
fn a_site_is_shown_as_a_distribution() {
    let config = config();
    let shown = shown(ground(&config), &config.sites[0], 2);
    for part in [
        "<Id>E2QWRUHAPOMQZL</Id>\
         <ARN>arn:aws:cloudfront::000000000000:distribution/E2QWRUHAPOMQZL</ARN>\
         <Status>Deployed</Status><LastModifiedTime>2026-11-22T12:00:00.000Z</LastModifiedTime>\
         <InProgressInvalidationBatches>2</InProgressInvalidationBatches>\
         <DomainName>www.example.com</DomainName><DistributionConfig>\
         <CallerReference>www</CallerReference><Aliases><Quantity>2</Quantity><Items>\
         <CNAME>*.preview.example.com</CNAME><CNAME>www.example.com</CNAME></Items></Aliases>\
         <DefaultRootObject>index.html</DefaultRootObject><Origins><Quantity>3</Quantity>",
        "<Origin><Id>web</Id><DomainName>web-prod.s3.eu-west-1.amazonaws.com</DomainName>\
         <OriginPath>/build</OriginPath><CustomHeaders><Quantity>0</Quantity></CustomHeaders>\
         <S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig>\
         <OriginAccessControlId>web</OriginAccessControlId></Origin>",
        "<Id>local</Id><DomainName>127.0.0.1</DomainName><OriginPath>/web</OriginPath>",
        "<HTTPPort>9000</HTTPPort><HTTPSPort>443</HTTPSPort>\
         <OriginProtocolPolicy>http-only</OriginProtocolPolicy>",
        "<OriginAccessControlId></OriginAccessControlId>",
        "<Id>api</Id><DomainName>10.0.1.10</DomainName>",
        "<OriginReadTimeout>2</OriginReadTimeout>",
        "<HeaderName>x-origin-secret</HeaderName><HeaderValue>****</HeaderValue>",
        "<OriginGroup><Id>main</Id><FailoverCriteria><StatusCodes><Quantity>2</Quantity><Items>\
         <StatusCode>500</StatusCode><StatusCode>503</StatusCode></Items></StatusCodes>\
         </FailoverCriteria><Members><Quantity>2</Quantity><Items><OriginGroupMember>\
         <OriginId>web</OriginId></OriginGroupMember><OriginGroupMember><OriginId>local</OriginId>",
        "<DefaultCacheBehavior><TargetOriginId>main</TargetOriginId>",
        "<ViewerProtocolPolicy>redirect-to-https</ViewerProtocolPolicy>\
         <AllowedMethods><Quantity>3</Quantity>",
        "<CacheBehavior><PathPattern>/api/*</PathPattern><TargetOriginId>api</TargetOriginId>",
        "<ForwardedValues><QueryString>true</QueryString><Cookies><Forward>all</Forward></Cookies>\
         <Headers><Quantity>1</Quantity><Items><Name>accept-language</Name></Items></Headers>\
         <QueryStringCacheKeys><Quantity>2</Quantity><Items><Name>page</Name><Name>size</Name>\
         </Items></QueryStringCacheKeys></ForwardedValues>\
         <MinTTL>1</MinTTL><DefaultTTL>60</DefaultTTL><MaxTTL>3600</MaxTTL>",
        "<ErrorCode>403</ErrorCode><ResponsePagePath>/index.html</ResponsePagePath>\
         <ResponseCode>200</ResponseCode>",
        "<ErrorCode>404</ErrorCode><ResponsePagePath>/404.html</ResponsePagePath>\
         <ResponseCode>404</ResponseCode><ErrorCachingMinTTL>10</ErrorCachingMinTTL>",
        "<ErrorCode>500</ErrorCode><ResponsePagePath></ResponsePagePath><ResponseCode></ResponseCode>",
        "<Comment>www</Comment>",
        "<MinimumProtocolVersion>TLSv1.3_2025</MinimumProtocolVersion>",
        "<HttpVersion>http2</HttpVersion><IsIPV6Enabled>true</IsIPV6Enabled>",
        "<CacheTagConfig><HeaderName>cache-tag</HeaderName></CacheTagConfig></DistributionConfig>",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!shown.contains("do-not-tell"), "{shown}");
}

#[test]
fn the_etag_is_the_configurations() {
    let config = config();
    let [www, shop] = &config.sites[..] else { panic!() };
    let tag = etag(ground(&config), www);
    assert_eq!((tag.len(), tag.starts_with('E')), (14, true), "{tag}");
    let later = Ground { in_force_since: SystemTime::UNIX_EPOCH, ..ground(&config) };
    assert_eq!(etag(later, www), tag);
    assert_ne!(etag(later, shop), tag);
    let document = config_shown(later, www);
    assert!(document.contains("<DistributionConfig xmlns=\""), "{document}");
    assert!(!document.contains("LastModifiedTime"), "{document}");
}

#[test]
fn distributions_are_listed_in_pages() {
    let config = config();
    let sites: Vec<&Site> = config.sites.iter().map(|site| &**site).collect();
    let list = |marker, most| listed(ground(&config), &page(marker, most), &sites);
    let first = list(None, 1).unwrap();
    let head = "<Marker></Marker><NextMarker>E2QWRUHAPOMQZL</NextMarker><MaxItems>1</MaxItems>\
        <IsTruncated>true</IsTruncated><Quantity>1</Quantity><Items><DistributionSummary>\
        <Id>E2QWRUHAPOMQZL</Id>";
    assert!(first.contains(head), "{first}");
    assert!(first.contains("<CNAME>www.example.com</CNAME>"), "{first}");
    let second = list(Some("E2QWRUHAPOMQZL"), 1).unwrap();
    let head = "<Marker>E2QWRUHAPOMQZL</Marker><MaxItems>1</MaxItems>\
        <IsTruncated>false</IsTruncated><Quantity>1</Quantity><Items><DistributionSummary>\
        <Id>E1SHOP</Id>";
    assert!(second.contains(head), "{second}");
    assert!(list(Some("E1SHOP"), 1).unwrap().contains("<Quantity>0</Quantity></DistributionList>"));
    assert_eq!(list(Some("ENONE"), 1), None);
}
