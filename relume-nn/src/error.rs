//! Errors of this crate.

/// What can go wrong when a graph is built, loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph itself is wrong: a layer got inputs that it cannot take.
    #[error("layer {layer}: {message}")]
    Graph {
        /// Name of the layer.
        layer: String,
        /// What is wrong, with the shapes concerned.
        message: String,
    },
    /// A run was asked for something that the graph or the feeds do not have.
    #[error("{0}")]
    Run(String),
    /// Weights that do not fit the graph.
    #[error("weights do not fit {graph}: {report}")]
    Weights {
        /// Name of the graph.
        graph: String,
        /// What was missing, unused or of the wrong shape.
        report: Box<crate::ImportReport>,
    },
    /// A checkpoint that cannot be read.
    #[error("not a readable weights file: {0}")]
    Checkpoint(String),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
