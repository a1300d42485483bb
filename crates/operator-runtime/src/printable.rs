//! Text that tenants wrote, made fit to be printed: nothing in it can move a cursor, turn the direction of writing
//! or hide. Not responsible for the syntax it is put into: whoever
//! writes markup escapes it.

use std::borrow::Cow;

/// The text without control and invisible characters; in ASCII without anything else either.
pub fn printable(text: &str, is_ascii: bool) -> Cow<'_, str> {
    let is_fine = |character: char| is_visible(character) && (character.is_ascii() || !is_ascii);
    if text.chars().all(is_fine) {
        return Cow::Borrowed(text);
    }
    let substitute = if is_ascii { '?' } else { char::REPLACEMENT_CHARACTER };
    text.chars().map(|character| if is_fine(character) { character } else { substitute }).collect()
}

/// Whether a character can be seen where it stands, and changes nothing elsewhere.
fn is_visible(character: char) -> bool {
    let is_format = matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    // XML 1.0 does not know the last two code points of the first plane.
    let is_no_character = matches!(character, '\u{fffe}' | '\u{ffff}');
    !character.is_control() && !is_format && !is_no_character
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printable_stays_as_it_is() {
        for text in ["default/web-0", "größe", "名前", ""] {
            assert!(matches!(printable(text, false), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn no_character_moves_the_cursor_turns_the_text_or_hides() {
        let hostile = [
            "\u{1b}[2J",
            "\u{9b}31m",
            "a\nb",
            "a\r",
            "\u{7}",
            "\u{202e}x",
            "\u{2066}x",
            "\u{200b}",
            "\u{7f}",
            "\u{e0041}",
        ];
        for text in hostile {
            let shown = printable(text, false);
            assert!(shown.chars().all(is_visible), "{text:?} became {shown:?}");
            assert!(shown.contains('\u{fffd}'), "{text:?} became {shown:?}");
            assert_eq!(shown.chars().count(), text.chars().count(), "the width stays");
        }
    }

    #[test]
    fn in_ascii_everything_else_is_a_question_mark() {
        assert_eq!(printable("a\u{1b}[0mü█", true), "a?[0m??");
    }
}
