//! The life of a definition: what it says is served from the moment it is written.

use crate::{
    catalog::{Definition, Resource, complete_definition, conditions},
    failure::Failure,
    object::Fields,
    store::Store,
};

/// Serves what a definition says from now on, in place of what it said before.
pub(super) fn serve(store: &mut Store, of: &Resource, fields: &mut Fields) -> Result<(), Failure> {
    let definition = Definition::read(of, fields)?;
    complete_definition(fields);
    fields.insert("status".to_owned(), conditions(fields));
    store.catalog.withdraw(&definition.id);
    store.open(definition.id.clone());
    definition.resources.into_iter().for_each(|resource| store.catalog.serve(resource));
    Ok(())
}
