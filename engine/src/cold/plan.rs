//! Which plan suits a column: by a look at all of its values.

use hashbrown::HashMap;

use super::column::{List, Plan, Symbols, WORDS_MAX};
use super::shape::Shapes;
use super::values::{joined, number, time, uuid};

/// Lists up to this length are made for less repetition.
const SHORT_LIST: usize = 256;
/// Columns of fewer values stay text: plans have a price.
const VALUES_MIN: usize = 16;
/// Values that are compared before all of them are.
const SAMPLE: usize = 64;

/// A column's plan, and the places of its values in the plan's list.
pub(super) struct Chosen {
    pub plan: Plan,
    pub places: Vec<u32>,
}

/// For each value of a column, where another column's first value of the same body is.
pub(super) fn alongside(docs: &[u32], others: &[u32]) -> Option<Vec<u32>> {
    let mut at = 0;
    docs.iter()
        .map(|doc| {
            at += others[at..].partition_point(|other| other < doc);
            (others.get(at) == Some(doc)).then_some(at as u32)
        })
        .collect()
}

/// Chooses for all columns. `docs` has the body of each value of each column.
pub(super) fn choose(shapes: &Shapes<'_>, docs: &[Vec<u32>]) -> Vec<Chosen> {
    let neighbours = neighbours(shapes);
    let mut chosen: Vec<Chosen> = Vec::with_capacity(docs.len());
    for (column, values) in shapes.columns.iter().enumerate() {
        let mut own = alone(values);
        let is_words = matches!(&own.plan, Plan::Words(list) if list.len() > 1);
        if is_words || matches!(own.plan, Plan::Text | Plan::Coded(_) | Plan::Time { .. } | Plan::Uuid) {
            for &other in &neighbours[column] {
                let known = &chosen[other as usize];
                if known.plan.told_from().is_some() {
                    continue;
                }
                let told = Told { values, docs: &docs[column], other };
                let sources = (&shapes.columns[other as usize][..], &docs[other as usize][..]);
                if let Some(plan) = told.same(sources).or_else(|| told.follows(&own, known, sources.1)) {
                    own = Chosen { plan, places: Vec::new() };
                    break;
                }
            }
        }
        chosen.push(own);
    }
    chosen
}

/// The earlier columns that every shape of a column has too.
fn neighbours(shapes: &Shapes<'_>) -> Vec<Vec<u32>> {
    let mut common: Vec<Option<Vec<u32>>> = vec![None; shapes.columns.len()];
    for shape in shapes.shapes {
        let mut sorted = shape.columns.clone();
        sorted.sort_unstable();
        sorted.dedup();
        for &column in &sorted {
            match &mut common[column as usize] {
                Some(known) => known.retain(|other| sorted.binary_search(other).is_ok()),
                none => *none = Some(sorted.iter().copied().take_while(|&other| other < column).collect()),
            }
        }
    }
    common.into_iter().map(Option::unwrap_or_default).collect()
}

/// The plan of a column by itself.
fn alone(values: &[&[u8]]) -> Chosen {
    let plain = |plan| Chosen { plan, places: Vec::new() };
    if values.len() < VALUES_MIN {
        return plain(Plan::Text);
    }
    if let Some(plan) = times(values) {
        return plain(plan);
    }
    if values.iter().all(|value| uuid(value).is_some()) {
        return plain(Plan::Uuid);
    }
    if let Some(chosen) = words(values) {
        return chosen;
    }
    if let Some(plan) = numbers(values) {
        return plain(plan);
    }
    plain(symbols(values).map_or(Plan::Text, Plan::Coded))
}

fn times(values: &[&[u8]]) -> Option<Plan> {
    let (_, first) = time(values[0])?;
    let (mut most, mut own) = (first, false);
    for value in values {
        let (_, decimals) = time(value)?;
        own |= decimals != first;
        most = most.max(decimals);
    }
    Some(Plan::Time { decimals: most, own })
}

fn numbers(values: &[&[u8]]) -> Option<Plan> {
    let mut most = 0;
    for value in values {
        most = number(value)?.1.max(most);
    }
    let fit = |value: &&[u8]| number(value).is_some_and(|value| joined(value, most).is_some());
    values.iter().all(fit).then_some(Plan::Number { decimals: most })
}

