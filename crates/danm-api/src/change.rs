//! What is told about the objects of one kind, by a watch or by a fresh read. An index takes it in through
//! these verbs and no others.

/// A change of what is known of a kind of object.
#[derive(Clone, Debug)]
pub enum Change<T> {
    /// The object is like this now.
    Apply(T),
    /// The object is gone; this is how it was last.
    Delete(T),
    /// These exist, and were read just now. Nothing is said about others.
    Read(Vec<T>),
    /// These are all there are. What was known before and is not among them is gone, and whatever happened
    /// between the two is unknown.
    Reset(Vec<T>),
    /// The same in pieces, for lists that would not fit into memory: a list begins.
    ListBegins,
    /// The next of the list.
    Listed(T),
    /// That was the list. One that breaks off has no end; it begins anew.
    ListEnds,
}

impl<T> Change<T> {
    /// The same about what is made of the objects.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Change<U> {
        match self {
            Self::Apply(object) => Change::Apply(make(object)),
            Self::Delete(object) => Change::Delete(make(object)),
            Self::Read(objects) => Change::Read(objects.into_iter().map(make).collect()),
            Self::Reset(objects) => Change::Reset(objects.into_iter().map(make).collect()),
            Self::ListBegins => Change::ListBegins,
            Self::Listed(object) => Change::Listed(make(object)),
            Self::ListEnds => Change::ListEnds,
        }
    }
}
