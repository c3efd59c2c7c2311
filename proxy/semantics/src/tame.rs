//! Words of strangers, made fit for a line that people read.

/// In one line of at most so many bytes, without what moves a cursor, changes colours or turns the
/// direction in which text is read.
pub fn tame(words: &str, bytes_max: usize) -> String {
    let mut tamed = String::new();
    for letter in words.chars() {
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if is_unseen(letter) || (letter == ' ' && (tamed.is_empty() || tamed.ends_with(' '))) {
            continue;
        }
        tamed.push(letter);
        if tamed.len() > bytes_max {
            return cut(tamed, bytes_max);
        }
    }
    tamed.truncate(tamed.trim_end().len());
    tamed
}

/// At most so many bytes; what is longer ends in `…`.
pub fn cut(mut text: String, bytes_max: usize) -> String {
    const MORE: &str = "…";
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max.saturating_sub(MORE.len())));
        text.push_str(MORE);
    }
    text
}

/// Controls, marks and overrides of direction (UAX #9 §2), and what has no width.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        for (words, tamed) in [
            ("DNS problem: NXDOMAIN", "DNS problem: NXDOMAIN"),
            ("kein Zugang für „a“", "kein Zugang für „a“"),
            ("one\r\n\ttwo\u{2028}three\n", "one two three"),
            ("\u{1b}[31mred\u{1b}[0m\u{9b}1m\u{7}", "[31mred[0m1m"),
            ("safe\u{202e}gpj.exe\u{2066}\u{200b}", "safegpj.exe"),
            ("", ""),
        ] {
            assert_eq!(tame(words, 100), tamed);
        }
        assert_eq!(tame("0123456789", 10), "0123456789");
        assert_eq!(tame("0123456789a", 10), "0123456…");
        assert_eq!(tame("ää ää ää", 10), "ää ä…");
    }

    proptest! {
        #[test]
        fn it_is_one_line_of_a_known_length(words in any::<String>(), bytes_max in 3..40_usize) {
            let tamed = tame(&words, bytes_max);
            prop_assert!(tamed.len() <= bytes_max);
            prop_assert!(!tamed.contains(is_unseen) && !tamed.contains(['\n', '\r']));
            prop_assert_eq!(tame(&tamed, bytes_max), tamed);
        }
    }
}
