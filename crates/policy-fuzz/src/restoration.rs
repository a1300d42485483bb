//! Writes random worlds down, object by object, and reads them again: whoever begins with what was kept has to know the same.

use policy_engine::{Object, World};
use proptest::strategy::{Strategy, ValueTree};

use crate::{
    agreement::{runner, world},
    objects::{Fate, Story, stories},
};

/// Keeps so many random worlds, as they are after what happens in them. Gives the first story after which what was kept makes
/// another world.
pub fn restore_many(seed: u64, count: u32) -> Option<Story> {
    let mut runner = runner(seed);
    let strategy = stories();
    let mut stories = (0..count).filter_map(|_| Some(strategy.new_tree(&mut runner).ok()?.current()));
    stories.find(|story| !is_restored(&end_of(story)))
}

/// The world as it is in the end.
fn end_of(story: &Story) -> World {
    let mut world = world(&story.begin);
    for change in &story.changes {
        let Ok(Some(object)) = Object::read(&change.object) else { continue };
        match change.fate {
            Fate::Goes => world.delete(&object.key()),
            Fate::Comes | Fate::LeftAlone => world.apply(object),
        }
    }
    world
}

fn is_restored(world: &World) -> bool {
    let mut restored = World::default();
    for object in world.objects() {
        let text = serde_json::to_string(&object).unwrap_or_default();
        let Ok(object) = serde_json::from_str(&text) else { return false };
        restored.apply(object);
    }
    restored == *world
}
