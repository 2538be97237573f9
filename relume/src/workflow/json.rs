//! JSON with line numbers, which `serde_json` does not tell of values it has read.

use std::collections::HashSet;

use super::tree::{Located, Table, Tree};

/// Deepest nesting that is read.
const DEPTH: usize = 32;

/// Reads one JSON object.
pub(super) fn read(text: &str) -> Result<Table, Located<String>> {
    let mut reader = Reader { rest: text, line: 1, depth: 0 };
    let tree = reader.value()?;
    reader.skip_space();
    match tree.value {
        _ if !reader.rest.is_empty() => Err(reader.wrong("something follows the closing brace")),
        Tree::Table(table) => Ok(table),
        _ => Err(reader.wrong("the file must be one object, {…}")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    depth: usize,
}

impl Reader<'_> {
    fn wrong(&self, message: impl Into<String>) -> Located<String> {
        Located { line: self.line, value: message.into() }
    }

    fn skip_space(&mut self) {
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.take(self.rest.len() - trimmed.len());
    }

    /// Goes on by so many bytes.
    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        taken
    }

    /// Whether `sign` comes next; if so, goes past it.
    fn meets(&mut self, sign: char) -> bool {
        self.skip_space();
        let met = self.rest.starts_with(sign);
        if met {
            self.take(sign.len_utf8());
        }
        met
    }

    fn value(&mut self) -> Result<Located<Tree>, Located<String>> {
        self.skip_space();
        let line = self.line;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong(format!("nested deeper than {DEPTH} levels")));
        }
        let value = match self.rest.chars().next() {
            Some('{') => self.table()?,
            Some('[') => self.list()?,
            Some('"') => Tree::Text(self.text()?),
            Some(_) => self.word()?,
            None => return Err(self.wrong("the file ends too early")),
        };
        self.depth -= 1;
        Ok(Located { line, value })
    }

    fn table(&mut self) -> Result<Tree, Located<String>> {
        self.meets('{');
        let mut table = Table::new();
        let mut known = HashSet::new();
        if self.meets('}') {
            return Ok(Tree::Table(table));
        }
        loop {
            self.skip_space();
            let line = self.line;
            if !self.rest.starts_with('"') {
                return Err(self.wrong("a key in double quotes is expected"));
            }
            let key = self.text()?;
            if !known.insert(key.clone()) {
                return Err(self.wrong(format!("the key \"{key}\" is there twice")));
            }
            if !self.meets(':') {
                return Err(self.wrong(format!("a colon is expected after \"{key}\"")));
            }
            table.push((Located { line, value: key }, self.value()?));
            if self.meets('}') {
                return Ok(Tree::Table(table));
            }
            if !self.meets(',') {
                return Err(self.wrong("a comma or a closing brace is expected"));
            }
        }
    }

    fn list(&mut self) -> Result<Tree, Located<String>> {
        self.meets('[');
        let mut list = Vec::new();
        if self.meets(']') {
            return Ok(Tree::List(list));
        }
        loop {
            list.push(self.value()?);
            if self.meets(']') {
                return Ok(Tree::List(list));
            }
            if !self.meets(',') {
                return Err(self.wrong("a comma or a closing bracket is expected"));
            }
        }
    }

    /// A text in quotes; its escapes are left to `serde_json`.
    fn text(&mut self) -> Result<String, Located<String>> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, sign)| {
            let ends = sign == '"' && !escaped;
            escaped = sign == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(self.wrong("a text has no closing quote")) };
        let line = self.line;
        let read = serde_json::from_str(self.take(end + 1));
        read.map_err(|error| Located { line, value: error.to_string() })
    }

    /// A number, `true` or `false`.
    fn word(&mut self) -> Result<Tree, Located<String>> {
        let end = |sign: char| matches!(sign, ',' | ']' | '}') || sign.is_whitespace();
        let length = self.rest.find(end).unwrap_or(self.rest.len());
        let word = self.take(length).to_owned();
        match serde_json::from_str(&word) {
            Ok(serde_json::Value::Bool(flag)) => Ok(Tree::Flag(flag)),
            Ok(serde_json::Value::Number(number)) => {
                Ok(Tree::Number(number.as_f64().unwrap_or(f64::NAN)))
            }
            _ => Err(self.wrong(format!("{word:?} is neither a number nor true or false"))),
        }
    }
}
