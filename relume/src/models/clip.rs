//! CLIP: one tower sees pictures, one reads texts, and both say it in the same space. Used to guide
//! training; its weights are brought by the user.

mod layouts;
mod tokenizer;

use relume_media::{Image, Srgb};
use relume_nn::{Array, Feeds, Tensor, Weights};
use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

pub use layouts::adopt;
pub use tokenizer::Tokenizer;

use super::ModelCard;

/// Input: pictures in display light, `[n, 3, side, side]`; see [`prepare`].
pub const IMAGE: &str = "image";
/// Input: numbers of words, `[n, 1, 1, context]`; see [`text`].
pub const WORDS: &str = "words";
/// Input: `context` at the place of the last word and 0 elsewhere, `[n, 1, 1, context]`: a mean over
/// the places then reads that one.
pub const END: &str = "end";
/// Output: what a picture shows, `[n, joint, 1, 1]`, of any length.
pub const IMAGE_FEATURES: &str = "image_features";
/// Output: what a text says, `[n, joint, 1, 1]`, of any length.
pub const TEXT_FEATURES: &str = "text_features";
/// Output of [`with_prompts`]: what a picture looks like, to be compared with prompts.
pub const QUALITY_FEATURES: &str = "quality_features";
/// Output of [`with_prompts`]: what the learned prompts say, `[k, joint, 1, 1]`.
pub const PROMPT_FEATURES: &str = "prompt_features";
/// Layer of [`with_prompts`] that holds the learned prompts, `[k, width, 1, context]`.
pub const PROMPTS: &str = "prompts";
/// The word `x`.
const LETTER_X: usize = 343;
/// Place at which prompts are read: a start, sixteen words, an end.
pub const PROMPT_END: usize = 17;

/// CLIP ViT-B/32.
pub static CARD: ModelCard = ModelCard {
    name: "clip-vit-b32",
    help: "says what pictures show and texts mean, to guide training; restores nothing",
    source: "Radford et al. 2021, Learning Transferable Visual Models From Natural Language \
             Supervision",
    output: IMAGE_FEATURES,
    graph: || build("clip-vit-b32", &VIT_B32),
    weights: None,
};

/// CLIP ViT-B/32 with two learned prompts: 0 of pictures to get away from, 1 of good ones.
pub static PRIOR: ModelCard = ModelCard {
    name: "clip-vit-b32-prior",
    help: "tells good pictures from bad ones by learned prompts, to guide training",
    source: "Radford et al. 2021 (CLIP); Liang et al. 2023 (CLIP-LIT); Morawski et al. 2025",
    output: QUALITY_FEATURES,
    graph: || with_prompts("clip-vit-b32-prior", &VIT_B32, 2),
    weights: None,
};

/// How large a CLIP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Side in pixels of the pictures.
    pub side: usize,
    /// Side in pixels of a patch.
    pub patch: usize,
    /// Channels, heads and blocks of the image tower.
    pub image: [usize; 3],
    /// Channels, heads and blocks of the text tower.
    pub text: [usize; 3],
    /// Words.
    pub vocabulary: usize,
    /// Words of a text, padding included.
    pub context: usize,
    /// Length of the features.
    pub joint: usize,
}

/// The released ViT-B/32.
pub const VIT_B32: Sizes = Sizes {
    side: 224,
    patch: 32,
    image: [768, 12, 12],
    text: [512, 8, 12],
    vocabulary: 49_408,
    context: 77,
    joint: 512,
};

const EPSILON: f32 = 1e-5;

/// Both towers.
///
/// # Errors
/// When the sizes do not make a graph.
pub fn build(name: &str, sizes: &Sizes) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = picture(&mut g, IMAGE, sizes);
    let features = see(&mut g, image, sizes);
    g.output(IMAGE_FEATURES, features);

    let row = Extent::Fixed { height: 1, width: sizes.context };
    let (words, end) = (g.input(WORDS, 1, row), g.input(END, 1, row));
    let (vocabulary, width) = (sizes.vocabulary, sizes.text[0]);
    let words = g.layer("token_embedding", Layer::Embed { vocabulary, width }, &[words]);
    let said = read(&mut g, words, sizes);
    let said = g.layer("text.end", Layer::Multiply, &[said, end]);
    let said = g.layer("text.at_end", Layer::GlobalPool, &[said]);
    let features = project(&mut g, "text_projection", said, sizes.joint);
    g.output(TEXT_FEATURES, features);
    spare(&mut g);
    g.finish()
}

