//! Checkpoints of CLIP as OpenAI and Hugging Face lay them out, in ours.

use relume_nn::{Array, Weights};

use crate::{Error, Result};

/// What both publishers take from red, green and blue, and divide by: folded into the first layer.
const MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Parts of keys of Hugging Face's layout and what OpenAI calls them.
const NAMES: &[(&str, &str)] = &[
    ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    ("vision_model.embeddings.patch_embedding", "visual.conv1"),
    ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
    ("vision_model.pre_layrnorm", "visual.ln_pre"),
    ("vision_model.post_layernorm", "visual.ln_post"),
    ("vision_model.encoder.layers", "visual.transformer.resblocks"),
    ("text_model.embeddings.token_embedding", "token_embedding"),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.final_layer_norm", "ln_final"),
    ("text_model.encoder.layers", "transformer.resblocks"),
    (".self_attn.", ".attn."),
    (".layer_norm1.", ".ln_1."),
    (".layer_norm2.", ".ln_2."),
    (".mlp.fc1.", ".mlp.c_fc."),
    (".mlp.fc2.", ".mlp.c_proj."),
];

/// Weights in the layout of [`build`](super::build) out of one of the publishers'; anything else is
/// handed back as it is, for the report to say what does not fit.
///
/// # Errors
/// [`Error::Model`] when parts that belong together have shapes that do not.
pub fn adopt(weights: Weights) -> Result<Weights> {
    if weights.get("vision_model.embeddings.class_embedding").is_some() {
        return from_openai(from_hugging_face(weights)?);
    }
    if weights.get("visual.class_embedding").is_some() && weights.get("visual.proj").is_some() {
        return from_openai(weights);
    }
    Ok(weights)
}

/// The two projections stand the other way round, and queries, keys and values apart.
fn from_hugging_face(weights: Weights) -> Result<Weights> {
    let mut made = Weights::default();
    made.metadata.clone_from(&weights.metadata);
    for (key, array) in weights.iter() {
        let name = NAMES.iter().fold(key.clone(), |key, (theirs, ours)| key.replace(theirs, ours));
        if name.ends_with("position_ids") || name.contains(".k_proj.") || name.contains(".v_proj.")
        {
            continue;
        }
        match name.as_str() {
            "visual_projection.weight" => made.insert("visual.proj", transposed(array)?),
            "text_projection.weight" => made.insert("text_projection", transposed(array)?),
            _ if name.contains(".q_proj.") => {
                let part = |which: &str| {
                    let key = key.replace(".q_proj.", which);
                    weights.get(&key).ok_or_else(|| Error::Model(format!("there is no {key}")))
                };
                let parts = [array, part(".k_proj.")?, part(".v_proj.")?];
                made.insert(name.replace(".q_proj.", ".in_proj_"), stacked(&parts));
            }
            _ => made.insert(name, array.clone()),
        }
    }
    Ok(made)
}

fn from_openai(weights: Weights) -> Result<Weights> {
    let mut made = Weights::default();
    made.metadata.clone_from(&weights.metadata);
    for (key, array) in weights.iter() {
        match key.as_str() {
            "visual.proj" | "text_projection" => {
                made.insert(format!("{key}.weight"), as_convolution(transposed(array)?));
            }
            "positional_embedding" => made.insert("text.positional_embedding", array.clone()),
            "visual.conv1.weight" => {
                let (weight, bias) = normalising(array)?;
                made.insert(key, weight);
                made.insert("visual.conv1.bias", bias);
            }
            _ => {
                let name = key.replace(".in_proj_", ".in_proj.");
                let linear = array.shape.len() == 2 && key.contains(".resblocks.");
                let array = array.clone();
                made.insert(name, if linear { as_convolution(array) } else { array });
            }
        }
    }
    Ok(made)
}

/// The first layer on display light instead of values less their mean over their deviation.
fn normalising(weight: &Array) -> Result<(Array, Array)> {
    let [out, 3, rows, columns] = weight.shape[..] else {
        let message = format!("visual.conv1.weight is {:?}, not of three colours", weight.shape);
        return Err(Error::Model(message));
    };
    let area = rows * columns;
    let mut scaled = weight.clone();
    let mut bias = vec![0.0_f64; out];
    for (i, value) in scaled.values.iter_mut().enumerate() {
        let (channel, color) = (i / (3 * area), i / area % 3);
        let factor = f64::from(*value) / DEVIATION[color];
        bias[channel] -= factor * MEAN[color];
        *value = factor as f32;
    }
    let values = bias.into_iter().map(|v| v as f32).collect();
    Ok((scaled, Array { shape: vec![out], values }))
}

fn transposed(array: &Array) -> Result<Array> {
    let [rows, columns] = array.shape[..] else {
        return Err(Error::Model(format!("a projection is {:?}, no matrix", array.shape)));
    };
    let at = |i: usize| array.values[i % rows * columns + i / rows];
    let values = (0..rows * columns).map(at).collect();
    Ok(Array { shape: vec![columns, rows], values })
}

fn stacked(parts: &[&Array]) -> Array {
    let mut shape = parts[0].shape.clone();
    shape[0] = parts.iter().map(|part| part.shape[0]).sum();
    Array { shape, values: parts.iter().flat_map(|part| part.values.clone()).collect() }
}

/// A matrix as a convolution of one tap.
fn as_convolution(mut array: Array) -> Array {
    array.shape.extend([1, 1]);
    array
}
