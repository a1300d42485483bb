//! The vectors of real arrays, hostile texts, and every scan against a bit-by-bit oracle.

use std::time::Instant;

use proptest::prelude::*;

use super::*;

/// Arrays of fresh networks by prefix length, from DANM's own code.
const FRESH: [(u32, &str); 8] = [
    (32, "gA=="),
    (31, "wA=="),
    (30, "kA=="),
    (29, "gQ=="),
    (28, "gAE="),
    (27, "gAAAAQ=="),
    (26, "gAAAAAAAAAE="),
    (25, "gAAAAAAAAAAAAAAAAAAAAQ=="),
];

fn with_bits(len: u32, set: &[u32]) -> AllocBits {
    let mut bits = AllocBits::clear(len);
    set.iter().for_each(|&bit| bits.set(BitIndex(bit)));
    bits
}

#[test]
fn fresh_arrays_are_the_ones_danm_makes() {
    for (prefix, text) in FRESH {
        let len = 1 << (32 - prefix);
        assert_eq!(with_bits(len, &[0, len - 1]).encode(), text, "/{prefix}");
        assert_eq!(AllocBits::decode(text, len).unwrap().encode(), text, "/{prefix}");
    }
}

#[test]
fn bits_are_counted_from_the_most_significant_of_each_byte() {
    let vectors: [(u32, &[u32], &str); 6] = [
        (64, &[0, 1, 63], "wAAAAAAAAAE="),
        (64, &[0, 1, 2, 63], "4AAAAAAAAAE="),
        (64, &[0, 6, 63], "ggAAAAAAAAE="),
        (4, &[0, 1, 3], "0A=="),
        (8, &[0, 1, 2, 3, 4, 5, 6, 7], "/w=="),
        (256, &[0, 1, 2, 255], "4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="),
    ];
    for (len, set, text) in vectors {
        assert_eq!(with_bits(len, set).encode(), text);
        assert_eq!(AllocBits::decode(text, len).unwrap(), with_bits(len, set));
    }
}

#[test]
fn an_array_of_another_length_is_an_error_that_names_both() {
    for (text, found) in [("gAAAAAE=", 5), ("gAAAAAAAAAAAAAAE", 12), ("gA==", 1)] {
        let error = AllocBits::decode(text, 256).unwrap_err();
        assert_eq!(error, AllocError::WrongLength { found, expected: 32, bits: 256 });
    }
}

#[test]
fn what_is_not_standard_base64_is_an_error() {
    for text in ["gA", "gA=", "g_-=", "gA==\n", "\u{0}", "====", "gB=="] {
        assert!(matches!(AllocBits::decode(text, 8), Err(AllocError::NotBase64(_))), "{text:?}");
    }
    assert_eq!(AllocBits::decode("", 8), Err(AllocError::Missing));
}

#[test]
fn the_unused_rest_of_the_only_byte_is_kept_and_not_counted() {
    let bits = AllocBits::decode("/w==", 4).unwrap();
    assert_eq!((bits.count_set(), bits.encode().as_str()), (4, "/w=="));
    assert_eq!(bits.first_clear(BitIndex(0)..=BitIndex(7)), None);
    assert!(!bits.is_set(BitIndex(4)));
}

#[test]
fn bits_beyond_the_end_are_clear_and_cannot_be_set() {
    let mut bits = AllocBits::clear(100);
    bits.set(BitIndex(100));
    assert!(!bits.unset(BitIndex(u32::MAX)));
    assert_eq!((bits.count_set(), bits.is_set(BitIndex(100))), (0, false));
}

#[test]
fn the_largest_array_is_scanned_word_by_word() {
    let mut full = AllocBits::clear(MAX_BITS);
    full.words.fill(u64::MAX);
    full.unset(BitIndex(MAX_BITS - 2));
    let started = Instant::now();
    let found = full.first_clear(BitIndex(0)..=BitIndex(MAX_BITS - 1));
    assert_eq!(found, Some(BitIndex(MAX_BITS - 2)));
    // A loop over bits takes 100 times as long; the benchmark holds the real bar.
    assert!(started.elapsed().as_millis() < 100, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn scans_agree_with_an_array_of_booleans(
        model in prop::collection::vec(any::<bool>(), 1..400),
        newer in prop::collection::vec(any::<bool>(), 400),
        start in 0u32..400,
        end in 0u32..500,
    ) {
        let len = u32::try_from(model.len()).unwrap();
        let of = |model: &[bool]| {
            let mut bits = AllocBits::clear(len);
            (0..len).filter(|&bit| model[bit as usize]).for_each(|bit| bits.set(BitIndex(bit)));
            bits
        };
        let bits = of(&model);
        let in_range = |bit: &u32| *bit >= start && *bit <= end;

        prop_assert_eq!(AllocBits::decode(&bits.encode(), len).unwrap(), bits.clone());
        prop_assert_eq!(bits.count_set() as usize, model.iter().filter(|&&set| set).count());
        let clear = (0..len).filter(in_range).find(|&bit| !model[bit as usize]);
        prop_assert_eq!(bits.first_clear(BitIndex(start)..=BitIndex(end)), clear.map(BitIndex));

        let expanded: Vec<(u32, bool)> = bits
            .runs(BitIndex(start)..=BitIndex(end))
            .flat_map(|run| (run.first.0..=run.last.0).map(move |bit| (bit, run.set)))
            .collect();
        let naive: Vec<(u32, bool)> =
            (0..len).filter(in_range).map(|bit| (bit, model[bit as usize])).collect();
        prop_assert_eq!(expanded, naive);

        let changed: Vec<u32> = bits.changed(&of(&newer)).map(|bit| bit.0).collect();
        let naive: Vec<u32> = (0..len).filter(|&bit| model[bit as usize] != newer[bit as usize]).collect();
        prop_assert_eq!(changed, naive);
    }

    #[test]
    fn decoding_survives_any_text(text in ".{0,64}", len in 1u32..=MAX_BITS) {
        let _ = AllocBits::decode(&text, len);
    }
}
