//! `Table`, the form in which `kubectl get` wants objects: columns, and what stands in their cells. Which objects
//! are shown is not this file's business.

mod builtin;
mod json_path;
mod pod;

use serde_json::{Value, json};

pub(crate) use self::builtin::columns as builtin_columns;
use self::json_path::JsonPath;
use crate::timestamp;

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    name: String,
    r#type: String,
    format: String,
    description: String,
    /// More than 0 only with `-o wide`.
    priority: i64,
    cell: Cell,
}

/// What stands in a cell.
#[derive(Clone, Debug)]
enum Cell {
    /// What a path of a definition leads to.
    Path(JsonPath),
    /// How long ago that was.
    Age(JsonPath),
    Made(fn(&Value) -> Value),
}

// === impl Column ===

impl Column {
    /// The column that every table begins with.
    pub(crate) fn name() -> Self {
        Self {
            format: "name".to_owned(),
            ..Self::made("Name", 0, |object| object["metadata"]["name"].clone())
        }
    }

    /// A column of a definition.
    pub(crate) fn custom(given: &Value) -> Self {
        let text = |field: &str| given[field].as_str().unwrap_or_default().to_owned();
        let path = text("jsonPath");
        let parsed = JsonPath::parse(&path);
        let (r#type, description) = (text("type"), text("description"));
        let cell = if r#type == "date" { Cell::Age(parsed) } else { Cell::Path(parsed) };
        let usual = format!("Custom resource definition column (in JSONPath format): {path}");
        Self {
            name: text("name"),
            r#type,
            format: text("format"),
            description: if description.is_empty() { usual } else { description },
            priority: given["priority"].as_i64().unwrap_or_default(),
            cell,
        }
    }

    /// A column of a built-in kind.
    fn made(name: &str, priority: i64, cell: fn(&Value) -> Value) -> Self {
        Self {
            name: name.to_owned(),
            r#type: "string".to_owned(),
            format: String::new(),
            description: name.to_owned(),
            priority,
            cell: Cell::Made(cell),
        }
    }

    /// A column of numbers.
    fn count(name: &str, cell: fn(&Value) -> Value) -> Self {
        Self { r#type: "integer".to_owned(), ..Self::made(name, 0, cell) }
    }

    fn age() -> Self {
        Self::made("Age", 0, |object| json!(age(&object["metadata"]["creationTimestamp"])))
    }

    fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.r#type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }

    fn cell(&self, object: &Value) -> Value {
        match &self.cell {
            Cell::Path(path) => path.value(object, &self.r#type),
            Cell::Age(path) => json!(age(path.first(object).unwrap_or(&Value::Null))),
            Cell::Made(make) => make(object),
        }
    }
}

fn age(then: &Value) -> String {
    timestamp::age(then.as_str().unwrap_or_default())
}

/// What the columns are.
pub(crate) fn definitions(columns: &[Column]) -> Value {
    columns.iter().map(Column::definition).collect()
}

/// The cells of an object.
pub(crate) fn cells(columns: &[Column], object: &Value) -> Value {
    columns.iter().map(|column| column.cell(object)).collect()
}
