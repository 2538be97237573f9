//! Names from outside made harmless, and random ones.

use std::path::Path;

use super::format::Format;
use crate::inputs::MARK;
use crate::model_cache::hexadecimal;
use rand::Rng;

/// Characters that a file name may keep.
const LENGTH: usize = 120;

/// 128 random bits in hexadecimal: ids that nobody guesses, and tokens.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    hexadecimal(&bytes)
}

/// Whether this has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The last part of a name as a client gave it, without anything that a file system or a ZIP
/// archive could take for more than a name.
pub(crate) fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = |c: char| match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        c => c,
    };
    // Marks that turn the direction of writing make a name look like another.
    let turns = |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean: String = last.chars().filter(|c| !c.is_control() && !turns(*c)).map(kept).collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches('.').trim();
    if clean.is_empty() {
        return "photo".to_owned();
    }
    let count = clean.chars().count();
    // The end is kept: it has the extension.
    clean.chars().skip(count.saturating_sub(LENGTH)).collect()
}

/// The extension of the file that a photo becomes: the wanted format's, else the one that its
/// name or its content says, as `relume restore` does it.
pub(crate) fn extension(name: &str, content: Format, wanted: Option<Format>) -> String {
    let own = Path::new(name).extension().map(|e| e.to_string_lossy().into_owned());
    let fits = Format::of_name(name).is_some_and(|named| named.is_like(content));
    match (wanted, own) {
        (None, Some(own)) if fits => own,
        (wanted, _) => wanted.unwrap_or(content).extension().to_owned(),
    }
}

/// `night.jpg` → `night.relume.jpg`, and `night.relume-2.jpg` where that is taken.
pub(crate) fn result(name: &str, extension: &str, taken: &[String]) -> String {
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let first = format!("{stem}.{MARK}.{extension}");
    let others = (2..).map(|number| format!("{stem}.{MARK}-{number}.{extension}"));
    // File systems that know no case would take one for the other.
    let is_taken = |name: &String| taken.iter().any(|t| t.to_lowercase() == name.to_lowercase());
    std::iter::once(first).chain(others).find(|name| !is_taken(name)).unwrap_or_default()
}

/// The value of a `Content-Disposition` header that has a browser save a file by its name.
pub(crate) fn disposition(name: &str) -> String {
    let plain: String =
        name.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') {
                    c
                } else {
                    '_'
                }
            })
            .collect();
    let encoded: String = name
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(b).to_string()
            }
            b => format!("%{b:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use relume_media::PhotoFormat;

    use super::*;

    #[test]
    fn names_become_harmless() {
        let cases = [
            ("night.jpg", "night.jpg"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("/abs/olute.png", "olute.png"),
            ("..", "photo"),
            ("", "photo"),
            (".hidden.jpg", "hidden.jpg"),
            ("a\0b\r\n.jpg", "ab.jpg"),
            ("C:stream.jpg", "C_stream.jpg"),
            ("x\u{202e}gpj.exe", "xgpj.exe"),
            ("Nächte.jpg", "Nächte.jpg"),
        ];
        for (given, expected) in cases {
            assert_eq!(harmless(given), expected, "{given:?}");
        }
        assert_eq!(harmless(&"x".repeat(500)).len(), LENGTH);
    }

    #[test]
    fn results_have_names_of_their_own() {
        let mut taken = Vec::new();
        for expected in ["night.relume.jpg", "night.relume-2.jpg", "night.relume-3.jpg"] {
            let name = result("night.jpg", "jpg", &taken);
            assert_eq!(name, expected);
            taken.push(name);
        }
        assert_eq!(result("NIGHT.jpg", "jpg", &taken), "NIGHT.relume-4.jpg");
    }

    #[test]
    fn extensions_follow_the_name_then_the_content() {
        let of = |name, wanted: Option<_>| {
            extension(name, Format::Photo(PhotoFormat::Png), wanted.map(Format::Photo))
        };
        assert_eq!(of("a.JPG", None), "JPG");
        assert_eq!(of("a.txt", None), "png");
        assert_eq!(of("a", None), "png");
        assert_eq!(of("a.jpg", Some(PhotoFormat::Tiff)), "tif");
    }

    #[test]
    fn ids_are_random_and_have_one_form() {
        let (one, other) = (random(), random());
        assert!(one != other && is_id(&one) && is_id(&other));
        for wrong in ["", "..", "../../x", "ABCDEF0123456789ABCDEF0123456789", &one[..31]] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        let value = disposition("a\";\r\nX: ü.jpg");
        assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)));
        assert_eq!(value.matches('"').count(), 2);
    }
}
