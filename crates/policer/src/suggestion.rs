//! Names that are nearly what somebody typed.

/// So many are told.
const MOST: usize = 3;

/// The names that are nearest to one that there is not, if any is near: by the letters that have to be changed.
pub(crate) fn nearest(typed: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let far = typed.chars().count().div_ceil(2).max(2);
    let length = |text: &str| text.chars().count();
    let rank = |name: &str| (distance(typed, name), length(typed).abs_diff(length(name)));
    let mut near: Vec<((usize, usize), String)> = names.map(|name| (rank(&name), name)).collect();
    near.retain(|((distance, _), _)| *distance <= far);
    near.sort();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// The letters that have to be added, taken away or exchanged.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut before = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, meant) in row.iter().skip(1).zip(&other) {
            left = (before + usize::from(letter != *meant)).min(above + 1).min(left + 1);
            before = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_differ_are_counted() {
        for (one, other, expected) in
            [("web", "web", 0), ("web", "wbe", 2), ("", "abc", 3), ("shop/web-0", "shop/web-1", 1)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_far_not_at_all() {
        let names = ["shop/web-0", "shop/web-10", "lab/probe", "shop/db-0"].map(str::to_owned);
        assert_eq!(nearest("shop/wbe-0", names.into_iter()), ["shop/web-0", "shop/db-0", "shop/web-10"]);
        assert_eq!(nearest("kube-system/coredns-x", ["a/b".to_owned()].into_iter()), [""; 0]);
    }
}
