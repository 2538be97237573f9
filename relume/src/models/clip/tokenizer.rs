//! Texts to numbers of words: lower-cased byte pairs (Sennrich et al. 2016; Radford et al. 2021).

use std::collections::HashMap;

use crate::{Error, Result};

/// Merges of the released vocabulary: 49,408 words less two of 256 bytes each, a start and an end.
const MERGES: usize = 49_408 - 2 * 256 - 2;

/// Byte pairs that are merged, in the order of their rank.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    ranks: HashMap<(String, String), usize>,
    words: HashMap<String, u32>,
    start: u32,
}

impl Tokenizer {
    /// Reads the text of a merges file, one pair a line behind a line of its version: OpenAI's
    /// `bpe_simple_vocab_16e6.txt` unpacked, or Hugging Face's `merges.txt`.
    ///
    /// # Errors
    /// [`Error::Model`] naming the line that is no pair.
    pub fn from_merges(text: &str) -> Result<Self> {
        let lines = text.lines().skip(1).filter(|line| !line.trim().is_empty()).take(MERGES);
        let pair =
            |(number, line): (usize, &str)| match line.split_whitespace().collect::<Vec<_>>()[..] {
                [first, second] => Ok((first.to_owned(), second.to_owned())),
                _ => Err(Error::Model(format!("merge {} is `{line}`, not a pair", number + 1))),
            };
        let pairs: Vec<_> = lines.enumerate().map(pair).collect::<Result<_>>()?;
        let bytes = byte_letters();
        let mut listed: Vec<u8> = (33..=126).chain(161..=172).chain(174..=255).collect();
        listed.extend((0..=255).filter(|byte| !listed.contains(byte)).collect::<Vec<u8>>());
        let letters: Vec<String> =
            listed.iter().map(|&byte| bytes[usize::from(byte)].to_string()).collect();
        let ended = letters.iter().map(|letter| format!("{letter}</w>"));
        let merged = pairs.iter().map(|(first, second)| format!("{first}{second}"));
        let words: Vec<String> = letters.iter().cloned().chain(ended).chain(merged).collect();
        let start = words.len() as u32;
        let words = words.into_iter().zip(0..).collect();
        let ranks = pairs.into_iter().zip(0..).collect();
        Ok(Self { ranks, words, start })
    }

    /// Numbers of the words of `text`, between a start and an end; at most `context` of them.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the text is longer.
    pub fn encode(&self, text: &str, context: usize) -> Result<Vec<u32>> {
        let mut numbers = vec![self.start];
        for word in split(&clean(text)) {
            numbers.extend(self.merge(&word).iter().filter_map(|part| self.words.get(part)));
        }
        numbers.push(self.start + 1);
        if numbers.len() > context {
            let message = format!("`{text}` has {} words, more than {context}", numbers.len());
            return Err(Error::Parameter(message));
        }
        Ok(numbers)
    }

    /// One word as the parts that its bytes merge to.
    fn merge(&self, word: &str) -> Vec<String> {
        let letters = byte_letters();
        let mut parts: Vec<String> =
            word.bytes().map(|byte| letters[usize::from(byte)].to_string()).collect();
        if let Some(last) = parts.last_mut() {
            last.push_str("</w>");
        }
        loop {
            let rank = |pair: &[String]| self.ranks.get(&(pair[0].clone(), pair[1].clone()));
            let Some(best) = parts.windows(2).filter_map(rank).min() else { return parts };
            let mut merged = Vec::with_capacity(parts.len());
            let mut i = 0;
            while i < parts.len() {
                if i + 1 < parts.len() && rank(&parts[i..i + 2]) == Some(best) {
                    merged.push(format!("{}{}", parts[i], parts[i + 1]));
                    i += 2;
                } else {
                    merged.push(parts[i].clone());
                    i += 1;
                }
            }
            parts = merged;
        }
    }
}

/// Lower case, single spaces, the entities of web pages as what they stand for (twice, as published).
fn clean(text: &str) -> String {
    const ENTITIES: [(&str, &str); 5] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let unescape = |text: String| {
        ENTITIES.iter().fold(text, |text, (entity, letter)| text.replace(entity, letter))
    };
    let text = unescape(unescape(text.to_owned()));
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Words: contractions, runs of letters, single digits, runs of anything else.
fn split(text: &str) -> Vec<String> {
    const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = |c: char| match c {
            c if c.is_whitespace() => 0,
            c if c.is_alphabetic() => 1,
            c if c.is_numeric() => 2,
            _ => 3,
        };
        let contraction = CONTRACTIONS.iter().find(|ending| rest.starts_with(**ending));
        let length = match (contraction, kind(first)) {
            (Some(ending), _) => ending.len(),
            (None, 2) => first.len_utf8(),
            (None, wanted) => {
                let end = rest.char_indices().find(|(_, c)| kind(*c) != wanted);
                end.map_or(rest.len(), |(end, _)| end)
            }
        };
        let (word, after) = rest.split_at(length);
        if kind(first) != 0 {
            words.push(word.to_owned());
        }
        rest = after;
    }
    words
}

/// A letter for each byte: itself where it can be seen, else one from 256 on.
fn byte_letters() -> [char; 256] {
    let mut letters = ['\0'; 256];
    let mut unseen = 256_u32;
    for byte in 0..=255_u8 {
        let seen = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        letters[usize::from(byte)] = if seen {
            char::from(byte)
        } else {
            unseen += 1;
            char::from_u32(unseen - 1).unwrap_or('\0')
        };
    }
    letters
}
