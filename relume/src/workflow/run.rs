//! Running a checked workflow on one picture: from its ends backwards, so that what a `choose`
//! does not take is never computed.

use std::collections::BTreeMap;
use std::mem::replace;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Image, Photo, PhotoFormat, Plane, Progress, Size, Srgb};

use super::cache::{Cache, Key, key_of, picture_key};
use super::call::Call;
use super::card::Work;
use super::graph::{Arms, Choice, Node, Wire};
use super::nodes::{output, video_output};
use super::value::{FrameWindow, Value};
use super::video::{VideoOutput, VideoSteps};
use super::{NodeReport, Workflow};
use crate::restore::make_grey;
use crate::{Error, Restorer, Result};

/// A picture that comes out of a workflow.
#[derive(Debug)]
pub struct Output {
    /// What is put between the name of a file and its extension; empty for the main result.
    pub suffix: String,
    /// The picture, with everything else that came with the photo.
    pub photo: Photo,
    /// Its format; none: as its file is called.
    pub format: Option<PhotoFormat>,
    /// How it is to be saved.
    pub save: SaveOptions,
}

/// What a workflow made of a picture.
#[derive(Debug)]
pub struct Outcome {
    /// The pictures, in the order of the file.
    pub outputs: Vec<Output>,
    /// What each node that ran said, in the order in which they ran.
    pub nodes: Vec<NodeReport>,
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It begins to run.
    Begun,
    /// It has run.
    Done,
    /// Its result was known from an earlier run.
    Kept,
}

/// How a run tells of itself.
pub struct Watch<'a> {
    /// Share of the work done; cancels.
    pub progress: &'a Progress<'a>,
    /// Hears of every node by its id.
    pub nodes: &'a (dyn Fn(&str, Event) + 'a),
}

