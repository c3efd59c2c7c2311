use super::*;
use proptest::prelude::*;

fn resolved(lines: &[&str], length: u64) -> Ranges {
    let mut request = HeaderMap::new();
    for line in lines {
        request.append(header::RANGE, line.parse().unwrap());
    }
    resolve(&request, length, 10)
}

#[test]
fn one_range() {
    for (range, length, expected) in [
        ("bytes=0-4", 10, Ranges::One(0..5)),
        ("BYTES=0-4", 10, Ranges::One(0..5)),
        ("bytes=4-4", 10, Ranges::One(4..5)),
        ("bytes=4-99", 10, Ranges::One(4..10)),
        ("bytes=0-", 10, Ranges::One(0..10)),
        ("bytes=9-", 10, Ranges::One(9..10)),
        ("bytes=-3", 10, Ranges::One(7..10)),
        ("bytes=-10", 10, Ranges::One(0..10)),
        ("bytes=-99", 10, Ranges::One(0..10)),
        ("bytes=007-08", 10, Ranges::One(7..9)),
        ("bytes=0-99999999999999999999999", 10, Ranges::One(0..10)),
        ("bytes=-99999999999999999999999", 10, Ranges::One(0..10)),
        ("bytes= ,\t0-0 , ", 10, Ranges::One(0..1)),
        ("bytes=10-", 10, Ranges::Unsatisfiable),
        ("bytes=10-20", 10, Ranges::Unsatisfiable),
        ("bytes=99999999999999999999999-", 10, Ranges::Unsatisfiable),
        ("bytes=-0", 10, Ranges::Unsatisfiable),
        ("bytes=0-", 0, Ranges::Unsatisfiable),
        ("bytes=0-0", 0, Ranges::Unsatisfiable),
        ("bytes=-1", 0, Ranges::Unsatisfiable),
        ("bytes=-0", 0, Ranges::Unsatisfiable),
        ("bytes=0-18446744073709551615", u64::MAX, Ranges::One(0..u64::MAX)),
    ] {
        assert_eq!(resolved(&[range], length), expected, "{range} of {length}");
    }
}

#[test]
fn what_is_no_range_set_is_no_range() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=0",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1-2",
        "bytes=0--1",
        "bytes=+1-2",
        "bytes=0 - 4",
        "bytes=1.0-2",
        "bytes=0x0-1",
        "bytes =0-1",
        "bytes:0-1",
        "lines=0-1",
        "bytes=0-1,x",
        "bytes=0-1;2-3",
        "bytes=0-1, bytes=2-3",
    ] {
        assert_eq!(resolved(&[range], 10), Ranges::Whole, "{range:?}");
    }
    assert_eq!(resolved(&[], 10), Ranges::Whole);
    assert_eq!(resolved(&["bytes=0-1", "bytes=0-1"], 10), Ranges::Whole);
}

#[test]
fn sets_of_ranges() {
    for (range, expected) in [
        ("bytes=0-1,8-9", Ranges::Many(vec![0..2, 8..10])),
        ("bytes=8-9 , 0-1", Ranges::Many(vec![8..10, 0..2])),
        ("bytes=0-4,5-9", Ranges::Many(vec![0..5, 5..10])),
        ("bytes=0-0,-1", Ranges::Many(vec![0..1, 9..10])),
        ("bytes=0-4,2-6", Ranges::Many(vec![0..5, 2..7])),
        ("bytes=0-,0-", Ranges::Many(vec![0..10, 0..10])),
        ("bytes=0-4,99-", Ranges::One(0..5)),
        ("bytes=99-,-0", Ranges::Unsatisfiable),
        ("bytes=0-,0-,0-", Ranges::Whole),
        ("bytes=0-1,1-2,4-5,5-6", Ranges::Whole),
        ("bytes=9-,8-8,7-7,6-6,5-5,4-4,3-3,2-2", {
            Ranges::Many((2..10).rev().map(|at| at..at + 1).collect())
        }),
        ("bytes=9-,8-8,7-7,6-6,5-5,4-4,3-3,2-2,1-1", Ranges::Whole),
        ("bytes=1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9", {
            Ranges::Many((1..10).map(|at| at..at + 1).collect())
        }),
        // Ten members are the most that these tests allow, satisfiable or not.
        ("bytes=0-0,20-,20-,20-,20-,20-,20-,20-,20-,20-", Ranges::One(0..1)),
        ("bytes=0-0,20-,20-,20-,20-,20-,20-,20-,20-,20-,20-", Ranges::Whole),
    ] {
        assert_eq!(resolved(&[range], 10), expected, "{range}");
    }
}

/// What a field may hold, and most often what a set of ranges does.
fn octet() -> impl Strategy<Value = u8> {
    let usual = prop::sample::select(b"0123456789-, \t".as_slice());
    prop_oneof![3 => usual, 1 => 0x20..=0x7E_u8, 1 => 0x80..=0xFF_u8]
}

proptest! {
    #[test]
    fn ranges_lie_within_the_body(
        value in "(?i:bytes)=([0-9]{0,3}-[0-9]{0,3},?){1,6}|[ -~]{0,20}",
        length in 0_u64..400,
    ) {
        let is_within = |range: &Range<u64>| range.start < range.end && range.end <= length;
        match resolved(&[&value], length) {
            Ranges::One(range) => prop_assert!(is_within(&range)),
            Ranges::Many(ranges) => {
                prop_assert!(ranges.len() > 1 && ranges.iter().all(is_within));
                let sum: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                prop_assert!(sum <= 2 * length, "one overlap at most");
            }
            Ranges::Whole | Ranges::Unsatisfiable => {}
        }
    }

    #[test]
    fn no_octets_are_too_strange(
        set in prop::collection::vec(octet(), 0..30),
        length in any::<u64>(),
    ) {
        let value = http::HeaderValue::from_bytes(&[b"bytes=", set.as_slice()].concat());
        let request = HeaderMap::from_iter([(header::RANGE, value.unwrap())]);
        let _ = resolve(&request, length, 10);
    }
}
