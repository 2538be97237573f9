//! A TOML or JSON file as a tree whose every leaf knows its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Faults;
use super::json;

/// Something and the line it is written on, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Located<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Text(String),
    Number(f64),
    Flag(bool),
    List(Vec<Located<Tree>>),
    Table(Table),
}

/// Keys and what stands behind them, in the file's order.
pub(super) type Table = Vec<(Located<String>, Located<Tree>)>;

impl Tree {
    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            // Whole numbers stay whole: 5, not 5.0.
            Self::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                (*number as i64).into()
            }
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(list) => list.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(table) => to_json(table),
        }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a file's text: JSON if it begins with a brace, TOML otherwise.
pub(super) fn read(text: &str, file: &str) -> Result<Table, Faults> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return json::read(text).map_err(|wrong| {
            Faults::one(file, wrong.line, format!("no valid JSON: {}", wrong.value))
        });
    }
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.at(span.start));
        // The parser tells its hints on further lines.
        let message = error.message().replace('\n', "; ");
        Faults::one(file, line, format!("no valid TOML here: {message}"))
    })?;
    Ok(from_table(table.into_inner(), &lines))
}

/// A table as JSON.
pub(super) fn to_json(table: &Table) -> serde_json::Value {
    let pairs = table.iter().map(|(key, value)| (key.value.clone(), value.value.to_json()));
    serde_json::Value::Object(pairs.collect())
}

/// One value as it would stand in a TOML file; a bare word is a text.
pub(super) fn read_value(text: &str) -> Tree {
    match DeValue::parse(text) {
        Ok(value) => from_value(value, &Lines::of("")).value,
        Err(_) => Tree::Text(text.to_owned()),
    }
}

/// Offsets at which lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect())
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset)
    }
}

fn from_table(table: DeTable<'_>, lines: &Lines) -> Table {
    let mut entries: Vec<_> = table
        .into_iter()
        .map(|(key, value)| (key.span().start, key.into_inner().into_owned(), value))
        .collect();
    entries.sort_by_key(|(start, ..)| *start);
    let entry = |(start, key, value)| {
        (Located { line: lines.at(start), value: key }, from_value(value, lines))
    };
    entries.into_iter().map(entry).collect()
}

fn from_value(value: Spanned<DeValue<'_>>, lines: &Lines) -> Located<Tree> {
    let line = lines.at(value.span().start);
    let number = |text: &str| text.replace('_', "").parse().map_or(f64::NAN, |v: f64| v);
    let value = match value.into_inner() {
        DeValue::String(text) => Tree::Text(text.into_owned()),
        DeValue::Integer(value) => Tree::Number(
            i64::from_str_radix(&value.as_str().replace('_', ""), value.radix())
                .map_or(f64::NAN, |value| value as f64),
        ),
        DeValue::Float(value) => Tree::Number(number(value.as_str())),
        DeValue::Boolean(flag) => Tree::Flag(flag),
        DeValue::Datetime(time) => Tree::Text(time.to_string()),
        DeValue::Array(list) => {
            Tree::List(list.into_iter().map(|value| from_value(value, lines)).collect())
        }
        DeValue::Table(table) => Tree::Table(from_table(table, lines)),
    };
    Located { line, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_give_the_same_tree_with_their_own_lines() {
        let toml = "name = \"x\"\n[[node]]\nid = \"a\"\nlimits = [1, 2.5]\n[[node]]\non = true\n";
        let json = "{\"name\": \"x\",\n \"node\": [\n  {\"id\": \"a\",\n   \"limits\": [1, 2.5]},\n  \
                    {\"on\": true}\n]}";
        let lines = |table: &Table| table.iter().map(|(k, _)| k.line).collect::<Vec<_>>();
        let (toml, json) = (read(toml, "t").unwrap(), read(json, "j").unwrap());
        assert_eq!((lines(&toml), lines(&json)), (vec![1, 2], vec![1, 2]));
        let inner = |table: &Table| {
            let Tree::List(nodes) = &table[1].1.value else { panic!("{table:?}") };
            let Tree::Table(node) = &nodes[0].value else { panic!("{table:?}") };
            (node[0].0.line, node[1].0.line, format!("{:?}", node[1].1.value).replace('3', "4"))
        };
        assert_eq!((inner(&toml).0, inner(&toml).1), (3, 4));
        assert_eq!(inner(&toml).2, inner(&json).2);
    }

    #[test]
    fn a_value_from_outside_is_a_number_a_flag_or_a_word() {
        assert_eq!(read_value("0.5"), Tree::Number(0.5));
        assert_eq!(read_value("-3"), Tree::Number(-3.0));
        assert_eq!(read_value("true"), Tree::Flag(true));
        assert_eq!(read_value("lantern-s"), Tree::Text("lantern-s".into()));
    }
}
