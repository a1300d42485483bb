//! XML elements. Whatever is put into them, what comes out is well-formed: names are ours, everything else is
//! escaped. Knows no vocabulary.

use std::fmt::{self, Display, Write};

use operator_runtime::printable;

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Text(String),
    Element(Element),
}

// === impl Element ===

impl Element {
    /// An empty one.
    pub const fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Vec::new() }
    }

    /// With an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With text at the end.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.content.push(Node::Text(text.into()));
        self
    }

    /// With an element at the end.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.content.push(Node::Element(child));
        self
    }

    /// With elements at the end.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.content.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Whether every element in it has a line of its own: many elements can be read only so, and compared.
    fn is_list(&self) -> bool {
        self.content.len() > 3 && self.content.iter().all(|node| matches!(node, Node::Element(_)))
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", escape(value))?;
        }
        if self.content.is_empty() {
            return f.write_str("/>");
        }
        f.write_char('>')?;
        let end = if self.is_list() { "\n" } else { "" };
        f.write_str(end)?;
        for node in &self.content {
            match node {
                Node::Text(text) => f.write_str(&escape(text))?,
                Node::Element(element) => write!(f, "{element}{end}")?,
            }
        }
        write!(f, "</{}>", self.name)
    }
}

/// Text as it may stand in an element or an attribute. Ends of lines stay, in attributes too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            escaped.push('\n');
        }
        // Among others this replaces all that XML 1.0 has no way to write.
        for character in printable(line, false).chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                _ => escaped.push(character),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_put_into_an_element_ends_it() {
        let element =
            Element::new("text").with("class", "\"/><script>").text("</text><script>&'\u{0}\u{b}\u{ffff}");
        assert_eq!(
            element.to_string(),
            "<text class=\"&quot;/&gt;&lt;script&gt;\">\
             &lt;/text&gt;&lt;script&gt;&amp;&#39;\u{fffd}\u{fffd}\u{fffd}</text>"
        );
    }

    #[test]
    fn long_lists_have_a_line_for_each_element() {
        let pair = || Element::new("g").children(["a", "b"].map(Element::new));
        let list = Element::new("svg").children([pair(), pair(), pair(), pair()]);
        let line = "<g><a/><b/></g>\n";
        assert_eq!(list.to_string(), format!("<svg>\n{}</svg>", line.repeat(4)));
    }
}
