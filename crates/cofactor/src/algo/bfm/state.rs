//! What a fit needs to go on after it was cut off: the weights of all chains, and the samples so far.
//!
//! It is taken right after a sweep that has computed everything else anew from the weights, so that nothing else counts, and chain by chain, so that a machine with another number
//! of threads can go on.

use super::chains::{Chains, REFRESH};
use super::design::Design;
use super::keeper::Keeper;
use crate::error::{Error, Result};
use crate::fit::model::Tensors;
use crate::fit::run::Interrupt;

/// Whether the state after so many sweeps is one that a fit can go on from.
pub(super) fn is_whole(sweeps: usize) -> bool {
    sweeps.is_multiple_of(REFRESH as usize)
}

/// The state of that many chains.
pub(super) fn store(groups: &[Chains], keeper: &Keeper, chains: usize) -> Tensors {
    let mut tensors = Tensors::default();
    tensors.insert_indices("sweeps", vec![groups[0].sweeps]);
    let words = |chain: usize| {
        let bits = of_chain(groups, chain).intercept[chain % groups[0].lanes()].to_bits();
        [bits as u32, (bits >> 32) as u32]
    };
    tensors.insert_indices("intercept", (0..chains).flat_map(words).collect());
    let tables: Vec<Vec<&[f32]>> = groups.iter().map(Chains::state).collect();
    let lanes = groups[0].lanes();
    for (number, first) in tables[0].iter().enumerate() {
        let rows = first.len() / lanes;
        let mut entries = Vec::with_capacity(rows * chains);
        for row in 0..rows {
            for chain in 0..chains {
                entries.push(tables[chain / lanes][number][row * lanes + chain % lanes]);
            }
        }
        tensors.insert(&name(number), &[rows, chains], entries);
    }
    keeper.store(&mut tensors);
    tensors
}

/// Puts the state back, and says how many sweeps the chains have behind them.
///
/// # Errors
/// The tensors are none of [`store`] for these data and parameters.
pub(super) fn restore(
    mut tensors: Tensors,
    design: &Design,
    (groups, keeper): (&mut [Chains], &mut Keeper),
    chains: usize,
) -> Result<usize> {
    let sweeps = match tensors.take_indices("sweeps", usize::MAX)?[..] {
        [sweeps] if is_whole(sweeps as usize) => sweeps,
        _ => return Err(misfit("sweeps")),
    };
    let words = tensors.take_indices("intercept", usize::MAX)?;
    if words.len() != 2 * chains {
        return Err(misfit("intercept"));
    }
    let lanes = groups[0].lanes();
    for (chain, pair) in words.chunks_exact(2).enumerate() {
        let bits = u64::from(pair[0]) | u64::from(pair[1]) << 32;
        groups[chain / lanes].intercept[chain % lanes] = f64::from_bits(bits);
    }
    let mut tables: Vec<Vec<&mut [f32]>> = groups.iter_mut().map(Chains::state_mut).collect();
    for number in 0..tables[0].len() {
        let rows = tables[0][number].len() / lanes;
        let (shape, entries) = tensors.take::<2>(&name(number))?;
        if shape != [rows, chains] {
            return Err(misfit(&name(number)));
        }
        for (row, entries) in entries.chunks_exact(chains).enumerate() {
            for (chain, &entry) in entries.iter().enumerate() {
                tables[chain / lanes][number][row * lanes + chain % lanes] = entry;
            }
        }
    }
    for group in groups {
        group.sweeps = sweeps;
        // Once, and the next sweep listens.
        group.refresh(design, &Interrupt::default());
    }
    keeper.load(&mut tensors)?;
    Ok(sweeps as usize)
}

fn of_chain(groups: &[Chains], chain: usize) -> &Chains {
    &groups[chain / groups[0].lanes()]
}

fn name(number: usize) -> String {
    format!("chains/{number:04}")
}

fn misfit(name: &str) -> Error {
    Error::unsupported(format!("tensor '{name}' does not fit the chains"), "")
}
