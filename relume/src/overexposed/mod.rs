//! Over-exposed parts of videos and pictures: light above the clip level, copied from frames that show it
//! and invented elsewhere.
//!
//! ```text
//! signals: light, clipping, encoder input   metering: exposure from frame to frame, cuts
//! network: encode once, find, restore       policy: which frame is kept as the reference
//! online: the loop over a video             table: what references are worth, for training policies
//! ```

mod affine;
mod metering;
mod network;
mod online;
mod policy;
mod shown;
mod signals;
mod table;
mod whole;

pub use metering::{Meter, Reading};
pub use network::{Answer, Encoded, Found, OxNet, TINY};
pub use online::{Recovered, Recovery, recover_picture};
pub use policy::{Glance, MAP, Policy, Rule, Selector, Shown, State};
pub use shown::{in_wide_primaries, map, tone_mapped};
pub use signals::{Signals, no_reference};
pub use table::{Played, Table};
