//! The parameters of a loss: name, type, default, range and help of each written once.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Loss;

/// One parameter of a loss, as a recipe writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Key in the recipe.
    pub name: &'static str,
    /// What it does.
    pub help: String,
    /// Its value when left out.
    pub default: toml::Value,
    /// The values it takes, or empty where any will do.
    pub range: &'static str,
}

/// What [`parameters!`](super::parameters) makes of a loss.
pub(super) trait Parameters: Default + Serialize + DeserializeOwned {
    /// Name, help and range of each.
    const LIST: &[(&str, &str, &str)];

    /// Refuses values out of range.
    fn check(&self) -> Result<(), String>;
}

/// The parameters of `L` with their defaults.
pub(super) fn list<L: Parameters>() -> Vec<Parameter> {
    let mut defaults = toml::Table::try_from(L::default()).unwrap_or_default();
    let parameter = |&(name, help, range): &(&'static str, &str, &'static str)| {
        let help = help.trim().to_owned();
        defaults.remove(name).map(|default| Parameter { name, help, default, range })
    };
    L::LIST.iter().filter_map(parameter).collect()
}

/// Reads the parameters of `L` out of a table.
pub(super) fn read<L: Parameters>(table: &toml::Table) -> Result<L, String> {
    let loss: L = table.clone().try_into().map_err(|e: toml::de::Error| e.to_string())?;
    loss.check()?;
    Ok(loss)
}

/// Sets up a loss that is no more than its parameters.
pub(super) fn build<L: Parameters + Loss + 'static>(
    table: &toml::Table,
) -> Result<Box<dyn Loss>, String> {
    Ok(Box::new(read::<L>(table)?))
}

/// Declares the parameters of a loss. With `compares` before the name, `output` and `target` are
/// among them.
macro_rules! parameters {
    (
        $(#[doc = $about:literal])+
        compares $loss:ident { $($rest:tt)* }
    ) => {
        $crate::losses::parameters::parameters! {
            $(#[doc = $about])+
            $loss {
                /// Output that is judged; the picture by default.
                output: String = String::new(),
                /// Target it is compared with; the one of the output's name by default.
                target: String = String::new(),
                $($rest)*
            }
        }
    };
    (
        $(#[doc = $about:literal])+
        $loss:ident {
            $($(#[doc = $help:literal])+ $name:ident: $kind:ty = $default:expr $(=> $range:expr)?,)*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $loss { $($(#[doc = $help])+ $name: $kind,)* }

        impl Default for $loss {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl $crate::losses::parameters::Parameters for $loss {
            const LIST: &[(&str, &str, &str)] =
                &[$((stringify!($name), concat!($($help),+), concat!($(stringify!($range))?)),)*];

            fn check(&self) -> std::result::Result<(), String> {
                $($(if !($range).contains(&self.$name) {
                    let (name, range) = (stringify!($name), stringify!($range));
                    return Err(format!("{name} is {}; it goes over {range}", self.$name));
                })?)*
                Ok(())
            }
        }
    };
}
pub(super) use parameters;