pub(super) struct Runner<'a> {
    nodes: &'a [Node],
    models: &'a BTreeMap<String, Arc<Restorer>>,
    photo: Photo,
    image: Arc<Image<Srgb>>,
    stem: &'a str,
    /// The video that the workflow runs on, in place of the photo.
    video: Option<&'a Path>,
    watch: &'a Watch<'a>,
    cache: &'a mut Cache,
    known: BTreeMap<usize, (Key, Vec<Value>)>,
    reports: Vec<NodeReport>,
    /// Effort of what has run, and of everything there is.
    effort: [u32; 2],
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        workflow: &'a Workflow,
        mut photo: Photo,
        stem: &'a str,
        watch: &'a Watch<'a>,
        cache: &'a mut Cache,
    ) -> Self {
        let image = Arc::new(replace(&mut photo.image, Image::black(Size::new(0, 0))));
        let whole = workflow.nodes.iter().map(|node| node.card.effort).sum();
        let (nodes, models) = (&workflow.nodes[..], &workflow.models);
        let (known, reports, video) = (BTreeMap::new(), Vec::new(), None);
        let effort = [0, whole];
        Self { nodes, models, photo, image, stem, video, watch, cache, known, reports, effort }
    }

    /// On a video.
    pub(super) fn on_video(self, path: &'a Path) -> Self {
        Self { video: Some(path), ..self }
    }

    /// What is to be written of the video, and how.
    pub(super) fn video_output(&mut self) -> Result<VideoOutput> {
        let ends = |node: &&Node| matches!(node.card.work, Work::VideoOutput);
        let node = self.nodes.iter().find(ends);
        let node = node.ok_or_else(|| Error::Parameter("no video comes out".into()))?;
        let mut values = BTreeMap::new();
        for (&name, wire) in &node.wires {
            values.insert(name, self.value(wire)?.1);
        }
        let progress = self.watch.progress.part(0.0, 1.0);
        let (models, stem) = (self.models, self.stem);
        video_output::finish(&Call { node, values, models, stem, progress: &progress })
    }

    pub(super) fn run(mut self) -> Result<Outcome> {
        let mut outputs = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            match node.card.work {
                Work::Output => outputs.push(self.output(node)?),
                Work::Measure(_) => {
                    self.node(index)?;
                }
                _ => {}
            }
        }
        self.watch.progress.report(1.0)?;
        Ok(Outcome { outputs, nodes: self.reports })
    }

    /// What a wire brings.
    fn value(&mut self, wire: &Wire) -> Result<(Key, Value)> {
        let from = wire.from;
        let (key, values) = self.node(from.node)?;
        let key = key_of(&[key, &(from.port as u64).to_le_bytes()]);
        let value = values.get(from.port).cloned();
        let missing = || {
            let node = &self.nodes[from.node];
            Error::Parameter(format!("{} gave nothing for output {}", node.id, from.port))
        };
        Ok((key, value.ok_or_else(missing)?))
    }

    /// Everything that a node gives, computed if it is not known yet.
    fn node(&mut self, index: usize) -> Result<&(Key, Vec<Value>)> {
        if !self.known.contains_key(&index) {
            let made = self.compute(&self.nodes[index])?;
            self.known.insert(index, made);
        }
        Ok(&self.known[&index])
    }

    fn compute(&mut self, node: &'a Node) -> Result<(Key, Vec<Value>)> {
        if let Some(choice) = &node.choice {
            return self.choose(node, choice);
        }
        let mut values = BTreeMap::new();
        let settings = serde_json::to_vec(&node.settings).unwrap_or_default();
        let mut parts = vec![node.card.name.as_bytes().to_vec(), settings];
        for (&name, wire) in &node.wires {
            let (key, value) = self.value(wire)?;
            parts.extend([name.as_bytes().to_vec(), key.to_vec()]);
            values.insert(name, value);
        }
        parts.extend(self.beside_wires(node));
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let key = if self.cache.is_on() { key_of(&parts) } else { Key::default() };
        if self.cache.is_on()
            && let Some(values) = self.cache.get(&key)
        {
            self.begin(node, Event::Kept)?;
            self.report(node, &values, None, 0.0);
            return Ok((key, values));
        }
        self.begin(node, Event::Begun)?;
        let clock = Instant::now();
        let made = self.call(node, values)?;
        if self.cache.is_on() {
            self.cache.keep(key, &made);
        }
        self.report(node, &made, None, clock.elapsed().as_secs_f64());
        (self.watch.nodes)(&node.id, Event::Done);
        Ok((key, made))
    }

    /// What a result depends on beside wires and settings: the picture, the network's weights.
    fn beside_wires(&self, node: &Node) -> Vec<Vec<u8>> {
        let models = node.settings.keys().filter_map(|name| self.models.get(node.text(name)));
        let mut parts: Vec<_> =
            models.map(|model| model.weights_sha256().as_bytes().to_vec()).collect();
        if let (Work::VideoInput, Some(path)) = (node.card.work, self.video) {
            parts.push(path.as_os_str().as_encoded_bytes().to_vec());
        }
        if matches!(node.card.work, Work::Input) && self.cache.is_on() {
            parts.push(self.stem.as_bytes().to_vec());
            parts.push(picture_key(&self.image).to_vec());
        }
        parts
    }

    fn begin(&mut self, node: &Node, event: Event) -> Result<()> {
        (self.watch.nodes)(&node.id, event);
        let [done, whole] = self.effort;
        self.watch.progress.report(done as f32 / whole.max(1) as f32)?;
        self.effort[0] = done + node.card.effort;
        Ok(())
    }

    fn report(&mut self, node: &Node, values: &[Value], chosen: Option<String>, seconds: f64) {
        let ports = node.card.outputs.iter().zip(values);
        let values = ports.filter_map(|(port, value)| Some((port.name, value.told()?)));
        self.reports.push(NodeReport {
            id: node.id.clone(),
            kind: node.card.name,
            values: values.collect(),
            chosen,
            seconds,
        });
    }

    fn call(&self, node: &'a Node, values: BTreeMap<&'static str, Value>) -> Result<Vec<Value>> {
        let [done, whole] = self.effort.map(|effort| effort as f32);
        let start = done - node.card.effort as f32;
        let progress = self.watch.progress.part(start / whole.max(1.0), done / whole.max(1.0));
        let stem = self.stem;
        let call = Call { node, values, models: self.models, stem, progress: &progress };
        match node.card.work {
            Work::Plain(work) | Work::Measure(work) => work(&call),
            Work::Input => self.input(&call),
            Work::Workflow => Ok(vec![Value::Image(call.image("image")?.clone())]),
            Work::VideoInput => {
                let none = || Error::Parameter("this workflow takes a video, not a photo".into());
                let path = self.video.ok_or_else(none)?;
                Ok(vec![Value::Video(Arc::new(VideoSteps::of_file(path)))])
            }
            Work::Output | Work::VideoOutput | Work::Choose => Ok(Vec::new()),
        }
    }

    /// The picture given, that of the file named, or what the workflow around this one hands in.
    fn input(&self, call: &Call<'_>) -> Result<Vec<Value>> {
        let (image, alpha) = if call.node.settings.contains_key("file") {
            let photo = call.photo("file")?;
            (Arc::new(photo.image), photo.alpha)
        } else if let Some(image) = call.optional_image("image") {
            (image.clone(), None)
        } else {
            (self.image.clone(), self.photo.alpha.clone())
        };
        let alpha = alpha.unwrap_or_else(|| Plane::filled(image.size(), 1.0));
        let frames = Arc::new(FrameWindow::of_photo(image.clone()));
        Ok(vec![
            Value::Image(image),
            Value::mask(alpha),
            Value::Frames(frames),
            Value::Text(self.stem.to_owned()),
        ])
    }

    fn choose(&mut self, node: &'a Node, choice: &Choice) -> Result<(Key, Vec<Value>)> {
        let (_, on) = self.value(&choice.on)?;
        let otherwise = choice.otherwise.as_ref();
        let (arm, said) = match (&choice.arms, on) {
            (Arms::Labels(arms), Value::Label(label)) => {
                let arm = arms.iter().find(|(name, _)| *name == label).map(|(_, wire)| wire);
                (arm.or(otherwise), label.to_owned())
            }
            (Arms::Ranges { limits, arms }, Value::Number(number)) => {
                let above = limits.iter().filter(|limit| number >= **limit).count();
                let arm = if number.is_nan() { None } else { arms.get(above) };
                (arm.or(otherwise), format!("{number:.3}"))
            }
            _ => (otherwise, "nothing".to_owned()),
        };
        let name = |wire: &Wire| self.nodes[wire.from.node].port_name(wire.from.port);
        let (on, arm) = match arm {
            Some(arm) => (name(&choice.on), arm),
            None => {
                let message = format!("{}: no case for {said}; add otherwise = \"…\"", node.id);
                return Err(Error::Parameter(message));
            }
        };
        let reason = format!("{on} is {said}: {}", name(arm));
        self.begin(node, Event::Begun)?;
        let (key, value) = self.value(arm)?;
        self.report(node, std::slice::from_ref(&value), Some(reason), 0.0);
        (self.watch.nodes)(&node.id, Event::Done);
        Ok((key, vec![value]))
    }

    fn output(&mut self, node: &'a Node) -> Result<Output> {
        let wire = node
            .wires
            .get("image")
            .ok_or_else(|| Error::Parameter(format!("{} lacks its image", node.id)))?;
        let (_, value) = self.value(wire)?;
        let alpha = match node.wires.get("alpha") {
            Some(wire) => Some(self.value(wire)?.1),
            None => None,
        };
        self.begin(node, Event::Begun)?;
        let Value::Image(image) = value else {
            return Err(Error::Parameter(format!("{} takes an image", node.id)));
        };
        let untouched = Arc::ptr_eq(&image, &self.image);
        let before = Photo { image: Image::black(self.image.size()), ..self.photo.clone() };
        let mut photo = before.with_image(Arc::unwrap_or_clone(image));
        if let Some(Value::Mask(alpha)) = alpha {
            photo.alpha = (alpha.size == photo.size()).then(|| Arc::unwrap_or_clone(alpha));
        }
        if photo.grey && !untouched {
            make_grey(&mut photo.image);
        }
        (self.watch.nodes)(&node.id, Event::Done);
        let quality = match node.settings.get("quality") {
            Some(super::graph::Setting::Number(quality)) => *quality as u8,
            _ => SaveOptions::default().quality,
        };
        let depth = match node.text("depth") {
            "8" => Some(BitDepth::Eight),
            "16" => Some(BitDepth::Sixteen),
            _ => None,
        };
        Ok(Output {
            suffix: node.text(output::SUFFIX).to_owned(),
            photo,
            format: output::format(node.text("format")),
            save: SaveOptions { quality, depth, ..SaveOptions::default() },
        })
    }
}
