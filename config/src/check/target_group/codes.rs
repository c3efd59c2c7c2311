//! Which statuses pass a health check, in an Application Load Balancer's notation.

use std::ops::RangeInclusive;

/// `200`, `200,302` and `200-399` in any mix; never empty. Fails with a sentence on what is none of
/// these, or not within `bounds`.
pub(super) fn codes(
    text: &str,
    bounds: &RangeInclusive<u16>,
) -> Result<Vec<RangeInclusive<u16>>, String> {
    text.split(',').map(|part| range(part.trim(), bounds)).collect()
}

fn range(text: &str, bounds: &RangeInclusive<u16>) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (code(first, bounds)?, code(last, bounds)?);
    if first > last {
        return Err(format!("`{text}` ends before it begins: write \"{last}-{first}\""));
    }
    Ok(first..=last)
}

fn code(digits: &str, bounds: &RangeInclusive<u16>) -> Result<u16, String> {
    let digits = digits.trim();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let code = digits.parse().ok().filter(|code| plain && bounds.contains(code));
    code.ok_or_else(|| {
        let (least, most) = (bounds.start(), bounds.end());
        format!("`{digits}` is none of {least} to {most}: write \"{least}\" or \"{least}-{most}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HTTP: RangeInclusive<u16> = 200..=599;

    #[test]
    fn codes_stand_alone_in_lists_and_in_ranges() {
        for (text, meant) in [
            ("200", vec![200..=200]),
            ("200,302", vec![200..=200, 302..=302]),
            ("200-399", vec![200..=399]),
            ("404, 200 - 299,503", vec![404..=404, 200..=299, 503..=503]),
            ("599-599", vec![599..=599]),
        ] {
            assert_eq!(codes(text, &HTTP), Ok(meant), "{text}");
        }
        assert_eq!(codes("0,12,99", &(0..=99)), Ok(vec![0..=0, 12..=12, 99..=99]));
    }

    #[test]
    fn what_is_no_list_of_codes_is_told() {
        for (text, blamed) in [
            ("", "`` is none of 200 to 599"),
            ("199", "`199` is none of"),
            ("200-600", "`600` is none of"),
            ("200,", "`` is none of"),
            ("2xx", "`2xx` is none of"),
            ("+200", "`+200` is none of"),
            ("-200", "`` is none of"),
            ("200-300-400", "`300-400` is none of"),
            ("99999999", "`99999999` is none of"),
            ("399-200", "`399-200` ends before it begins: write \"200-399\""),
        ] {
            let message = codes(text, &HTTP).unwrap_err();
            assert!(message.starts_with(blamed), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_stays_within_bounds(text in "[0-9,+ -]{0,20}|\\PC{0,10}") {
            if let Ok(ranges) = codes(&text, &HTTP) {
                prop_assert!(!ranges.is_empty());
                for range in ranges {
                    prop_assert!(range.start() <= range.end());
                    prop_assert!(HTTP.contains(range.start()) && HTTP.contains(range.end()));
                }
            }
        }

        #[test]
        fn what_is_shown_is_read_again(written in prop::collection::vec((200_u16..=599, 0_u16..50), 1..8)) {
            let ranges: Vec<_> =
                written.iter().map(|(first, more)| *first..=(first + more).min(599)).collect();
            let shown: Vec<_> =
                ranges.iter().map(|range| format!("{}-{}", range.start(), range.end())).collect();
            prop_assert_eq!(codes(&shown.join(","), &HTTP), Ok(ranges));
        }
    }
}
