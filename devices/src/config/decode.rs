//! Bytes of a file to text: exports are not always UTF-8.

use super::{ConfigDiagnostic, Severity};

/// The text of a file, and what had to be guessed for it. UTF-16 is known by its mark; what is neither
/// that nor UTF-8 is read byte by byte as ISO 8859-1, which all that matters to a grammar is in.
#[must_use]
pub fn decode(file: &str, bytes: &[u8]) -> (String, Option<ConfigDiagnostic>) {
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|two| of([two[0], two[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => return (wide(u16::from_le_bytes), None),
        [0xfe, 0xff, ..] => return (wide(u16::from_be_bytes), None),
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
            let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let column = (before.len() - start) as u32 + 1;
            let wrong = bytes[before.len()];
            let guessed = ConfigDiagnostic {
                severity: Severity::Warning,
                file: file.to_owned(),
                line,
                column_start: column,
                column_end: column + 1,
                message: format!("the file is not UTF-8 (byte 0x{wrong:02x}): read as ISO 8859-1"),
                help: Some("names with such letters may be shown wrongly".to_owned()),
            };
            (bytes.iter().map(|&byte| char::from(byte)).collect(), Some(guessed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let check = |bytes: &[u8], expected: &str, place: Option<(u32, u32)>| {
            let (text, guessed) = decode("f", bytes);
            assert_eq!(text, expected);
            assert_eq!(guessed.map(|g| (g.line, g.column_start)), place, "{expected}");
        };
        check("name é".as_bytes(), "name é", None);
        check(b"a\nb \xe9 c", "a\nb é c", Some((2, 3)));
        check(b"\xff\xfea\0\n\0", "a\n", None);
        check(b"\xfe\xff\0a\0\n", "a\n", None);
        check(b"\xff\xfea", "", None);
        check(b"", "", None);
    }
}
