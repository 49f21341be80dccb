//! Cells of CSV (RFC 4180) that no spreadsheet takes for formulas: OWASP, "CSV Injection".

/// What begins a formula, also in the full width that some spreadsheets read alike.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What a spreadsheet that is told another separator, or loses the quotes, takes for the end of a cell.
const SEPARATORS: [char; 7] = [',', ';', '|', '\t', '\r', '\n', '"'];

/// One row, with its end. Every cell is quoted.
pub fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<_> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// One cell in its quotes, those inside doubled. Wherever a formula could begin, at the start or behind something that
/// could be read as a separator, an apostrophe stands before it.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 2);
    cell.push('"');
    // Blanks are skipped by spreadsheets: what follows them still begins the cell.
    let mut begins = true;
    for (place, c) in text.char_indices() {
        let controls = place == 0 && matches!(c, '\t' | '\r' | '\n');
        if controls || (begins && FORMULA.contains(&c)) {
            cell.push('\'');
        }
        if c == '"' {
            cell.push('"');
        }
        cell.push(c);
        begins = SEPARATORS.contains(&c) || (begins && c.is_whitespace());
    }
    cell.push('"');
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("plain", r#""plain""#),
            ("", r#""""#),
            ("say \"hi\"", r#""say ""hi""""#),
            ("a,b", r#""a,b""#),
            ("=1+1", r#""'=1+1""#),
            ("+1", r#""'+1""#),
            ("-1", r#""'-1""#),
            ("@SUM(A1)", r#""'@SUM(A1)""#),
            ("\t=1", "\"'\t'=1\""),
            ("\r=1", "\"'\r'=1\""),
            ("\n", "\"'\n\""),
            ("  =1", r#""  '=1""#),
            ("＝1", r#""'＝1""#),
            ("a;=1", r#""a;'=1""#),
            ("a, -1", r#""a, '-1""#),
            ("a\n=1", "\"a\n'=1\""),
            ("a|@x", r#""a|'@x""#),
            (r#"{"d":"=cmd"}"#, r#""{""d"":""'=cmd""}""#),
            ("a=b", r#""a=b""#),
            ("2026-11-22", r#""2026-11-22""#),
            ("a - b", r#""a - b""#),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
        assert_eq!(row(["a", "=b"]), "\"a\",\"'=b\"\r\n");
    }
}
