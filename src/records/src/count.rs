//! What a JSON text could hold, at most, by a look at its characters alone.

/// How many of some characters there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commas, those within strings as well.
    pub commas: usize,
    /// Braces that open, those within strings as well.
    pub braces: usize,
    /// Brackets that open, likewise.
    pub brackets: usize,
    /// Bytes of the longest run without a quote, but for one behind a backslash: no string is longer.
    pub longest: usize,
}

/// Counts them.
pub fn count(json: &[u8]) -> Counts {
    let (mut counts, mut run, mut before) = (Counts::default(), 0_usize, 0);
    for byte in json {
        match byte {
            b',' => counts.commas = counts.commas.wrapping_add(1),
            b'{' => counts.braces = counts.braces.wrapping_add(1),
            b'[' => counts.brackets = counts.brackets.wrapping_add(1),
            b'"' if before != b'\\' => {
                counts.longest = counts.longest.max(run);
                run = 0;
            }
            _ => {}
        }
        run = run.wrapping_add(1);
        before = *byte;
    }
    counts.longest = counts.longest.max(run);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_is_longer_than_said() {
        let of = |json: &str| {
            let Counts { commas, braces, brackets, longest } = count(json.as_bytes());
            (commas, braces, brackets, longest)
        };
        assert_eq!(of(""), (0, 0, 0, 0));
        assert_eq!(of(r#"{"id":["a"],"user":"bob,{"}"#), (2, 2, 1, 6));
        assert_eq!(of(r#""a\"b\"c""#), (0, 0, 0, 8));
        assert_eq!(of("\"abc"), (0, 0, 0, 4));
        // A backslash that stands for itself hides the end of a string: the run is longer, never shorter.
        assert_eq!(of(r#""a\\","b""#), (1, 0, 0, 6));
    }
}
