//! What is open after what was said.

use super::*;

fn namespace() -> Key {
    Key::Namespace(Arc::from("x"))
}

fn pod() -> Key {
    Key::Pod(NamespacedName::new("x", "a"))
}

fn other() -> Word {
    Word::Other("ajar".to_owned())
}

impl Openings {
    fn hears(&mut self, key: &Key, uid: &str, word: Option<Word>) -> bool {
        self.hear(key, &Arc::from(uid), word)
    }

    fn of_pod(&self, name: &str, uid: &str) -> Option<(OpenedBy, bool)> {
        let opening = self.of(&NamespacedName::new("x", name), &Arc::from(uid));
        opening.map(|opening| (opening.by, opening.is_listed))
    }
}

#[test]
fn a_namespace_opens_all_its_pods_until_it_says_something_else_or_nothing() {
    let mut openings = Openings::default();
    for closing in [None, Some(other())] {
        assert!(openings.hears(&namespace(), "", Some(Word::Open)));
        assert!(!openings.hears(&namespace(), "", Some(Word::Open)), "that was so before");
        assert_eq!(openings.of_pod("a", "1"), Some((OpenedBy::Namespace, true)));
        assert_eq!(openings.of(&NamespacedName::new("y", "a"), &Arc::from("1")), None);
        assert!(openings.hears(&namespace(), "", closing.clone()));
        assert!(!openings.hears(&namespace(), "", closing));
        assert_eq!(openings.of_pod("a", "1"), None);
    }
    openings.hears(&namespace(), "", Some(Word::Open));
    assert!(openings.forget(&namespace()) && !openings.forget(&namespace()));
    assert_eq!((openings.of_pod("a", "1"), openings.namespaces().count()), (None, 0));
}

#[test]
fn a_pod_opens_itself_only_where_that_counts_and_not_another_of_its_name() {
    let mut openings = Openings::default();
    assert!(!openings.hears(&pod(), "1", Some(Word::Open)));
    assert_eq!(openings.of_pod("a", "1"), None);
    openings.heed_pods();
    assert!(openings.hears(&pod(), "1", Some(Word::Open)));
    assert_eq!(openings.of_pod("a", "1"), Some((OpenedBy::Pod, true)));
    assert_eq!((openings.of_pod("a", "2"), openings.of_pod("b", "1")), (None, None));
    assert!(openings.hears(&pod(), "2", Some(Word::Open)), "it is another");
    assert_eq!((openings.of_pod("a", "1"), openings.namespaces().count()), (None, 0));
}

#[test]
fn what_was_kept_is_known_as_such_until_it_is_said_again_or_not() {
    let mut before = Openings::default();
    before.heed_pods();
    before.hears(&namespace(), "", Some(Word::Open));
    before.hears(&pod(), "1", Some(Word::Open));
    let mut openings = Openings::default();
    openings.restore(before.kept());
    assert_eq!(openings.kept(), [Kept::Namespace(Arc::from("x"))], "those of Pods do not count any more");
    assert_eq!(openings.of_pod("a", "1"), Some((OpenedBy::Namespace, false)));
    assert_eq!(openings.namespaces().count(), 0);
    assert!(openings.hears(&namespace(), "", Some(Word::Open)));
    assert_eq!(openings.of_pod("a", "1"), Some((OpenedBy::Namespace, true)));

    let mut openings = Openings::default();
    openings.heed_pods();
    openings.restore(before.kept());
    openings.hears(&pod(), "1", Some(Word::Open));
    assert_eq!(openings.of_pod("a", "1"), Some((OpenedBy::Pod, true)), "what is listed counts more");
    assert!(openings.hears(&namespace(), "", None));
    assert_eq!(openings.of_pod("b", "2"), None);
}

#[test]
fn what_opens_nothing_is_remembered_as_long_as_it_is_said() {
    let mut openings = Openings::default();
    openings.hears(&namespace(), "", Some(other()));
    openings.hears(&pod(), "1", Some(Word::Open));
    assert_eq!(openings.idle.len(), 2);
    openings.hears(&namespace(), "", None);
    openings.forget(&pod());
    assert_eq!(openings.idle.len(), 0);
}