/// The image tower, and `count` prompts, learned as vectors, through the text tower (Liang et al.
/// 2023, CLIP-LIT).
///
/// # Errors
/// When the sizes do not make a graph.
pub fn with_prompts(name: &str, sizes: &Sizes, count: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = picture(&mut g, IMAGE, sizes);
    let features = see(&mut g, image, sizes);
    g.output(IMAGE_FEATURES, features);
    g.output(QUALITY_FEATURES, features);
    let (channels, length) = (sizes.text[0], sizes.context);
    let prompts = g.layer(PROMPTS, Layer::Learned { samples: count, channels, length }, &[]);
    let said = read(&mut g, prompts, sizes);
    let said = g.layer("text.at_prompt_end", Layer::Place(PROMPT_END), &[said]);
    let features = project(&mut g, "text_projection", said, sizes.joint);
    g.output(PROMPT_FEATURES, features);
    spare(&mut g);
    g.spare(&["token_embedding.weight"]);
    g.finish()
}

/// Weights of [`build`] with `count` prompts of sixteen words `X` each, as published: where
/// learning prompts starts. What is not of CLIP is handed back as it is.
pub fn add_prompts(mut weights: Weights, count: usize) -> Weights {
    let key = format!("{PROMPTS}.weight");
    let (Some(words), Some(places)) =
        (weights.get("token_embedding.weight"), weights.get("text.positional_embedding"))
    else {
        return weights;
    };
    let (vocabulary, width) = (words.shape[0], words.shape[1]);
    let length = places.shape[0];
    let word = |place: usize| match place {
        0 => vocabulary - 2,
        PROMPT_END => vocabulary - 1,
        1..PROMPT_END => LETTER_X.min(vocabulary - 1),
        _ => 0,
    };
    let vector = |i: usize| words.values[word(i % length) * width + i / length % width];
    let values = (0..count * width * length).map(vector).collect();
    let array = Array { shape: vec![count, width, 1, length], values };
    if weights.get(&key).is_none() {
        weights.insert(key, array);
    }
    weights
}

fn spare(g: &mut GraphBuilder) {
    g.spare(&["logit_scale", "input_resolution", "context_length", "vocab_size"]);
}

fn picture(g: &mut GraphBuilder, name: &str, sizes: &Sizes) -> NodeId {
    g.input(name, 3, Extent::Fixed { height: sizes.side, width: sizes.side })
}

/// The image tower.
fn see(g: &mut GraphBuilder, image: NodeId, sizes: &Sizes) -> NodeId {
    let ([width, heads, blocks], patch) = (sizes.image, sizes.patch);
    let conv = Conv::new(3, width, patch).stride(patch, 0).initial(Initial::Even);
    let x = g.sharing("visual.conv1", Layer::Conv(conv), &[image]);
    let side = sizes.side / patch;
    let count = side * side + 1;
    let x = g.sharing("visual", Layer::Tokens { count, class: true }, &[x]);
    let x = norm(g, "visual.ln_pre", x);
    let x = transformer(g, "visual.transformer", x, [heads, blocks], false);
    let class = g.sharing("visual.class", Layer::Place(0), &[x]);
    let class = norm(g, "visual.ln_post", class);
    project(g, "visual.proj", class, sizes.joint)
}

/// The text tower on words as vectors.
fn read(g: &mut GraphBuilder, words: NodeId, sizes: &Sizes) -> NodeId {
    let [_, heads, blocks] = sizes.text;
    let tokens = Layer::Tokens { count: sizes.context, class: false };
    let x = g.sharing("text", tokens, &[words]);
    let x = transformer(g, "transformer", x, [heads, blocks], true);
    norm(g, "ln_final", x)
}

