//! Every way in which one member of a JSON document can be altered.

use serde_json::{Map, Value as Json, json};

use super::world::Rng;

/// Shows the document with each of its members altered in turn, and what was altered; about `flips`
/// characters of each text, and eight times as many items of each list of hashes or numbers. The order of
/// members has no meaning in JSON, and is left alone.
pub fn each_mutant(json: &Json, flips: usize, rng: &mut Rng, see: &mut dyn FnMut(&str, &Json)) {
    let mut document = json.clone();
    for pointer in pointers(json, flips, rng) {
        let was = json.pointer(&pointer).unwrap();
        for (what, mutant) in altered(was, flips, rng) {
            *document.pointer_mut(&pointer).unwrap() = mutant;
            see(&format!("{pointer} {what}"), &document);
        }
        *document.pointer_mut(&pointer).unwrap() = was.clone();
    }
}

/// Some places of a list, its ends among them: ends are where encodings are loose, the rest is as good
/// as any other.
fn places(length: usize, most: usize, rng: &mut Rng) -> Vec<usize> {
    if length <= most {
        return (0..length).collect();
    }
    let inside = (0..most.saturating_sub(2)).map(|_| rng.below(length as u64) as usize);
    inside.chain([0, length - 1]).collect()
}

/// The items of a list that are altered: every object, and some hashes or numbers.
fn places_of(items: &[Json], flips: usize, rng: &mut Rng) -> Vec<usize> {
    let most = if items.iter().any(Json::is_object) { usize::MAX } else { flips.saturating_mul(8) };
    places(items.len(), most, rng)
}

/// A pointer to each value of a document that is altered, the document itself first.
fn pointers(json: &Json, flips: usize, rng: &mut Rng) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut at = 0;
    while at < found.len() {
        let pointer = found[at].clone();
        match json.pointer(&pointer).unwrap() {
            Json::Array(items) => {
                let places = places_of(items, flips, rng);
                found.extend(places.into_iter().map(|i| format!("{pointer}/{i}")));
            }
            Json::Object(members) => found.extend(members.keys().map(|name| format!("{pointer}/{name}"))),
            _ => {}
        }
        at += 1;
    }
    found
}

fn altered(was: &Json, flips: usize, rng: &mut Rng) -> Vec<(String, Json)> {
    let mut found: Vec<(String, Json)> = match was {
        Json::Null => [json!(0), json!(""), json!([]), json!({}), json!([0])]
            .into_iter()
            .map(|new| (format!("is {new}"), new))
            .collect(),
        Json::Bool(yes) => vec![("is turned".to_owned(), json!(!yes))],
        Json::Number(number) => numbers(number.as_u64().unwrap()),
        Json::String(text) => texts(text, flips, rng),
        Json::Array(items) => lists(items, flips, rng),
        Json::Object(members) => objects(members),
    };
    if !was.is_null() {
        found.push(("is null".to_owned(), Json::Null));
    }
    found
}

fn numbers(number: u64) -> Vec<(String, Json)> {
    let near = [number.checked_sub(1), number.checked_add(1)];
    let near = near.into_iter().flatten().map(|new| (format!("is {new}"), json!(new)));
    near.chain([("is a text".to_owned(), json!(number.to_string()))]).collect()
}

fn texts(text: &str, flips: usize, rng: &mut Rng) -> Vec<(String, Json)> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    for at in places(chars.len(), flips, rng) {
        let mut new = chars.clone();
        new[at] = char::from_u32(chars[at] as u32 ^ 1).unwrap_or('x');
        found.push((format!("character {at} flipped"), json!(new.iter().collect::<String>())));
    }
    found.push(("goes on".to_owned(), json!(format!("{text}0"))));
    if !chars.is_empty() {
        found.push(("lacks its end".to_owned(), json!(chars[..chars.len() - 1].iter().collect::<String>())));
        found.push(("is empty".to_owned(), json!("")));
    }
    if text.to_uppercase() != text {
        found.push(("is in upper case".to_owned(), json!(text.to_uppercase())));
    }
    found
}

fn lists(items: &[Json], flips: usize, rng: &mut Rng) -> Vec<(String, Json)> {
    let mut found = Vec::new();
    for at in places_of(items, flips, rng) {
        let mut new = items.to_vec();
        new.remove(at);
        found.push((format!("lacks item {at}"), Json::Array(new)));
        let mut new = items.to_vec();
        new.insert(at, items[at].clone());
        found.push((format!("has item {at} twice"), Json::Array(new)));
        // Two equal items swapped are the same document.
        if at + 1 < items.len() && items[at] != items[at + 1] {
            let mut new = items.to_vec();
            new.swap(at, at + 1);
            found.push((format!("items {at} and {} swapped", at + 1), Json::Array(new)));
        }
    }
    if !items.is_empty() {
        found.push(("is empty".to_owned(), json!([])));
    }
    found.push(("has an item more".to_owned(), Json::Array([items, &[Json::Null]].concat())));
    found
}

fn objects(members: &Map<String, Json>) -> Vec<(String, Json)> {
    let mut found = Vec::new();
    for (name, value) in members {
        let mut new = members.clone();
        new.remove(name);
        found.push((format!("lacks {name}"), Json::Object(new.clone())));
        new.insert(format!("{name}0"), value.clone());
        found.push((format!("has {name} under another name"), Json::Object(new)));
    }
    let mut new = members.clone();
    new.insert("more".to_owned(), json!(1));
    found.push(("has a member more".to_owned(), Json::Object(new)));
    found
}