fn words(values: &[&[u8]]) -> Option<Chosen> {
    let bytes: usize = values.iter().map(|value| value.len()).sum();
    let mut known: HashMap<&[u8], u32> = HashMap::new();
    let mut list: Vec<(&[u8], u32)> = Vec::new();
    let (mut places, mut listed, mut last) = (Vec::with_capacity(values.len()), 0, 0_u32);
    for value in values {
        let next = list.len() as u32;
        // Values that repeat themselves often do so at once.
        if list.get(last as usize).is_none_or(|(known, _)| known != value) {
            last = *known.entry(value).or_insert(next);
        }
        if last == next {
            list.push((value, 0));
            listed += value.len() + 1;
            if (listed * 3 >= bytes && list.len() > SHORT_LIST) || list.len() > WORDS_MAX {
                return None;
            }
        }
        list[last as usize].1 += 1;
        places.push(last);
    }
    let worth = listed * 3 < bytes || list.len() * 2 <= values.len();
    worth.then(|| by_frequency(&list, places))
}

/// The most frequent words first.
fn by_frequency(list: &[(&[u8], u32)], mut places: Vec<u32>) -> Chosen {
    let mut order: Vec<u32> = (0..list.len() as u32).collect();
    let word = |at: &u32| list[*at as usize];
    order.sort_unstable_by(|a, b| word(b).1.cmp(&word(a).1).then_with(|| word(a).0.cmp(word(b).0)));
    let mut ranks = vec![0; list.len()];
    (0..).zip(&order).for_each(|(rank, &at)| ranks[at as usize] = rank);
    places.iter_mut().for_each(|place| *place = ranks[*place as usize]);
    Chosen { plan: Plan::Words(List::of(order.iter().map(|at| word(at).0))), places }
}

fn symbols(values: &[&[u8]]) -> Option<Symbols> {
    let first = values[0];
    if first.is_empty() || values.iter().any(|value| value.len() != first.len()) {
        return None;
    }
    let mut shared = first.len();
    for value in values {
        shared = first[..shared].iter().zip(*value).take_while(|(a, b)| a == b).count();
    }
    let mut used = [false; 256];
    values.iter().flat_map(|value| &value[shared..]).for_each(|&byte| used[usize::from(byte)] = true);
    let alphabet: Vec<u8> = (0..=u8::MAX).filter(|&byte| used[usize::from(byte)]).collect();
    let fits = (1..=64).contains(&alphabet.len());
    fits.then(|| Symbols { prefix: first[..shared].to_vec(), alphabet, count: first.len() - shared })
}

/// A column that may be told from another.
struct Told<'v, 'a> {
    values: &'v [&'a [u8]],
    docs: &'v [u32],
    other: u32,
}

impl Told<'_, '_> {
    fn same(&self, (sources, docs): (&[&[u8]], &[u32])) -> Option<Plan> {
        let sampled = SAMPLE.min(self.docs.len());
        let equal = |count: usize| {
            let along = alongside(&self.docs[..count], docs)?;
            let mut pairs = self.values.iter().zip(&along);
            pairs.all(|(value, &at)| *value == sources[at as usize]).then_some(())
        };
        equal(sampled)?;
        equal(self.docs.len())?;
        Some(Plan::Same(self.other))
    }

    fn follows(&self, own: &Chosen, known: &Chosen, docs: &[u32]) -> Option<Plan> {
        let (Plan::Words(list), Plan::Words(theirs)) = (&own.plan, &known.plan) else { return None };
        // The map has an entry for each of their words.
        if theirs.len() * 4 > self.values.len() {
            return None;
        }
        let mapped = |count: usize| {
            let along = alongside(&self.docs[..count], docs)?;
            let mut map: Vec<Option<u32>> = vec![None; theirs.len()];
            for (&place, &at) in own.places.iter().zip(&along) {
                let entry = &mut map[known.places[at as usize] as usize];
                if *entry.get_or_insert(place) != place {
                    return None;
                }
            }
            Some(map)
        };
        mapped(SAMPLE.min(self.docs.len()))?;
        let map = mapped(self.docs.len())?;
        Some(Plan::Follows { of: self.other, list: list.clone(), map })
    }
}
