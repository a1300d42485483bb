//! Files of objects: YAML or JSON, several documents a file, folders, standard input.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde_json::Value;

const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// All objects in a file, in the files of a folder, or in standard input.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return documents(&text).context("cannot understand standard input");
    }
    if !path.is_dir() {
        return read_file(path);
    }
    let mut objects = Vec::new();
    for file in files(path).with_context(|| format!("cannot read folder {}", path.display()))? {
        objects.extend(read_file(&file)?);
    }
    Ok(objects)
}

fn read_file(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    documents(&text).with_context(|| format!("cannot understand {}", path.display()))
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

/// The objects of a text. JSON is tried first: it is read faster, and kubectl prints much of it.
pub(crate) fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let documents = if text.trim_start().starts_with('{') {
        serde_json::Deserializer::from_str(text).into_iter().collect::<Result<Vec<Value>, _>>()?
    } else {
        let options = serde_saphyr::options! { budget: None };
        serde_saphyr::from_multiple_with_options(text, options)?
    };
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(_) => objects.push(document),
            other => {
                bail!("a document is no object: {}", other.to_string().chars().take(60).collect::<String>())
            }
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_may_be_yaml_or_json_and_several() {
        let cases = [
            ("a: 1\n---\nb: 2\n", 2),
            ("---\n# only a comment\n---\na: 1\n", 1),
            ("{\"a\": 1}{\"b\": 2}\n", 2),
            ("", 0),
        ];
        for (text, count) in cases {
            assert_eq!(documents(text).unwrap().len(), count, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["- a\n", "just text\n", "{\"a\": ", "a: [\n"] {
            assert!(documents(text).is_err(), "{text:?}");
        }
    }
}
