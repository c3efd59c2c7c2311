//! Words of strangers, made fit for a line that people read.

/// In one line, without what cannot be seen or turns the direction of what follows.
pub(crate) fn tame(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let seen = words.map(|word| word.chars().filter(|letter| !is_unseen(*letter)).collect());
    let words: Vec<String> = seen.filter(|word: &String| !word.is_empty()).collect();
    words.join(" ")
}

fn is_unseen(letter: char) -> bool {
    matches!(
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
    use super::*;

    #[test]
    fn it_is_one_line_of_what_can_be_seen() {
        for (text, tamed) in [
            ("no such zone", "no such zone"),
            ("\u{1b}[31mred\r\n\tnext\u{7}", "[31mred next"),
            ("safe\u{202e}gpj.exe\u{2066} \u{200b} end", "safegpj.exe end"),
            ("", ""),
        ] {
            assert_eq!(tame(text), tamed);
        }
    }
}