fn transformer(
    g: &mut GraphBuilder,
    name: &str,
    mut x: NodeId,
    [heads, blocks]: [usize; 2],
    causal: bool,
) -> NodeId {
    for block in 0..blocks {
        let key = |rest: &str| format!("{name}.resblocks.{block}.{rest}");
        let width = g.channels(x);
        let y = norm(g, &key("ln_1"), x);
        let y = linear(g, &key("attn.in_proj"), y, 3 * width);
        let y = g.sharing(&key("attn"), Layer::Attention { heads, causal }, &[y]);
        let y = linear(g, &key("attn.out_proj"), y, width);
        x = g.sharing(&key("attended"), Layer::Add, &[x, y]);
        let y = norm(g, &key("ln_2"), x);
        let y = linear(g, &key("mlp.c_fc"), y, 4 * width);
        let y = g.pointwise(y, Pointwise::QuickGelu);
        let y = linear(g, &key("mlp.c_proj"), y, width);
        x = g.sharing(&key("sum"), Layer::Add, &[x, y]);
    }
    x
}

fn norm(g: &mut GraphBuilder, key: &str, x: NodeId) -> NodeId {
    g.sharing(key, Layer::LayerNorm { epsilon: EPSILON }, &[x])
}

fn linear(g: &mut GraphBuilder, key: &str, x: NodeId, channels: usize) -> NodeId {
    let conv = Conv::new(g.channels(x), channels, 1).initial(Initial::Even);
    g.sharing(key, Layer::Conv(conv), &[x])
}

fn project(g: &mut GraphBuilder, key: &str, x: NodeId, channels: usize) -> NodeId {
    let conv = Conv::new(g.channels(x), channels, 1).unbiased().initial(Initial::Even);
    g.sharing(key, Layer::Conv(conv), &[x])
}

/// The two pixels and their shares that make pixel `i` of an axis of `from` pixels brought to `to`:
/// bilinear between sample centres, nothing averaged, edges repeated.
pub fn resize_taps(i: usize, from: usize, to: usize) -> [(usize, f32); 2] {
    let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
    let first = (at as usize).min(from - 1);
    let share = at - first as f32;
    [(first, 1.0 - share), ((first + 1).min(from - 1), share)]
}

/// A picture squashed to `side` squared as the towers see it: `[1, 3, side, side]`.
pub fn prepare(picture: &Image<Srgb>, side: usize) -> Tensor {
    Tensor::from_fn([1, 3, side, side], |_, c, y, x| {
        let plane = picture.channel(c);
        let row = |row: usize| {
            let taps = resize_taps(x, picture.width(), side);
            taps.iter().map(|&(i, share)| share * plane[row * picture.width() + i]).sum::<f32>()
        };
        resize_taps(y, picture.height(), side).iter().map(|&(i, share)| share * row(i)).sum()
    })
}

/// The inputs of the text tower for texts as numbers of words, each of at most `context` words: the
/// largest number is the end.
pub fn text(texts: &[Vec<u32>], context: usize) -> Feeds {
    let shape = [texts.len(), 1, 1, context];
    let word = |n: usize, place: usize| texts[n].get(place).copied().unwrap_or(0);
    let end = |n: usize| {
        let largest = texts[n].iter().max().copied().unwrap_or(0);
        texts[n].iter().position(|&word| word == largest).unwrap_or(0)
    };
    let ends: Vec<usize> = (0..texts.len()).map(end).collect();
    let words = Tensor::from_fn(shape, |n, _, _, place| word(n, place) as f32);
    let end = Tensor::from_fn(shape, |n, _, _, place| match place == ends[n] {
        true => context as f32,
        false => 0.0,
    });
    Feeds::from([(WORDS.to_owned(), words), (END.to_owned(), end)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_published_number_of_parameters() {
        // The published 151,277,313 less the temperature, and a bias that holds the picture's mean.
        assert_eq!(CARD.facts().unwrap().parameters, 151_277_313 - 1 + 768);
    }
}
