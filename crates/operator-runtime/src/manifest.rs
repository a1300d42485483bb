//! Files of objects as kubectl takes them: YAML or JSON, several documents a file, lists, folders, standard input. What an
//! object means is known to whoever asked for it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde_json::Value;
use thiserror::Error;

/// The objects of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The file, for people.
    pub source: String,
    /// Its objects, lists taken apart.
    pub objects: Vec<Value>,
}

/// Why there are no objects.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// A file or a folder cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// What is in a file is neither YAML nor JSON, or no object.
    #[error("cannot understand {path}: {reason}")]
    Unintelligible {
        /// Which.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// All objects in a file, in the files of a folder, or in standard input (`-`).
pub fn read_manifests(path: &Path) -> Result<Vec<Manifest>, ManifestError> {
    if path == Path::new("-") {
        let source = "standard input".to_owned();
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(|error| unreadable(source.clone(), &error))?;
        return Ok(vec![manifest(source, &text)?]);
    }
    if !path.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let files = files(path).map_err(|error| unreadable(format!("folder {}", path.display()), &error))?;
    if files.is_empty() {
        let reason = "there is no *.yaml, *.yml or *.json in that folder".to_owned();
        return Err(ManifestError::Unreadable { path: path.display().to_string(), reason });
    }
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Manifest, ManifestError> {
    let source = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| unreadable(source.clone(), &error))?;
    manifest(source, &text)
}

fn unreadable(path: String, error: &io::Error) -> ManifestError {
    ManifestError::Unreadable { path, reason: error.to_string() }
}

fn manifest(source: String, text: &str) -> Result<Manifest, ManifestError> {
    match documents(text) {
        Ok(documents) => Ok(Manifest { source, objects: documents.into_iter().flat_map(items).collect() }),
        Err(reason) => Err(ManifestError::Unintelligible { path: source, reason }),
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    let has_ending = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| ENDINGS.contains(&ending)) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.into_iter().filter(has_ending).collect();
    files.sort();
    Ok(files)
}

/// The documents of a text. JSON is tried first: it is read faster, and kubectl prints much of it.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents = if text.trim_start().starts_with('{') {
        // A brace may begin YAML, too; what is neither is told as JSON.
        json(text).or_else(|error| yaml(text).map_err(|_| error))?
    } else {
        yaml(text)?
    };
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(_) => objects.push(document),
            other => {
                let start: String = other.to_string().chars().take(60).collect();
                return Err(format!("a document is no object: {start}"));
            }
        }
    }
    Ok(objects)
}

fn json(text: &str) -> Result<Vec<Value>, String> {
    let documents = serde_json::Deserializer::from_str(text).into_iter();
    documents.collect::<Result<Vec<Value>, _>>().map_err(|error| error.to_string())
}

/// As in YAML 1.2, so that a namespace may be called y.
fn yaml(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| sentence(&error.to_string()))
}

/// The sentence in an error of the reader of YAML, which shows the place in further lines.
fn sentence(error: &str) -> String {
    let sentence = error.lines().next().unwrap_or_default();
    sentence.strip_prefix("error: ").unwrap_or(sentence).to_owned()
}

/// The objects of a list, or the one object. A list tells the kind of those that do not say it themselves.
pub fn items(mut object: Value) -> Vec<Value> {
    let kind = object["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).map(str::to_owned);
    let (Some(kind), Some(items)) = (kind, object.get_mut("items").map(Value::take)) else {
        return vec![object];
    };
    let Value::Array(items) = items else { return Vec::new() };
    let complete = |mut item: Value| {
        if let Value::Object(fields) = &mut item
            && !kind.is_empty()
        {
            fields.entry("kind").or_insert_with(|| kind.clone().into());
            fields.entry("apiVersion").or_insert_with(|| object["apiVersion"].clone());
        }
        item
    };
    items.into_iter().map(complete).flat_map(self::items).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_may_be_yaml_or_json_and_several() {
        let cases = [
            ("a: 1\n---\nb: 2\n", 2),
            ("---\n# only a comment\n---\na: 1\n", 1),
            ("{\"a\": 1}{\"b\": 2}\n", 2),
            ("{\"a\": 1}\n---\n{\"b\": 2}\n", 2),
            ("{a: 1, b: [x]}\n", 1),
            ("", 0),
        ];
        for (text, count) in cases {
            assert_eq!(documents(text).unwrap().len(), count, "{text:?}");
        }
    }

    #[test]
    fn only_true_and_false_are_booleans() {
        let read = documents("y: n\nhostNetwork: true\n").unwrap();
        assert_eq!(read, [json!({"y": "n", "hostNetwork": true})]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["- a\n", "just text\n", "{\"a\": ", "a: [\n"] {
            assert!(documents(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_are_taken_apart_and_tell_the_kind_of_what_is_in_them() {
        let pods = json!({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}]});
        let list = json!({"kind": "List", "items": [pods, {"kind": "Node", "apiVersion": "v1"}]});
        let kinds: Vec<Value> = items(list).into_iter().map(|item| item["kind"].clone()).collect();
        assert_eq!(kinds, ["Pod", "Node"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_told_by_name() {
        let error = read_manifests(Path::new("/no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /no/such/file: "), "{error}");
    }
}
