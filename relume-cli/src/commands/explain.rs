//! `relume explain`: the guide in the terminal, a chapter at a time.

use relume_train::nearest;
use serde::Serialize;

use crate::console::{self, Console};
use crate::exit::{Code, Failure};
use crate::plain::plain;

/// Characters a line.
const WIDTH: usize = 80;

/// Read the guide: how dark, shaken photos are restored, with what data, and what it is worth
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume explain                 the topics
  relume explain answer          the guide's answer in short
  relume explain mirnet          the chapter in which a model is treated
  relume explain traps | less")]
pub(crate) struct Args {
    /// What to explain: a topic, or the name of a model; without it, the list of topics
    topic: Option<String>,
    /// One JSON object a topic, its text as Markdown
    #[arg(long)]
    json: bool,
}

/// A chapter of the guide.
#[derive(Debug, Serialize)]
struct Topic {
    /// Its name on the command line, and that of its file.
    topic: &'static str,
    /// Other words that lead to it: models, methods.
    also: &'static [&'static str],
    /// The chapter.
    markdown: &'static str,
}

/// A topic and the file that it is.
macro_rules! topic {
    ($name:literal, $($also:literal),*) => {
        Topic {
            topic: $name,
            also: &[$($also),*],
            markdown: include_str!(concat!("../../../docs/guide/src/", $name, ".md")),
        }
    };
}

/// The chapters in the order of the guide.
const TOPICS: &[Topic] = &[
    topic!("answer", "guide", "introduction"),
    topic!("photo", "blur", "noise", "shake", "clipping", "darkness"),
    topic!("joint", "chain", "cascade"),
    topic!("lantern", "survey"),
    topic!("multi-scale", "mirnet", "attention", "supervised"),
    topic!("curves", "sem", "zero-dce", "sci", "clip", "cue-encoder", "zero-reference"),
    topic!("light-types", "alen", "routing"),
    topic!("highlights", "over-exposure", "hallucination", "ox-net", "ox-select"),
    topic!("other-families", "retinex", "fourier", "diffusion", "flow", "mamba", "burst", "gyro"),
    topic!("video", "flicker", "frames"),
    topic!("workflows", "diagnosis", "inspect", "nodes"),
    topic!("data", "datasets", "lol", "lol-blur"),
    topic!("degradation", "degrade", "synthesis"),
    topic!("training", "recipes", "losses"),
    topic!("traps", "evaluation", "metrics", "psnr", "ssim", "gt-mean"),
    topic!("glossary", "words"),
    topic!("sources", "papers"),
];

impl Topic {
    fn title(&self) -> &'static str {
        self.markdown.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }

    /// Whether `word` is its name, one of its other words, or a variant of one: `alen-small`.
    fn answers_to(&self, word: &str) -> bool {
        let variant = |name: &str| {
            word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        word == self.topic || self.also.iter().any(|name| variant(name)) || variant(self.topic)
    }
}

/// Prints a chapter, or the list of them.
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet: false };
    let Some(word) = &args.topic else {
        let width = TOPICS.iter().map(|topic| topic.topic.len()).max().unwrap_or(0);
        for topic in TOPICS {
            console.record("topic", topic)?;
            console.text(&format!("{:width$}  {}", topic.topic, topic.title()))?;
        }
        return Ok(Code::Done);
    };
    let topic = find(word)?;
    console.record("topic", topic)?;
    if !args.json {
        console::print_bytes(plain(topic.markdown, WIDTH).as_bytes())?;
    }
    Ok(Code::Done)
}

fn find(word: &str) -> Result<&'static Topic, Failure> {
    let wanted = word.to_lowercase().replace([' ', '_'], "-");
    // A topic's own name goes before another's further words.
    let named = TOPICS.iter().find(|topic| topic.topic == wanted);
    named.or_else(|| TOPICS.iter().find(|topic| topic.answers_to(&wanted))).ok_or_else(|| {
        let words = TOPICS.iter().flat_map(|t| t.also.iter().copied().chain([t.topic]));
        let guess = nearest(&wanted, words).map(|near| format!("; did you mean {near}?"));
        let guess = guess.unwrap_or_default();
        Failure::usage(format!("no topic is called {word}{guess} `relume explain` lists them"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chapter_of_the_book_is_a_topic_in_its_order() {
        let summary = include_str!("../../../docs/guide/src/SUMMARY.md");
        let files: Vec<_> = summary
            .lines()
            .filter_map(|line| Some(line.split_once("](")?.1.split_once(".md)")?.0))
            .collect();
        assert_eq!(files, TOPICS.iter().map(|topic| topic.topic).collect::<Vec<_>>());
    }

    #[test]
    fn every_model_is_explained() {
        for card in relume::models::MODELS {
            let topic = find(card.name).unwrap_or_else(|failure| panic!("{}", failure.message));
            let family = card.name.split('-').next().unwrap();
            let text = topic.markdown.to_lowercase();
            assert!(text.contains(family), "{} lacks {family}", topic.topic);
        }
    }

    #[test]
    fn words_lead_to_one_chapter_each() {
        let mut words: Vec<_> =
            TOPICS.iter().flat_map(|t| t.also.iter().copied().chain([t.topic])).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn a_near_miss_is_named() {
        assert_eq!(find("Multi Scale").unwrap().topic, "multi-scale");
        assert_eq!(find("alen-small").unwrap().topic, "light-types");
        let failure = find("glosary").unwrap_err();
        assert_eq!(failure.code, Code::Usage);
        assert!(failure.message.contains("did you mean glossary?"), "{}", failure.message);
        assert!(!find("xyz").unwrap_err().message.contains("mean"));
    }
}
