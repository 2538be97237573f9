//! A network as data: one [`Graph`] describes it, executors run it, everything else is derived.
//!
//! * [`mod@reference`] is plain loops: the truth every test compares with.
//! * [`cpu`] runs tiles with an exact halo on all cores: what users run.
//! * [`burn`] (feature `burn`) interprets the graph on tensors with autodiff: training and GPUs.

#[cfg(feature = "burn")]
pub mod burn;
pub mod checkpoint;
pub mod cpu;
mod error;
pub mod facts;
pub mod graph;
pub mod hsv;
pub mod layer;
mod motion;
pub mod onnx;
pub mod recover;
pub mod reference;
pub mod region;
pub mod relight;
pub mod report;
pub mod tensor;
pub mod weights;
pub mod windows;

pub use checkpoint::Checkpoint;
pub use error::{Error, Result};
pub use facts::Facts;
pub use graph::{Extent, Graph, GraphBuilder, Node, NodeId};
pub use layer::{Conv, Initial, Layer, Pointwise};
pub use report::ImportReport;
pub use tensor::{Feeds, Tensor};
pub use weights::{Array, Weights};
pub use windows::Windows;
