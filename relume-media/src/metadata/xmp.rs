//! Changes to an XMP packet in place: lengths stay, everything else stays byte for byte.

/// Sets `tiff:Orientation` to 1, in either spelling.
pub(crate) fn reset_orientation(xmp: &mut [u8]) {
    for (before, after) in
        [("tiff:Orientation=\"", b'"'), ("tiff:Orientation='", b'\''), ("<tiff:Orientation>", b'<')]
    {
        if let Some(start) = find(xmp, before.as_bytes()).map(|at| at + before.len())
            && xmp.get(start).is_some_and(|digit| (b'2'..=b'8').contains(digit))
            && xmp.get(start + 1) == Some(&after)
        {
            xmp[start] = b'1';
        }
    }
}

/// Blanks the mark that promises a gain map, when the gain map itself is not carried.
/// Returns whether there was one.
pub(crate) fn blank_gain_map(xmp: &mut [u8]) -> bool {
    let Some(start) = find(xmp, b"hdrgm:Version=\"") else { return false };
    let value = start + b"hdrgm:Version=\"".len();
    let Some(len) = xmp[value..].iter().position(|&b| b == b'"') else { return false };
    xmp[start..=value + len].fill(b' ');
    true
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientation_becomes_one_in_every_spelling() {
        for (before, after) in [
            ("<x tiff:Orientation=\"6\"/>", "<x tiff:Orientation=\"1\"/>"),
            ("<tiff:Orientation>8</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>"),
            ("<x tiff:Orientation=\"66\"/>", "<x tiff:Orientation=\"66\"/>"),
        ] {
            let mut xmp = before.as_bytes().to_vec();
            reset_orientation(&mut xmp);
            assert_eq!(String::from_utf8(xmp).unwrap(), after);
        }
    }

    #[test]
    fn the_gain_map_mark_is_blanked() {
        let mut xmp = b"<d hdrgm:Version=\"1.0\" a=\"2\"/>".to_vec();
        assert!(blank_gain_map(&mut xmp));
        assert_eq!(xmp, b"<d                     a=\"2\"/>");
        assert!(!blank_gain_map(&mut xmp));
    }
}
