//! What is kept comes back as it was, or not at all.

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt, chown, symlink},
    thread,
};

use policy_engine::World;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const NAME: &str = "known";

/// An object of each kind, as an API server has them.
fn kinds() -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "red"}}}),
        json!({"apiVersion": "v1", "kind": "Pod",
               "metadata": {"namespace": "x", "name": "a", "uid": "1", "labels": {"app": "1"}},
               "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 80}]}]},
               "status": {"podIPs": [{"ip": "10.1.0.1"}, {"ip": "fd00::1"}]}}),
        json!({"apiVersion": "danm.io/v1", "kind": "DanmEp", "metadata": {"namespace": "x", "name": "e"},
               "spec": {"Pod": "a", "PodUID": "1", "NetworkName": "lan1", "apiType": "ClusterNetwork",
                        "Interface": {"Name": "net1", "Address": "10.2.0.1/24"}}}),
        json!({"apiVersion": "danm.k8s.io/v1", "kind": "TenantNetwork", "metadata": {"namespace": "x", "name": "n"}}),
        json!({"apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy", "metadata": {"namespace": "x", "name": "p"},
               "spec": {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["2", "1"]}]},
                        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.3.0.0/16"]}}, {"bad": 1},
                                              {"podSelector": {}, "networkSelector": [{"name": "lan1"}]}],
                                     "ports": [{"port": "web"}, {"port": 80, "endPort": 90, "protocol": "SCTP"}]}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "x", "name": "s"},
               "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "web", "port": 80}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
               "metadata": {"namespace": "x", "name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
               "endpoints": [{"addresses": ["10.1.0.1"]}], "ports": [{"name": "web", "port": 80}]}),
    ]
}

fn known() -> Vec<Object> {
    let mut world = World::default();
    let read = |object: Value| Object::read(&object).expect("an object").expect("policies are about it");
    kinds().into_iter().map(read).for_each(|object| world.apply(object));
    world.objects().collect()
}

/// A store in a folder that is not there yet.
fn store() -> (TempDir, Store) {
    let above = TempDir::new().expect("a folder");
    let store = Store::new(above.path().join("policer"), NAME);
    (above, store)
}

/// One that has something.
fn filled() -> (TempDir, Store) {
    let (above, store) = store();
    store.write(known()).expect("it is written");
    (above, store)
}

