/// The most bytes of an error that are kept.
const MOST: usize = 4000;

/// A text that a database takes: no NUL, and not too long.
pub(crate) fn kept(text: &str) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(MOST));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_nul_or_without_end_is_made_storable() {
        assert_eq!(kept("a\0b"), "a\u{fffd}b");
        assert_eq!(kept(&"é".repeat(4000)).len(), MOST);
    }
}
