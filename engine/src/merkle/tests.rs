use super::*;

/// All leaves in memory; every subtree is hashed from them by the definition of RFC 6962 2.1.
struct Plain(Vec<Node>);

fn mth(leaves: &[Node]) -> Node {
    match leaves {
        [] => empty(),
        [only] => *only,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

impl Nodes for Plain {
    fn node(&self, level: u32, index: u64) -> Result<Node, StoreError> {
        let first = (index << level) as usize;
        Ok(mth(&self.0[first..first + (1 << level)]))
    }
}

fn plain(count: u64) -> Plain {
    Plain((0..count).map(|i| leaf(&[i as u8; 32])).collect())
}

#[test]
fn the_published_vectors_agree() {
    let hex =
        |text: &str| -> Node { data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap() };
    let links = [
        "27961674f3ae9d3c4d85d01e0f86b519f703c29abd6550001b9f33ea82b1ced8",
        "1445611f3267e58eb8af2cda7375f7a0f928e327845f0812b56245930a4e283e",
        "d0af9b46d59de92e9aef273028a9457a93b4424d6a57f400643f8afb2ebece46",
    ];
    let roots = [
        "44372a0b423f26c726ac9c4f2c089aebc6dd1a2ec67f2085b5f5cedc2adc630f",
        "bffaa02f1a65c726cd9e1846901185cee649ff21a48a3726038f1fa36f3a017f",
        "b95c88ba19987c68caa664a20592a802fdffbef53d2d4366c7fb998927e5a0f1",
    ];
    let tree = Plain(links.iter().map(|h| leaf(&hex(h))).collect());
    for (size, wanted) in (1..).zip(roots) {
        assert_eq!(root(size, &tree).unwrap(), hex(wanted));
    }
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(root(0, &tree).unwrap(), hex(nothing));
}

#[test]
fn inclusion_proofs_lead_to_the_root_and_altered_ones_do_not() {
    let tree = plain(70);
    for size in 1..=70 {
        let wanted = mth(&tree.0[..size as usize]);
        assert_eq!(root(size, &tree).unwrap(), wanted);
        for index in 0..size {
            let own = tree.0[index as usize];
            let path = inclusion(index, size, &tree).unwrap();
            assert_eq!(root_by_inclusion(&own, index, size, &path), Some(wanted));
            assert_ne!(root_by_inclusion(&own, index ^ 1, size, &path), Some(wanted), "{index} {size}");
            assert_ne!(root_by_inclusion(&[9; 32], index, size, &path), Some(wanted));
            for at in 0..path.len() {
                let mut altered = path.clone();
                altered[at][0] ^= 1;
                assert_ne!(root_by_inclusion(&own, index, size, &altered), Some(wanted));
                assert_eq!(root_by_inclusion(&own, index, size, &path[..at]), None);
            }
            let mut longer = path.clone();
            longer.push([0; 32]);
            assert_eq!(root_by_inclusion(&own, index, size, &longer), None);
        }
        assert!(inclusion(size, size, &tree).is_err());
        assert_eq!(root_by_inclusion(&tree.0[0], size, size, &[]), None);
    }
}

#[test]
fn consistency_proofs_hold_between_all_sizes_and_altered_ones_do_not() {
    let tree = plain(40);
    let heads: Vec<Node> = (0..=40).map(|size| mth(&tree.0[..size])).collect();
    for to in 0..=40 {
        for from in 0..=to {
            let path = consistency(from, to, &tree).unwrap();
            let (old, new) = (&heads[from as usize], &heads[to as usize]);
            assert!(consistent(from, to, old, new, &path), "{from} {to}");
            let mut other = *old;
            other[5] ^= 1;
            assert!(!consistent(from, to, &other, new, &path));
            if from > 0 {
                assert!(!consistent(from, to, old, &other, &path) || from == to && *old == other);
            }
            for at in 0..path.len() {
                let mut altered = path.clone();
                altered[at][31] ^= 1;
                assert!(!consistent(from, to, old, new, &altered));
                assert!(!consistent(from, to, old, new, &path[..at]));
            }
            let mut longer = path.clone();
            longer.push([0; 32]);
            assert!(!consistent(from, to, old, new, &longer));
        }
        assert!(consistency(to + 1, to, &tree).is_err());
        assert!(!consistent(to + 1, to, &heads[0], &heads[to as usize], &[]));
    }
}

#[test]
fn one_proof_for_many_leaves_leads_to_the_root() {
    let tree = plain(33);
    for size in 1..=33_u64 {
        let wanted = mth(&tree.0[..size as usize]);
        for seed in 0..40_u64 {
            let picked: Vec<u64> = (0..size).filter(|i| (i * 7 + seed * 13) % 11 < seed % 11).collect();
            let proof = covers(&picked, size, &tree).unwrap();
            let disclosed: Vec<_> = picked.iter().map(|&i| (i, tree.0[i as usize])).collect();
            assert_eq!(root_of_many(&disclosed, size, &proof), Some(wanted));
            if let Some(at) = (!proof.is_empty()).then_some(seed as usize % proof.len().max(1)) {
                let mut altered = proof.clone();
                altered[at][0] ^= 1;
                assert_ne!(root_of_many(&disclosed, size, &altered), Some(wanted));
                assert_eq!(root_of_many(&disclosed, size, &proof[..proof.len() - 1]), None);
            }
            let mut longer = proof.clone();
            longer.push([0; 32]);
            assert_eq!(root_of_many(&disclosed, size, &longer), None);
            if let [first, .., last] = disclosed.as_slice() {
                assert_eq!(root_of_many(&[*last, *first], size, &proof), None);
            }
        }
        assert_eq!(root_of_many(&[(size, [0; 32])], size, &[]), None);
    }
    assert_eq!(root_of_many(&[], 0, &[]), None);
}

#[test]
fn subtrees_tile_a_range_with_the_largest_aligned_ones() {
    assert_eq!(subtrees(0, 8), [(3, 0)]);
    assert_eq!(subtrees(3, 13), [(0, 3), (2, 1), (2, 2), (0, 12)]);
    assert_eq!(subtrees(5, 5), []);
    for first in 0..40 {
        for limit in first..60 {
            let mut at = first;
            for (level, index) in subtrees(first, limit) {
                assert_eq!(index << level, at);
                at += 1 << level;
            }
            assert_eq!(at, limit);
        }
    }
}
