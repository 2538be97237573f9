//! A share of the inputs: which of them one of several runs takes, without asking the others.

use std::path::Path;

use sha2::{Digest, Sha256};

/// Shard `index` of `count`. A picture belongs to the shard that its name says: whatever else there
/// is in the folder, or comes later, and in whichever order it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Understands `I/N`; or `auto`, which asks a Slurm array; or `auto/N`, which asks a Slurm array
    /// or a Kubernetes Indexed Job for I. `variable` reads the environment.
    pub(crate) fn understand(
        text: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let from = |name: &str| variable(name).as_deref().and_then(number);
        let (index, count) = match text.split_once('/') {
            None if text == "auto" => (None, None),
            Some(("auto", count)) => (None, Some(count)),
            Some((index, count)) => (Some(index), Some(count)),
            None => return Err(format!("{text}: give I/N with I from 0 to N - 1, or auto")),
        };
        let count = match count {
            Some(count) => number(count).ok_or_else(|| format!("{text}: N is a whole number"))?,
            None => from("SLURM_ARRAY_TASK_COUNT")
                .ok_or("auto: there is no SLURM_ARRAY_TASK_COUNT here; give auto/N, or I/N")?,
        };
        let index = match index {
            Some(index) => number(index).ok_or_else(|| format!("{text}: I is a whole number"))?,
            None => of_array(from).ok_or(
                "auto: there is neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX here; give I/N",
            )?,
        };
        if index >= count {
            return Err(format!("shard {index} of {count}: I goes from 0 to N - 1"));
        }
        Ok(Self { index, count })
    }

    /// Whether the picture of this name below its folder is in the shard.
    pub(crate) fn has(self, place: &Path) -> bool {
        let mut hash = Sha256::new();
        for part in place {
            hash.update(part.as_encoded_bytes());
            hash.update(b"/");
        }
        let digest = hash.finalize();
        let first: [u8; 8] = std::array::from_fn(|i| digest[i]);
        u64::from_be_bytes(first) % self.count == self.index
    }
}

/// The place of this task in its array, from 0.
fn of_array(from: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let Some(task) = from("SLURM_ARRAY_TASK_ID") else { return from("JOB_COMPLETION_INDEX") };
    let first = from("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
    let step = from("SLURM_ARRAY_TASK_STEP").filter(|step| *step > 0).unwrap_or(1);
    Some(task.checked_sub(first)? / step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str, variables: &[(&str, &str)]) -> Result<Shard, String> {
        let read = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned())
        };
        Shard::understand(text, read)
    }

    #[test]
    fn every_name_is_in_exactly_one_shard() {
        let names: Vec<String> = (0..200).map(|i| format!("trip/{i}/IMG_{i}.jpg")).collect();
        for count in [1, 2, 3, 7, 60, 300] {
            let shards: Vec<_> = (0..count).map(|index| Shard { index, count }).collect();
            for name in &names {
                let owners = shards.iter().filter(|shard| shard.has(Path::new(name))).count();
                assert_eq!(owners, 1, "{name} in {count}");
            }
            let most = shards
                .iter()
                .map(|shard| names.iter().filter(|name| shard.has(Path::new(name))).count())
                .max();
            assert!(most.unwrap() as f64 <= 200.0 / count as f64 * 1.6 + 6.0, "{count}: {most:?}");
        }
    }

    #[test]
    fn arrays_say_which_shard_it_is() {
        let two_of_five = Ok(Shard { index: 2, count: 5 });
        assert_eq!(shard("2/5", &[]), two_of_five);
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "5"),
        ];
        assert_eq!(shard("auto", &slurm), two_of_five);
        assert_eq!(shard("auto/5", &slurm), two_of_five);
        assert_eq!(shard("auto/5", &[("JOB_COMPLETION_INDEX", "2")]), two_of_five);
        assert!(shard("auto", &[("JOB_COMPLETION_INDEX", "2")]).unwrap_err().contains("auto/N"));
        for wrong in ["5/5", "0/0", "1", "a/2", "1/b", "-1/2", "auto", "auto/3"] {
            assert!(shard(wrong, &[]).is_err(), "{wrong}");
        }
    }
}
