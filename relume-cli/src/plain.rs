//! Markdown as plain text for a terminal: as much of it as the guide uses.

/// The narrowest that a column of a table is squeezed to.
const NARROWEST: usize = 8;
/// Between two columns of a table.
const GAP: &str = "  ";

/// Renders Markdown as text of at most `width` characters a line; code and what does not break
/// may stand out.
pub(crate) fn plain(markdown: &str, width: usize) -> String {
    let mut lines = markdown.lines().peekable();
    let mut out = String::new();
    let mut last_mark = None;
    while let Some(line) = lines.next() {
        let mut following = |belongs: fn(&str) -> bool| -> Vec<&str> {
            std::iter::from_fn(|| lines.next_if(|line| belongs(line))).collect()
        };
        let block = if line.trim().is_empty() {
            continue;
        } else if line.starts_with("<!--") {
            following(|line| !line.is_empty());
            continue;
        } else if line.starts_with("```") {
            let code = following(|line| !line.starts_with("```"));
            code.iter().map(|line| format!("    {line}\n")).collect()
        } else if line.starts_with('|') {
            let rows = following(|line| line.starts_with('|'));
            table(&[&[line], rows.as_slice()].concat(), width)
        } else if line.starts_with('#') {
            heading(line)
        } else if let Some((mark, text)) = item(line) {
            let rest = following(|line| line.starts_with("  "));
            let text = inline(&[&[text], rest.as_slice()].concat().join(" "));
            hang(mark, &text, width)
        } else {
            let rest = following(|line| !line.is_empty() && !opens_block(line));
            let text = inline(&[&[line], rest.as_slice()].concat().join(" "));
            wrap(&text, width).iter().map(|line| format!("{line}\n")).collect()
        };
        // The fence that ends a code block.
        if line.starts_with("```") {
            lines.next();
        }
        // Items of one list stand together.
        let mark = item(line).map(|(mark, _)| mark == "*");
        if !out.is_empty() && (mark.is_none() || mark != last_mark) {
            out.push('\n');
        }
        last_mark = mark;
        out.push_str(&block);
    }
    out
}

fn opens_block(line: &str) -> bool {
    line.starts_with(['#', '|']) || line.starts_with("```") || item(line).is_some()
}

/// The mark and the text of a line that begins an item of a list.
fn item(line: &str) -> Option<(&str, &str)> {
    if let Some(text) = line.strip_prefix("* ") {
        return Some(("*", text));
    }
    let (mark, text) = line.split_once(". ")?;
    (!mark.is_empty() && mark.bytes().all(|b| b.is_ascii_digit()))
        .then(|| (&line[..=mark.len()], text))
}

fn heading(line: &str) -> String {
    let text = inline(line.trim_start_matches('#').trim());
    let rule = if line.starts_with("# ") { "=" } else { "-" };
    format!("{text}\n{}\n", rule.repeat(text.chars().count()))
}

/// Text behind a mark, all its lines as far in as the first.
fn hang(mark: &str, text: &str, width: usize) -> String {
    let indent = mark.len() + 1;
    let lines = wrap(text, width.saturating_sub(indent));
    let lead = |at: usize| if at == 0 { mark } else { "" };
    let indented = |(at, line): (usize, &String)| format!("{:indent$}{line}\n", lead(at));
    lines.iter().enumerate().map(indented).collect()
}

/// Lines of at most `width` characters, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

/// Text without the marks of emphasis, code, links and pictures.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[', '!', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((inside, after)) = enclosed(rest, "`", "`") {
            out.push_str(inside);
            rest = after;
        } else if let Some((alt, after)) = link(rest.strip_prefix('!').unwrap_or("")) {
            out.push_str(&format!("[Picture: {}]", inline(alt.0)));
            rest = after;
        } else if let Some(((words, address), after)) = link(rest) {
            out.push_str(&inline(words));
            if address.starts_with("http") && address != words {
                out.push_str(&format!(" ({address})"));
            }
            rest = after;
        } else if let Some(after) = rest.strip_prefix('*') {
            rest = after;
        } else {
            rest = rest.strip_prefix('\\').unwrap_or(rest);
            let next = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    out + rest
}

/// What stands between `open`, with which `text` begins, and the next `close`; and what follows.
fn enclosed<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close)
}

/// The words and the address of a link that `text` begins with, and what follows.
fn link(text: &str) -> Option<((&str, &str), &str)> {
    let (words, after) = enclosed(text, "[", "]")?;
    let (address, after) = enclosed(after, "(", ")")?;
    Some(((words, address), after))
}

/// Columns of equal width in every row, the first row underlined, wide cells broken.
fn table(lines: &[&str], width: usize) -> String {
    let mut rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line)).collect();
    let rule = |row: &Vec<String>| row.iter().all(|cell| cell.trim_matches([':', '-']).is_empty());
    rows.retain(|row| !rule(row));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |c: usize| rows.iter().filter_map(|row| Some(row.get(c)?.chars().count())).max();
    let mut widths: Vec<usize> = (0..columns).map(|c| widest(c).unwrap_or(0)).collect();
    let room = width.saturating_sub(GAP.len() * columns.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(most) if *most > NARROWEST => *most -= 1,
            _ => break,
        }
    }
    let mut out = String::new();
    for (at, row) in rows.iter().enumerate() {
        let broken: Vec<_> = row.iter().zip(&widths).map(|(cell, w)| wrap(cell, *w)).collect();
        for line in 0..broken.iter().map(Vec::len).max().unwrap_or(0) {
            let cell = |c: usize| broken.get(c).and_then(|b| b.get(line)).map_or("", |s| s);
            out.push_str(&table_line(&widths, cell));
        }
        if at == 0 {
            let dashes: Vec<_> = widths.iter().map(|w| "-".repeat(*w)).collect();
            out.push_str(&table_line(&widths, |c| &dashes[c]));
        }
    }
    out
}

fn table_line<'a>(widths: &[usize], cell: impl Fn(usize) -> &'a str) -> String {
    let padded = |(c, w): (usize, &usize)| format!("{:w$}", cell(c), w = *w);
    let line = widths.iter().enumerate().map(padded).collect::<Vec<_>>().join(GAP);
    format!("{}\n", line.trim_end())
}

/// The cells of a row; a bar behind a backslash does not end one.
fn cells(line: &str) -> Vec<String> {
    const BAR: &str = "\u{1}";
    let line = line.replace("\\|", BAR);
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| inline(&cell.trim().replace(BAR, "|"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_block_is_rendered() {
        let markdown = "\
# A *title*

Words that are **long** enough to be broken, with `a * b`, a [link](other.md) and
[another](https://example.org).

![A lamp](images/lamp.webp)

## Part

* one
  goes on here and is broken too
* two

1. first

```sh
relume restore night.jpg
```

| name | what it is |
| --- | ---: |
| `a` | short |
| b \\| c | rather long, so that the column must be broken |

<!-- for machines
only -->

End.";
        let expected = "\
A title
=======

Words that are long enough to be broken,
with a * b, a link and another
(https://example.org).

[Picture: A lamp]

Part
----

* one goes on here and is broken too
* two

1. first

    relume restore night.jpg

name   what it is
-----  ---------------------------------
a      short
b | c  rather long, so that the column
       must be broken

End.
";
        assert_eq!(plain(markdown, 40), expected);
    }
}