fn corrupt(store: &Store) -> String {
    match store.read() {
        Stored::Corrupt(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn what_is_written_is_read_and_replaces_what_was_there() {
    let (_above, store) = store();
    assert_eq!(store.read(), Stored::Nothing);
    store.write(known()).expect("it is written");
    assert_eq!(store.read(), Stored::Objects(known()));
    store.write([]).expect("it is written");
    assert_eq!(store.read(), Stored::Objects(Vec::new()));
}

#[test]
fn nobody_else_can_read_it_and_nothing_else_is_left_in_its_folder() {
    let (_above, store) = filled();
    assert_eq!((mode(&store.folder), mode(&store.path())), (0o700, 0o600));
    let names = fs::read_dir(&store.folder).expect("a folder").map(|it| it.expect("an entry").file_name());
    assert_eq!(names.collect::<Vec<_>>(), [NAME]);
}

/// What is written is read by the next version of this program. If this fails, there has to be a new version of the store.
#[test]
fn how_objects_are_written_goes_with_the_version() {
    let (_above, store) = filled();
    let text = fs::read_to_string(store.path()).expect("text");
    let (first, body) = text.split_once('\n').expect("lines");
    assert!(first.starts_with("danm-policer-store 1 "), "{first}");
    insta::assert_snapshot!(body);
}

#[test]
fn whatever_is_cut_off_added_or_changed_is_noticed() {
    let (_above, store) = store();
    store.write(known().into_iter().skip(1).take(2)).expect("it is written");
    let whole = fs::read(store.path()).expect("bytes");
    assert_eq!(objects::<Object>(&whole).expect("it is whole").len(), 2);
    for length in 0..whole.len() {
        objects::<Object>(&whole[..length]).expect_err("it is cut off");
        let longer = [&whole[..length], b" ", &whole[length..]].concat();
        objects::<Object>(&longer).expect_err("it is longer");
    }
    // Chance, the same each time.
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..1_000 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let place = usize::try_from(chance >> 8).expect("64 bits") % whole.len();
        let mut changed = whole.clone();
        changed[place] ^= 1 << (chance % 8);
        objects::<Object>(&changed).expect_err("a bit is another");
    }
}

#[test]
fn the_reason_says_what_is_wrong() {
    let (_above, store) = filled();
    let whole = fs::read_to_string(store.path()).expect("text");
    let proved = |body: &str| header(&Sha256::digest(body), body.len()) + body;
    let cases = [
        (String::new(), "its first line is cut off"),
        ("x".repeat(500), "it was not written by danm-policer"),
        (whole.replacen(" 1 ", " 2 ", 1), "it is of version \"2\", and this program reads version 1"),
        (whole.replacen("10.1", "10.2", 1), "it is not as it was written: its length or its hash differs"),
        (proved("{}\n"), "line 2 is no object"),
        (proved("\n"), "line 2 is no object"),
    ];
    for (text, reason) in cases {
        fs::write(store.path(), text).expect("it is written");
        assert_eq!(corrupt(&store), reason);
    }
}

#[test]
fn what_somebody_else_can_have_written_is_not_read() {
    let (above, store) = filled();
    let path = store.path();
    for (place, usual) in [(&path, 0o600), (&store.folder, 0o700)] {
        for mode in [0o620, 0o602, 0o722, 0o777] {
            fs::set_permissions(place, Permissions::from_mode(mode | usual)).expect("it is ours");
            assert!(corrupt(&store).contains("others than its owner may write to it"), "{mode:o}");
            // It is written anew, but not where somebody could take it away.
            assert_eq!(store.write(known()).is_err(), *place == store.folder, "{mode:o}");
        }
        fs::set_permissions(place, Permissions::from_mode(usual | 0o044)).expect("it is ours");
        assert_eq!(store.read(), Stored::Objects(known()), "others may read it");
    }
    let elsewhere = above.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("it is moved");
    symlink(&elsewhere, &path).expect("a symlink");
    corrupt(&store);
    store.write(known()).expect("it is written in place of the symlink");
    assert!(path.symlink_metadata().expect("it is there").is_file());
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("a folder in its place");
    assert_eq!(corrupt(&store), "it is no file");
}

/// Only root can give a file away.
#[test]
fn what_somebody_else_owns_is_not_read() {
    let (_above, store) = filled();
    if chown(store.path(), Some(12_345), None).is_err() {
        eprintln!("SKIPPED: no right to give a file away");
        return;
    }
    assert!(corrupt(&store).starts_with("user 12345 owns it, not user "));
}

#[test]
fn if_it_cannot_be_written_what_was_there_stays() {
    let (_above, store) = filled();
    let new = store.folder.join(format!("{NAME}.new"));
    fs::write(&new, "half of it, by an agent that was ended").expect("it is written");
    store.write(known()).expect("it is written");
    assert!(!new.exists());
    fs::create_dir(&new).expect("a folder in the way");
    let error = format!("{:#}", store.write([]).expect_err("there is a folder in the way"));
    assert!(
        error.starts_with(&format!("failed to keep what is known in {}: ", store.path().display())),
        "{error}"
    );
    assert_eq!(store.read(), Stored::Objects(known()));
}

#[test]
fn two_that_write_at_once_leave_what_one_of_them_wrote() {
    let (_above, store) = filled();
    thread::scope(|scope| {
        for count in [1, known().len()] {
            let store = &store;
            let write =
                move || (0..50).for_each(|_| store.write(known().into_iter().take(count)).expect("written"));
            scope.spawn(write);
        }
        for _ in 0..200 {
            let Stored::Objects(objects) = store.read() else { panic!("{:?}", store.read()) };
            assert!([1, known().len()].contains(&objects.len()), "{}", objects.len());
        }
    });
}
