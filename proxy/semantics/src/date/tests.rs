use super::*;
use proptest::prelude::*;

const NOW: OffsetDateTime = datetime!(2026-06-15 12:00:00 UTC);

fn read(text: &str) -> Option<OffsetDateTime> {
    parse(text.as_bytes(), NOW.into()).map(OffsetDateTime::from)
}

#[test]
fn reads_the_three_forms() {
    let sunday = datetime!(1994-11-06 08:49:37 UTC);
    for (text, expected) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", sunday),
        ("SUN, 06 nov 1994 08:49:37 gmt", sunday),
        ("Sun, 06 Nov 1994 08:49:37 UTC", sunday),
        ("Mon, 06 Nov 1994 08:49:37 GMT", sunday),
        ("Sunday, 06-Nov-94 08:49:37 GMT", sunday),
        ("sunday, 06-NOV-94 08:49:37 utc", sunday),
        ("Sun Nov  6 08:49:37 1994", sunday),
        ("sun nov 06 08:49:37 1994", sunday),
        ("Thu, 29 Feb 2024 00:00:00 GMT", datetime!(2024-02-29 00:00 UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime!(2017-01-01 00:00 UTC)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LAST),
        ("Sat, 01 Jan 0000 00:00:00 GMT", FIRST),
        ("Thursday, 18-Aug-50 02:01:18 GMT", datetime!(2050-08-18 02:01:18 UTC)),
        ("Monday, 15-Jun-76 12:00:00 GMT", datetime!(2076-06-15 12:00 UTC)),
        ("Monday, 15-Jun-76 12:00:01 GMT", datetime!(1976-06-15 12:00:01 UTC)),
        ("Tuesday, 29-Feb-00 00:00:00 GMT", datetime!(2000-02-29 00:00 UTC)),
    ] {
        assert_eq!(read(text), Some(expected), "{text}");
    }
    let eve: SystemTime = datetime!(2099-12-31 00:00 UTC).into();
    let next = parse(b"Saturday, 01-Jan-05 00:00:00 GMT", eve);
    assert_eq!(next, Some(datetime!(2105-01-01 00:00 UTC).into()));
}

#[test]
fn reads_nothing_else() {
    for text in [
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT, x",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov   6 08:49:37 1994",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn writes_what_it_can() {
    let far = UNIX_EPOCH + Duration::from_hours(24 * 366 * 10_000);
    assert_eq!(format(far), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(format(UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
    let before = UNIX_EPOCH - Duration::from_millis(1);
    assert_eq!(format(before), "Wed, 31 Dec 1969 23:59:59 GMT");
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes: Vec<u8>, now: u32) {
        let _ = parse(&bytes, UNIX_EPOCH + Duration::from_secs(now.into()));
    }

    #[test]
    fn what_almost_is_a_date_is_read(text in "[A-Sa-z]{3,9},? [ -~]{1,30}( GMT)?") {
        let _ = read(&text);
    }

    #[test]
    fn reads_what_it_writes(seconds in 0..253_402_300_800_u64, nanos in 0..1_000_000_000_u32) {
        let whole = UNIX_EPOCH + Duration::from_secs(seconds);
        let written = format(whole + Duration::from_nanos(nanos.into()));
        prop_assert_eq!(parse(written.as_bytes(), UNIX_EPOCH), Some(whole));
    }
}
