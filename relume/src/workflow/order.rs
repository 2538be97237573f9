//! In which order nodes can run, and whether their wires go round in a circle.

use super::graph::Node;

/// The nodes with sources before those that read them, or those of a circle.
pub(super) fn order(nodes: &[Node]) -> Result<Vec<usize>, Vec<usize>> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut state = vec![State::New; nodes.len()];
    let mut path = Vec::new();
    for start in 0..nodes.len() {
        visit(nodes, start, &mut state, &mut path, &mut order)?;
    }
    Ok(order)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

fn visit(
    nodes: &[Node],
    node: usize,
    state: &mut [State],
    path: &mut Vec<usize>,
    order: &mut Vec<usize>,
) -> Result<(), Vec<usize>> {
    match state[node] {
        State::Done => return Ok(()),
        State::Open => {
            let start = path.iter().position(|&n| n == node).unwrap_or(0);
            // As the light goes: the reader after what it reads.
            return Err(path[start..].iter().rev().copied().collect());
        }
        State::New => {}
    }
    state[node] = State::Open;
    path.push(node);
    for source in nodes[node].sources() {
        visit(nodes, source.node, state, path, order)?;
    }
    path.pop();
    state[node] = State::Done;
    order.push(node);
    Ok(())
}
