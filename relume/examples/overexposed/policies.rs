//! Policies on reward tables.

use std::path::Path;

use relume::overexposed::{Played, Policy, Rule, Selector, Table};
use relume_nn::Weights;

use crate::Failure;

fn read(folder: &Path) -> Result<Vec<Table>, Failure> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    paths.iter().map(|path| Ok(Table::from_bytes(&std::fs::read(path)?)?)).collect()
}

/// Means over clips.
fn mean(
    tables: &[Table],
    play: impl Fn(&Table) -> Result<Played, Failure>,
) -> Result<Played, Failure> {
    let mut sum = Played::default();
    for table in tables {
        let played = play(table)?;
        sum.reward += played.reward / tables.len() as f32;
        sum.adopted += played.adopted / tables.len() as f32;
    }
    Ok(sum)
}

/// The rule with the most reward on the training tables.
fn tuned(tables: &[Table]) -> Result<Rule, Failure> {
    let mut best = (Rule { less: 1.0, old: 8 }, f32::NEG_INFINITY);
    for less in [0.0, 0.25, 0.5, 0.7, 0.85, 1.0, 1.2] {
        for old in [2, 4, 6, 8, 12, 16, 1000] {
            let rule = Rule { less, old };
            let played = mean(tables, |table| Ok(table.play(&Policy::Rule(rule))?))?;
            if played.reward > best.1 {
                best = (rule, played.reward);
            }
        }
    }
    Ok(best.0)
}

pub(crate) fn run(folder: &Path, selector: Option<&str>) -> Result<(), Failure> {
    let (train, test) = (read(&folder.join("train"))?, read(&folder.join("test"))?);
    let rule = tuned(&train)?;
    let mut policies = vec![
        ("previous frame".to_owned(), Policy::Previous),
        ("every 4th frame".to_owned(), Policy::Every(4)),
        ("every 8th frame".to_owned(), Policy::Every(8)),
        ("first frame only".to_owned(), Policy::First),
        (format!("best hand rule, {rule:?}"), Policy::Rule(rule)),
        ("ring of 8, one frame in 4".to_owned(), Policy::Ring { slots: 8, every: 4 }),
        ("ring of 4, one frame in 6".to_owned(), Policy::Ring { slots: 4, every: 6 }),
    ];
    if let Some(path) = selector {
        let weights = Weights::read(&std::fs::read(path)?)?;
        policies.push(("learned".to_owned(), Policy::Learned(Box::new(Selector::new(weights)?))));
    }
    let oracle = mean(&test, |table| Ok(table.oracle()))?;
    println!(
        "{} training and {} test clips, {} frames each",
        train.len(),
        test.len(),
        test[0].len()
    );
    println!("| policy | reward | share of the oracle | adopted | on training clips |");
    println!("|---|---|---|---|---|");
    for (name, policy) in &policies {
        let played = mean(&test, |table| Ok(table.play(policy)?))?;
        let seen = mean(&train, |table| Ok(table.play(policy)?))?;
        println!(
            "| {name} | {:.4} | {:.0} % | {:.2} | {:.4} |",
            played.reward,
            100.0 * played.reward / oracle.reward,
            played.adopted,
            seen.reward
        );
    }
    let seen = mean(&train, |table| Ok(table.oracle()))?;
    println!(
        "| oracle, one slot | {:.4} | 100 % | {:.2} | {:.4} |",
        oracle.reward, oracle.adopted, seen.reward
    );
    let all = test.iter().map(Table::best_of_all).sum::<f32>() / test.len() as f32;
    println!(
        "| best of all earlier frames | {all:.4} | {:.0} % | | |",
        100.0 * all / oracle.reward
    );
    Ok(())
}
