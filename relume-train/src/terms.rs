//! The weighted sum of losses that a stage minimises.

use std::collections::BTreeSet;

use burn::tensor::Tensor;
use relume_nn::Graph;

use crate::losses::{self, Given, Loss};
use crate::recipe::{LossRecipe, Stage};
use crate::tasks::{Task, TaskCard};
use crate::{Error, Result};

/// The loss of a stage.
pub struct Terms {
    terms: Vec<Term>,
}

struct Term {
    /// Kind and output, for the journal.
    label: String,
    weight: f32,
    loss: Box<dyn Loss>,
}

impl Terms {
    /// The terms the recipe names, or the task's own.
    ///
    /// # Errors
    /// [`Error::Setup`] for unknown kinds, wrong parameters, and outputs the network lacks.
    pub fn new(graph: &Graph, stage: &Stage, card: &TaskCard, task: &dyn Task) -> Result<Self> {
        let recipes =
            if stage.losses.is_empty() { card.default_losses() } else { stage.losses.clone() };
        Self::of(graph, &recipes, task.output())
    }

    /// The named terms; `output` is what they look at where they do not say.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(graph: &Graph, recipes: &[LossRecipe], output: &str) -> Result<Self> {
        let terms = recipes.iter().map(|recipe| Term::new(graph, recipe, output));
        let mut terms = terms.collect::<Result<Vec<_>>>()?;
        for index in 1..terms.len() {
            let label = terms[index].label.clone();
            let same = terms[..index].iter().filter(|term| term.label == label).count();
            if same > 0 {
                terms[index].label = format!("{label} {}", same + 1);
            }
        }
        Ok(Self { terms })
    }

    /// Every output that some term looks at.
    pub fn outputs(&self) -> BTreeSet<&str> {
        self.terms.iter().flat_map(|term| term.loss.outputs()).collect()
    }

    /// The weighted sum, and each term before weighting.
    ///
    /// # Errors
    /// When a term lacks what it compares, or shapes differ.
    pub fn value(&self, given: &Given<'_>) -> Result<(Tensor<1>, Vec<(&str, Tensor<1>)>)> {
        let mut sum: Option<Tensor<1>> = None;
        let mut each = Vec::with_capacity(self.terms.len());
        for term in &self.terms {
            let value = term.loss.value(given)?;
            let weighted = value.clone() * term.weight;
            sum = Some(sum.map_or_else(|| weighted.clone(), |sum| sum + weighted.clone()));
            each.push((term.label.as_str(), value));
        }
        let sum = sum.ok_or_else(|| Error::Setup("there is no loss to minimise".into()))?;
        Ok((sum, each))
    }
}

impl Term {
    fn new(graph: &Graph, recipe: &LossRecipe, usual: &str) -> Result<Self> {
        let loss = losses::build(&recipe.kind, &recipe.parameters, usual);
        let loss = loss.map_err(|message| Error::Setup(format!("losses: {message}")))?;
        for output in loss.outputs() {
            if !graph.outputs().contains_key(output) {
                let known = graph.outputs().keys().map(String::as_str);
                let near = crate::nearest(output, known.clone());
                let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                let known = known.collect::<Vec<_>>().join(", ");
                return Err(Error::Setup(format!(
                    "losses: {} looks at `{output}`, but {} gives {known}{near}",
                    recipe.kind,
                    graph.name()
                )));
            }
        }
        let label = match loss.outputs().first() {
            Some(&output) if output != usual => format!("{} {output}", recipe.kind),
            _ => recipe.kind.clone(),
        };
        Ok(Self { label, weight: recipe.weight, loss })
    }
}
